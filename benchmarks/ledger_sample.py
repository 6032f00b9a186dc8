# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The typical entry that the ledger's benchmarks append: about 1,000 bytes of record, 460 of facts."""

import json
from pathlib import Path
from typing import Any, Final

from ombud_gateway.randomness import Randomness
from ombud_ledger import Facts, Ledger, Options

RECORD: Final[dict[str, Any]] = {
    "id": "0192f3a0-7b3c-7def-8123-456789abcdef",
    "system": "credit",
    "principal": 'Agent::"loan-bot"',
    "principal_type": "Agent",
    "action": "infer",
    "method": "ModelInfer",
    "resource": 'Model::"credit"',
    "model": "credit",
    "model_version": "3",
    "config_digest": "a" * 64,
    "artifact_digest": "not supplied",
    "bundle": "b" * 64,
    "entities": "c" * 64,
    "contract": "d" * 64,
    "verdict": "allow",
    "stage": "release",
    "policies": ["permit-agents", "permit-release"],
    "policies_total": 2,
    "correlation_id": "0192f3a0-7b3c",
    "run_id": "run-1",
    "attempt": 1,
    "trace_id": "e" * 32,
    "door": "kserve",
    "steps": {"identify": 12, "contract": 40, "decide": 90, "forward": 4_000, "release": 80},
    "added_us": 300,
    "cost_micros": 100,
    "currency": "EUR",
    "outcome": "answered",
    "status": "OK",
    "request_bytes": 400,
    "response_bytes": 300,
    "part": 0,
}
_COLUMNS: Final = 14
CONTRACT: Final = json.dumps(
    {"columns": [{"name": f"f{at}", "type": "double" if at % 2 else "bigint"} for at in range(_COLUMNS)]}
).encode()
QUIET: Final = Options(seal_automatically=False)


def open_log(root: Path) -> tuple[Ledger, Facts]:
    """Open a log that seals only when told, and the facts to append to it."""
    # Salts come by the page, as in the gateway.
    ledger = Ledger.open(
        root, log="bench-0", origin="bench.example/bench/0/1", options=QUIET, randomness=Randomness()
    )
    values = {f"f{at}": "123.456" if at % 2 else at for at in range(_COLUMNS)}
    extra = {"request_sha256": "a" * 64, "response_sha256": "b" * 64, "context": {"purpose": "y" * 100}}
    return ledger, Facts(ledger.put_object(CONTRACT), values, extra)
