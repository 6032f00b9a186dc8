# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Small real ledgers of one system for the tests of reports: calls as rows of values, spread over days."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ombud_ledger import Facts as LedgerFacts
from ombud_ledger import Ledger, Options, Vault, labels
from ombud_reports.making import make
from ombud_reports.result import Figure, Notice, Report, Table

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
_TYPES = {
    "amount": ("double", "decimal", "feature"),
    "rooms": ("bigint", "integer", "feature"),
    "region": ("varchar", "string", "feature"),
    "sex": ("varchar", "string", "protected"),
    "owner": ("boolean", "boolean", "feature"),
    "approve": ("boolean", "boolean", "label"),
    "confidence": ("double", "decimal", "confidence"),
}
OUTPUTS = ("approve", "confidence")
SYSTEM_FILE = """system: credit
purpose: Test
monitoring:
  favourable: [true]
  least: {calls: 20, day: 10, group: 5, category: 2}
  drift: {psi: 0.25}
"""


def contract(types: Mapping[str, tuple[str, str, str]] = _TYPES) -> bytes:
    """Return a contract object as a gateway keeps it."""

    def spec(name: str) -> dict[str, Any]:
        _, kind, role = types[name]
        return {"name": name, "type": kind, "role": role, "optional": True, "tensor": name}

    document = {
        "format": "ombud-contract/1",
        "columns": [{"name": name, "type": column} for name, (column, _, _) in types.items()],
        "inputs": [spec(name) for name in types if name not in OUTPUTS],
        "outputs": [spec(name) for name in types if name in OUTPUTS],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Row:
    """One call: when, its typed values, what else its record says, and whom it is about."""

    at: datetime
    values: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "decision"
    subject: str = ""
    label: Any = None
    label_kind: str = "observed"


def record(
    root: Path,
    rows: Iterable[Row],
    *,
    log: str = "r-0",
    system_file: str = SYSTEM_FILE,
    vault: Vault | None = None,
    seal: bool = True,
    types: Mapping[str, tuple[str, str, str]] = _TYPES,
) -> Ledger:
    """Write rows in order of time into a log, and leave it open."""
    listed = sorted(rows, key=lambda row: row.at)
    times = [START - DAY] * 2  # genesis, system
    for row in listed:
        times += [row.at] * (1 if row.label is None else 2)
    ticks = itertools.chain(times, itertools.repeat(max(times)))
    ledger = Ledger.open(
        root,
        log=log,
        origin=f"acme/test/{log}",
        options=Options(seal_automatically=False),
        clock=lambda: int(next(ticks).timestamp() * 1_000_000),
        vault=vault,
    )
    digest = ledger.put_object(contract(types))
    body = {"event": "declared", "system": "credit", "contract": digest}
    ledger.append_blocking("system", {**body, "digest": ledger.put_object(system_file.encode())})
    label = ledger.put_object(labels.CONTRACTS["boolean"])
    asyncio.run(_append(ledger, listed, digest, label, vault))
    if seal:
        ledger.seal_blocking()
    return ledger


async def _append(ledger: Ledger, rows: Sequence[Row], digest: str, label: str, vault: Vault | None) -> None:
    """Append all rows, many to a commit."""
    waiting = []
    for number, row in enumerate(rows):
        body, facts = _entry(row, f"{ledger.log}-{number}", digest, vault)
        waiting.append(asyncio.ensure_future(ledger.append(row.kind, body, facts)))
        if row.label is not None:
            held = LedgerFacts(label, {"value_boolean": row.label})
            told = {"decision": body["id"], "label_kind": row.label_kind, "selection": "all"}
            told |= {"system": "credit", "by": "test"}
            waiting.append(asyncio.ensure_future(ledger.append("label", told, held)))
    await asyncio.gather(*waiting)


def _entry(
    row: Row, name: str, digest: str, vault: Vault | None
) -> tuple[dict[str, Any], LedgerFacts | None]:
    values = {key: repr(value) if isinstance(value, float) else value for key, value in row.values.items()}
    values = {key: value for key, value in values.items() if value is not None}
    subject = vault.pseudonym(row.subject) if vault is not None and row.subject else None
    answered = any(name in values for name in OUTPUTS)
    body = {
        "id": name,
        "system": "credit",
        "action": "infer",
        "model": "loan",
        "verdict": "allow",
        "policies": ["agents-ask"],
        "correlation_id": f"case-{name}",
        **({"outcome": "answered", "model_version": "1"} if answered else {}),
        **row.more,
    }
    body = {key: value for key, value in body.items() if value is not None}
    return body, LedgerFacts(digest, values, subject=subject) if values else None


def report(root: Path, kind: str, begin: datetime, end: datetime, **options: Any) -> Report:
    """Make a report of the ledger."""
    from ombud_ledger import query

    with query.connect(root) as ledger:
        return make(kind, ledger, system="credit", begin=begin, end=end, options=options)


def figures(made: Report) -> dict[str, Figure]:
    """Return a report's figures by name, without those of the frame."""
    return {each.name: each for each in made.figures() if not each.name.startswith("basis.")}


def values(made: Report) -> dict[str, Any]:
    """Return a report's figures' values by name."""
    return {name: each.value for name, each in figures(made).items()}


def tables(made: Report) -> dict[str, Table]:
    """Return a report's tables by section and title."""
    return {
        f"{section.title}: {block.title}": block
        for section in made.sections
        for block in section.blocks
        if isinstance(block, Table)
    }


def assert_same(made: Report, other: Report, *, rel: float = 1e-9) -> None:
    """Demand the same figures of two reports: numbers to `rel`, all else exactly."""
    one, two = values(made), values(other)
    assert [*one] == [*two]
    for name, value in one.items():
        expected = two[name]
        if isinstance(expected, float):
            expected = pytest.approx(expected, rel=rel, abs=1e-12)
        assert value == expected, name


def notices(made: Report) -> list[str]:
    """Return the texts of a report's notices."""
    return [block.text for section in made.sections for block in section.blocks if isinstance(block, Notice)]


def spread(values: Sequence[Mapping[str, Any]], begin: datetime, days: int) -> list[Row]:
    """Spread rows evenly over days."""
    step = DAY * days / max(len(values), 1)
    return [Row(begin + step * at, each) for at, each in zip(itertools.count(), values, strict=False)]
