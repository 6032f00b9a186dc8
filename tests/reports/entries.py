# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Small real ledgers, entry by entry, each at a time of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ombud_ledger import Facts, Ledger, Options

START = 1_760_000_000_000_000
"""2025-10-09 08:53:20 UTC, in microseconds."""
SECOND = 1_000_000
Entry = tuple[float, str, Mapping[str, Any]]
"""Seconds after START, kind, body."""

FILE: Mapping[str, Any] = {
    "system": "credit",
    "purpose": "Recommend.",
    "owner": "The owner",
    "risk": "high",
    "retention": {part: {"period": "2y", "reason": "r"} for part in ("entries", "facts", "payloads")},
    "models": [{"name": "loan", "upstream": "triton"}],
    "contract": {"outputs": [{"name": "approve", "type": "boolean", "role": "label"}]},
}


def write(root: Path, entries: Iterable[Entry], *, log: str = "r0-0") -> None:
    """Write one log of a ledger, entries in order of time."""
    now = [START]
    ledger = Ledger.open(
        root,
        log=log,
        origin=f"acme/test/{log.partition('-')[0]}",
        options=Options(seal_automatically=False),
        clock=lambda: now[0],
        randomness=bytes,
    )
    for seconds, kind, body in entries:
        now[0] = START + int(seconds * SECOND)
        facts = body.get("facts")
        ledger.append_blocking(
            kind,
            {key: value for key, value in body.items() if key != "facts"},
            Facts(ledger.put_object(_CONTRACT), facts) if facts else None,
        )
    ledger.close()


_CONTRACT = json.dumps({"columns": [{"name": "approve", "type": "boolean"}]}, separators=(",", ":")).encode()


def declare(root: Path, **sections: Any) -> Entry:
    """Keep a system file in a ledger and return the entry that declares it; the ledger must not be open."""
    text = yaml.safe_dump({**FILE, **sections}, sort_keys=False, allow_unicode=True).encode()
    return declared(root, text)


def declared(root: Path, text: bytes) -> Entry:
    """Put any object in place of a system file, as whoever holds a ledger can, and return its entry."""
    from hashlib import sha256

    objects = root / "objects"
    objects.mkdir(mode=0o700, parents=True, exist_ok=True)
    digests = []
    for content in (text, _CONTRACT):
        digests.append(sha256(content).hexdigest())
        (objects / digests[-1]).write_bytes(content)
    body = {
        "event": "declared",
        "system": "credit",
        "digest": digests[0],
        "contract": digests[1],
        "retention": {"entries": "2y", "facts": "2y", "payloads": "90d"},
    }
    return 0, "system", body


def answered(seconds: float, call: str, *, took: float = 0.01, **more: Any) -> Entry:
    """Describe a call that was forwarded and answered, recorded at a time, having taken some seconds."""
    body = {
        "id": call,
        "system": "credit",
        "principal": 'Agent::"intake"',
        "principal_type": "Agent",
        "door": "kserve-grpc",
        "action": "infer",
        "method": "ModelInfer",
        "resource": 'Model::"loan"',
        "model": "loan",
        "model_version": "1",
        "verdict": "allow",
        "policies": ["agents-ask"],
        "policies_total": 1,
        "outcome": "answered",
        "status": "OK",
        "response_bytes": 8,
        "added_us": 0,
        "steps": {"forward": int(took * SECOND)},
        **more,
    }
    return seconds, "decision", body


def sample(seconds: float, *counts: tuple[str, str, int], told: float | None = None, **more: Any) -> Entry:
    """Describe what a server had counted of (model, version) at a time, recorded then or later."""
    models = [
        {"model": model, "version": version, "succeeded": n, "failed": 0, "rows": n, "batches": n}
        for model, version, n in counts
    ]
    body = {
        "event": "counted",
        "system": "credit",
        "upstream": "triton",
        "sampled_at": START + int(seconds * SECOND),
        "models": models,
        **more,
    }
    return (seconds if told is None else told), "upstream", body
