# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Small ledgers and the faults done to them, for the ledger's tests."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ombud_ledger import (
    Completeness,
    Facts,
    Ledger,
    Options,
    Payload,
    Position,
    Vault,
    Verification,
    verify,
)
from ombud_ledger.durable import Durable, act_now
from ombud_ledger.place import Place
from ombud_ledger.stage import StageHere
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.note import Signer
from ombud_ledger.tlog.witnessing import Witnesses

ORIGIN = "acme.example/test/r/1"
QUIET = Options(seal_automatically=False, publish_automatically=False, backoff_first=0.001, backoff_most=0.01)
KEY = SigningKey.from_seed(ORIGIN, bytes(range(32)))
NEXT_KEY = SigningKey.from_seed(ORIGIN, bytes(range(1, 33)))
CONTRACT = json.dumps(
    {
        "columns": [
            {"name": "amount", "type": "double"},
            {"name": "dependents", "type": "bigint"},
            {"name": "employed", "type": "boolean"},
            {"name": "purpose", "type": "varchar"},
        ],
        "system": "credit",
    },
    separators=(",", ":"),
    sort_keys=True,
).encode()


def ticking(start: int = 1_700_000_000_000_000) -> Callable[[], int]:
    """Return a clock that moves one millisecond per look."""
    ticks = itertools.count(start, 1_000)
    return lambda: next(ticks)


def counting() -> Callable[[int], bytes]:
    """Return a source of "randomness" that counts, for byte-equal runs."""
    counter = itertools.count(1)
    return lambda size: next(counter).to_bytes(size, "big")


def open_log(
    root: Path | Place,
    *,
    durable: Durable = act_now,
    options: Options = QUIET,
    log: str = "r-0",
    signers: Sequence[Signer] = (),
    start: int = 1_700_000_000_000_000,
    witnesses: Witnesses | None = None,
    vault: Vault | None = None,
    origin: str = ORIGIN,
) -> Ledger:
    """Open a log that seals and publishes only when told, and in this process."""
    return Ledger.open(
        root,
        log=log,
        origin=origin,
        options=options,
        clock=ticking(start),
        randomness=counting(),
        durable=durable,
        stage=StageHere(),
        signers=signers,
        witnesses=witnesses,
        vault=vault,
    )


def decision(number: int, verdict: str = "allow") -> dict[str, Any]:
    """Return the body of a decision."""
    return {
        "id": f"d-{number}",
        "system": "credit",
        "principal": 'Agent::"loan-bot"',
        "action": "infer",
        "resource": 'Model::"credit"',
        "verdict": verdict,
        "policies": ["permit_small", "permit_release"],
        "policies_total": 2,
        "steps": {"identify": 12, "contract": 30, "decide": 90, "forward": 4_000, "release": 80},
        "final": True,
    }


def facts(contract: str | None, number: int) -> Facts:
    """Return the facts of a decision."""
    values = {"amount": repr(1000.1 + number), "dependents": number, "employed": True, "purpose": "käufe\n"}
    return Facts(contract, values, {"reason": "free text, maybe about a person"})


def about(ledger: Ledger, vault: Vault, subject: str, number: int, text: str) -> Position:
    """Append a decision about a person, with facts, free text among them, and a payload."""
    pseudonym = vault.pseudonym(subject)
    held = facts(ledger.put_object(CONTRACT), number)
    held = Facts(held.contract, held.values, {"reason": text}, pseudonym)
    payload = Payload(pseudonym, f"request {number} of {subject}".encode(), b"response")
    return ledger.append_blocking("decision", decision(number), held, payload=payload)


def fill(ledger: Ledger, count: int, *, start: int = 0) -> list[Position]:
    """Append decisions, every third without facts, every fourth with facts of no contract."""
    contract = ledger.put_object(CONTRACT)

    def held(number: int) -> Facts | None:
        if number % 3 == 2:
            return None
        return facts(None if number % 4 == 3 else contract, number)

    async def run() -> list[Position]:
        numbers = range(start, start + count)
        return await asyncio.gather(*(ledger.append("decision", decision(n), held(n)) for n in numbers))

    return asyncio.run(run())


def build(
    root: Path, *, sealed: tuple[int, ...] = (12,), hot: int = 5, signers: Sequence[Signer] = ()
) -> None:
    """Make a log with one segment per number in `sealed`, and `hot` decisions after them."""
    ledger = open_log(root, signers=signers)
    for count in sealed:
        fill(ledger, count)
        ledger.seal_blocking()
    fill(ledger, hot, start=1_000)
    ledger.close()


def levels(account: Verification) -> list[str]:
    """Return the levels of all findings."""
    return [finding.level for finding in account.all_findings()]


def assert_sound(root: Path) -> Verification:
    """Fail with the findings unless the ledger verifies."""
    account = verify(root)
    assert [str(finding) for finding in account.all_findings()] == []
    assert account.exit_code == 0
    return account


def completeness_of(account: Verification) -> Completeness:
    """Return what the only log says of the times it was there for."""
    (log,) = account.logs
    assert log.completeness is not None
    return log.completeness


class Faulty:
    """Carries out durable steps until the one numbered `at` (or all named `name` from then on), which fails.

    `stored` says whether the failing step does its work first: "failed, but stored".
    """

    def __init__(self, *, at: int, stored: bool, times: int = 1) -> None:
        self.steps: list[str] = []
        self.failed: list[str] = []
        self._at = at
        self._stored = stored
        self._times = times

    def __call__(self, step: str, act: Callable[[], object]) -> None:
        self.steps.append(step)
        if self._at <= len(self.steps) - 1 and len(self.failed) < self._times:
            self.failed.append(step)
            if self._stored:
                act()
            raise OSError(28, "No space left on device")
        act()


def files_of(root: Path) -> Iterator[Path]:
    """Yield every sealed file."""
    yield from sorted(root.glob("logs/*/entries/*.parquet"))
    yield from sorted(root.glob("logs/*/facts/*/*.parquet"))
    yield from sorted(root.glob("logs/*/payloads/*.parquet"))
