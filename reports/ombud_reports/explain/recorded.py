# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger holds for an explanation: the decision, cases to compare with, and the reference they
make."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ombud_reports.errors import OptionInvalid
from ombud_reports.explain.contract import Case, Contract, Value, parse_contract
from ombud_reports.explain.transcript import Model, Place
from ombud_reports.identifiers import quoted
from ombud_reports.reading import Reading
from ombud_reports.result import Window

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_QUANTILES: Final = [step / 20 for step in range(21)]
_MOST_CLASSES: Final = 32
SEEN: Final = "e.action = 'infer' AND e.kind IN ('decision', 'outcome') AND e.model_version IS NOT NULL"
"""Entries whose facts hold what the model was asked and what it answered."""

_DECISION: Final = """
SELECT e.log, e.seq, e.kind, CAST(e.ts AS VARCHAR) AS ts, e.record, f.facts
FROM entries e LEFT JOIN facts f ON f.log = e.log AND f.seq = e.seq
WHERE e.id = $decision AND e.system = $system AND e.kind IN ('decision', 'intent', 'outcome')
ORDER BY e.log, e.seq
"""
_CASES: Final = """
SELECT log, seq, facts FROM facts
WHERE log || ':' || seq IN (SELECT unnest(string_split($places, ' ')))
"""
_VERSION: Final = f"""
SELECT e.model, e.model_version, e.contract, count(*) AS answers,
       arg_max(e.config_digest, e.ts) AS config_digest, arg_max(e.artifact_digest, e.ts) AS artifact_digest
FROM entries e
WHERE e.system = $system AND e.ts >= $begin::TIMESTAMP AND e.ts < $end::TIMESTAMP
  AND {SEEN} AND e.kind = 'decision' AND ($version = '' OR e.model_version = $version)
GROUP BY ALL ORDER BY answers DESC, e.model, e.model_version LIMIT 1
"""  # noqa: S608 - a constant of this module


@dataclass(frozen=True, slots=True)
class Decided:
    """One call as it is recorded: its entries' records joined, and where its facts are."""

    id: str
    ts: str
    place: Place
    record: Mapping[str, Any]
    facts: Mapping[str, Any] | None
    """None once they are erased, or where policy kept none."""
    erased: bool
    contract: Contract | None

    @property
    def model(self) -> Model:
        """Return which model answered."""
        keys = ("model", "model_version", "config_digest", "artifact_digest")
        name, version, config, artifact = (str(self.record.get(key, "")) for key in keys)
        return Model(name, version, config, artifact, self.contract.digest if self.contract else "")

    @property
    def case(self) -> Case | None:
        """Return what the model was asked; None where facts do not say. Raises OptionInvalid if redacted."""
        if self.contract is None or self.facts is None or not self.record.get("model_version"):
            return None
        return self.contract.case(self.facts)

    @property
    def outputs(self) -> Case | None:
        """Return what the model answered, as `case`."""
        return (
            None if self.case is None or self.contract is None else self.contract.outputs_of(self.facts or {})
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """How features are spread over decisions of the window."""

    rows: int
    spread: tuple[float, ...]
    """Of each feature, the distance between its 10th and 90th hundredth, else its range; 0 where it has
    none."""
    values: tuple[tuple[Value, ...], ...]
    """Of each feature, values it took: numbers in steps of a twentieth of all rows, classes the first 32."""


def decided(reading: Reading, decision: str) -> Decided:
    """Read one decision. Raises OptionInvalid where the system has none of that id."""
    rows = reading.ask("decision", _DECISION, decision=decision)
    if not rows:
        raise OptionInvalid(f"decision: {decision[:80]!r} is no call of system {reading.system}")
    records = [json.loads(row["record"]) for row in rows]
    record: dict[str, Any] = {}
    for each in records:
        record.update(each)
    last = rows[-1]
    facts = json.loads(last["facts"]) if last["facts"] else None
    digest = str(record.get("contract", ""))
    return Decided(
        decision,
        rows[0]["ts"],
        (last["log"], last["seq"]),
        record,
        facts["values"] if facts and facts["values"] else None,
        erased="facts_commit" in records[-1] and facts is None,
        contract=contract_of(reading, digest) if digest else None,
    )


def contract_of(reading: Reading, digest: str) -> Contract:
    """Read the contract that the ledger keeps under a digest. Raises OptionInvalid, or what `kept` raises."""
    return parse_contract(reading.ledger.kept(_hex(digest)), digest)


def newest_model(reading: Reading, window: Window, version: str = "") -> Model:
    """Return the model version that answered most in the window. Raises OptionInvalid where none did."""
    rows = reading.ask("model", _VERSION, version=version, begin=window.begin, end=window.end)
    if not rows:
        named = f" of version {version!r}" if version else ""
        raise OptionInvalid(
            f"window: no answer of a model{named} of system {reading.system} is recorded in it"
        )
    row = rows[0]
    return Model(
        row["model"], row["model_version"], row["config_digest"], row["artifact_digest"], row["contract"]
    )


def draw(
    reading: Reading, name: str, contract: Contract, window: Window, *, rows: int, seed: str, but: str = ""
) -> tuple[Place, ...]:
    """Draw cases of the window at random: those whose MD5 of id and seed is smallest, so that anyone finds
    them."""
    required = "".join(
        f" AND f.{quoted(field.name)} IS NOT NULL" for field in contract.features if not field.optional
    )
    sql = f"""
SELECT f.log, f.seq
FROM {view(contract)} f JOIN entries e ON e.log = f.log AND e.seq = f.seq
WHERE e.system = $system AND e.ts >= $begin::TIMESTAMP AND e.ts < $end::TIMESTAMP AND e.id <> $but
  AND {SEEN} AND f.facts IS NOT NULL{required}
ORDER BY md5($seed || e.id), e.id LIMIT {rows:d}
"""  # noqa: S608 - names are quoted, values are parameters
    found = reading.ask(name, sql, seed=seed, but=but, begin=window.begin, end=window.end)
    return tuple((row["log"], row["seq"]) for row in found)


def cases(reading: Reading, name: str, contract: Contract, places: Sequence[Place]) -> list[Case]:
    """Return the cases at these places, in that order. Raises OptionInvalid where one is erased since."""
    listed = " ".join(f"{log}:{seq}" for log, seq in places)
    rows = reading.ask(name, _CASES, places=listed)
    found = {(row["log"], row["seq"]): json.loads(row["facts"])["values"] for row in rows if row["facts"]}
    if gone := len(set(places) - set(found)):
        raise OptionInvalid(
            f"answers: {gone} of the {len(places)} cases of {name} were erased since, and are not guessed "
            "at; ask the model anew with `ombud explain`"
        )
    return [contract.case(found[place]) for place in places]


def reference(reading: Reading, contract: Contract, window: Window) -> Reference:
    """Return how features are spread over the window. Raises OptionInvalid where it has no decision."""
    columns = [
        f"quantile_disc(f.{quoted(field.name)}, {_QUANTILES})"
        if field.number
        else f"list_sort(list(DISTINCT f.{quoted(field.name)}))[:{_MOST_CLASSES}]"
        for field in contract.features
    ]
    selected = ", ".join(f"{column} AS v{at}" for at, column in enumerate(columns))
    sql = f"""
SELECT count(*) AS rows, {selected}
FROM {view(contract)} f JOIN entries e ON e.log = f.log AND e.seq = f.seq
WHERE e.system = $system AND e.ts >= $begin::TIMESTAMP AND e.ts < $end::TIMESTAMP
  AND {SEEN} AND f.facts IS NOT NULL
"""  # noqa: S608 - names are quoted
    (row,) = reading.ask("reference", sql, begin=window.begin, end=window.end)
    if not row["rows"]:
        raise OptionInvalid(f"window: no decision of system {reading.system} with facts is in it")
    values: list[tuple[Value, ...]] = []
    spread: list[float] = []
    for at, field in enumerate(contract.features):
        seen = row[f"v{at}"] or []
        inner = float(seen[18] - seen[2]) if field.number and seen else 0.0
        spread.append(inner or (float(seen[-1] - seen[0]) if field.number and seen else 0.0))
        values.append(tuple(dict.fromkeys(seen)))
    return Reference(row["rows"], tuple(spread), tuple(values))


def view(contract: Contract) -> str:
    """Return the name of the view of facts of a contract. Raises OptionInvalid for what is no digest."""
    return f"facts_{_hex(contract.digest)[:16]}"


def _hex(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise OptionInvalid(f"contract: {digest[:80]!r} must be a SHA-256 in lower-case hex")
    return digest
