# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Ledgers for the tests of reports: two windows of calls with known times, verdicts, reviews and costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ombud_ledger import Facts, Ledger, Options
from ombud_ledger.stage import StageHere
from ombud_ledger.tlog.keyfile import SigningKey

START: Final = 1_760_000_000_000_000
SECOND: Final = 1_000_000
ORIGIN: Final = "acme.example/test/r0/1"
KEY: Final = SigningKey.from_seed(ORIGIN, bytes(range(32)))
CONTRACT: Final = json.dumps(
    {"columns": [{"name": "amount", "type": "double"}], "system": "credit"}, separators=(",", ":")
).encode()
SYSTEM: Final = """\
system: credit
purpose: Recommend.
owner: Retail credit
risk: high
slos:
  added_latency: {within_ms: 1, share: 0.9}
  availability: {share: 0.99}
  review_turnaround: {within_minutes: 1, share: 0.5}
  straight_through: {share: 0.8}
"""
Entry = tuple[int, str, dict[str, Any], dict[str, Any] | None]
"""Second, kind, body, and values of its facts."""


def call(number: int, second: int, **more: Any) -> Entry:
    """A decision of the system: answered, unless said otherwise."""
    body = {
        "id": f"c{number}",
        "system": "credit",
        "principal": 'Agent::"intake"',
        "action": "infer",
        "model": "loans",
        "verdict": "allow",
        "outcome": "answered",
        "status": "OK",
        "attempt": 1,
        "correlation_id": f"case-{number // 2}",
        "added_us": 100 + 10 * number,
        "steps": {"identify": 10, "contract": 20, "decide": 30 + number, "forward": 4_000, "release": 40},
        "cost_micros": 1_500,
        "currency": "USD",
        **more,
    }
    return second, "decision", body, {"amount": repr(1000.5 + number)}


def review(number: int, second: int, event: str, **more: Any) -> Entry:
    """What happened to the review of a call."""
    body = {"id": f"c{number}", "system": "credit", "event": event, "stage": "infer", "groups": ["staff"]}
    return second, "review", {**body, **more}, None


def story() -> list[Entry]:
    """Two hours: forty calls in the first, sixty in the second, with reviews, a denial and a failure."""
    entries = [call(number, 60 * number) for number in range(40)]
    entries += [call(number, 3600 + 50 * (number - 40)) for number in range(40, 100)]
    held = {"verdict": "review", "outcome": "refused", "status": "FAILED_PRECONDITION"}
    for number in (50, 60, 70):
        second, kind, body, facts = entries[number]
        entries[number] = second, kind, {**body, **held, "reason": "REVIEW_REQUIRED"}, facts
        entries.append(review(number, second, "opened"))
    entries.append(review(50, 4_110, "approved", group="staff", approver='User::"ada"'))
    entries.append(review(60, 5_000, "rejected", group="staff", approver='User::"ada"'))
    for number, more in (
        (80, {"verdict": "deny", "outcome": "refused", "status": "PERMISSION_DENIED", "reason": "DENIED"}),
        (81, {"outcome": "failed", "status": "UNAVAILABLE", "reason": "UPSTREAM"}),
        (82, {"attempt": 2}),
    ):
        second, kind, body, facts = entries[number]
        entries[number] = second, kind, {**body, **more}, facts
    entries.append((4_000, "refused", {"counts": {"unauthenticated": 3}}, None))
    return sorted(entries, key=lambda entry: entry[0])


def write(
    root: Path,
    entries: Iterable[Entry],
    *,
    log: str = "r0-0",
    origin: str = ORIGIN,
    signed: bool = False,
    sealed: bool = True,
    system: str = SYSTEM,
) -> None:
    """Write a log: the system's declaration, then the entries at their seconds."""
    now = [START]
    ledger = Ledger.open(
        root,
        log=log,
        origin=origin,
        options=Options(seal_automatically=False, publish_automatically=False, beat_seconds=86_400),
        clock=lambda: now[0],
        randomness=bytes,
        stage=StageHere(),
        signers=[KEY] if signed else [],
    )
    contract = ledger.put_object(CONTRACT)
    declared = {"event": "declared", "system": "credit", "digest": ledger.put_object(system.encode())}
    ledger.append_blocking("system", {**declared, "contract": contract}, None)

    async def append(entry: Entry) -> None:
        second, kind, body, values = entry
        now[0] = START + second * SECOND
        await ledger.append(kind, body, Facts(contract, values) if values else None)

    async def append_all() -> None:
        await asyncio.gather(*map(append, entries))  # in their order, in few commits

    asyncio.run(append_all())
    if sealed:
        ledger.seal_blocking()
    if signed:
        ledger.publish()
    ledger.close()


def halves(entries: Sequence[Entry], first: Callable[[Entry], bool]) -> tuple[list[Entry], list[Entry]]:
    """Split entries in two, each in order."""
    return [each for each in entries if first(each)], [each for each in entries if not first(each)]
