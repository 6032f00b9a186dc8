# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Logs with systems that declare retention, and years in between, for the tests of pruning and export."""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ledger import samples
from ombud_ledger import Ledger
from ombud_ledger.durable import Durable, act_now
from ombud_ledger.place import Place
from ombud_ledger.tlog.note import Signer

BEGIN = "2023-01-01"
LATER = "2026-07-01"
"""Facts of all segments but the last are over by then, and entries of the first two."""
YEARS = ("2023-03-01", "2024-03-01", "2025-03-01", "2026-06-01")


def us(day: str) -> int:
    """Return the first microsecond of a day, UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def declare(
    ledger: Ledger, system: str = "credit", *, entries: str = "24m", facts: str = "12m", payloads: str = "90d"
) -> None:
    """Record what a gateway records of a system file at its start."""
    source = f"{system} {entries} {facts} {payloads}".encode()
    body = {"event": "declared", "system": system, "digest": ledger.put_object(source)}
    retention = {"entries": entries, "facts": facts, "payloads": payloads}
    ledger.append_blocking("system", {**body, "retention": retention})


def at(
    root: Path | Place,
    day: str,
    *,
    signers: Sequence[Signer] = (),
    durable: Durable = act_now,
    log: str = "r-0",
) -> Ledger:
    """Open the log as of a day."""
    return samples.open_log(root, start=us(day), signers=signers, durable=durable, log=log)


def record(root: Path, *, signers: Sequence[Signer] = (), count: int = 6) -> None:
    """Record a segment a year, from 2023 to 2026, all of the system credit, declared at the start."""
    shutil.copytree(_recorded(tuple(signers), count), root, dirs_exist_ok=True)


@cache
def _recorded(signers: tuple[Signer, ...], count: int) -> Path:
    root = Path(tempfile.mkdtemp(prefix="ombud-years-"))
    atexit.register(shutil.rmtree, root)
    _record(root, signers, count)
    return root


def _record(root: Path, signers: Sequence[Signer], count: int) -> None:
    for number, day in enumerate(YEARS):
        ledger = at(root, day, signers=signers)
        if number == 0:
            declare(ledger)
            activated = {"event": "activated", "new": "ee" * 32, "object": "ff" * 32, "by": "configuration"}
            ledger.append_blocking("policy", activated)
        samples.fill(ledger, count, start=number * 100)
        ledger.publish()
        ledger.seal_blocking()
        ledger.close()


def prune(
    root: Path | Place, day: str = LATER, *, signers: Sequence[Signer] = (), durable: Durable = act_now
) -> None:
    """Prune as of a day."""
    ledger = at(root, day, signers=signers, durable=durable)
    try:
        ledger.prune_blocking(by="os:tester")
    finally:
        ledger.close()


def parquet(root: Path, log: str = "r-0") -> list[str]:
    """Return the sealed files that are there, as they are named inside the log."""
    folder = root / "logs" / log
    return sorted(str(path.relative_to(folder)) for path in folder.glob("*/**/*.parquet"))
