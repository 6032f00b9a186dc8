# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The contract of a system as the ledger keeps it: which fields its calls have, and what each is for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ombud_reports.known import Known
from ombud_reports.reading import Reading

_COLUMN_TYPES = {"double": "decimal", "bigint": "integer", "boolean": "boolean", "varchar": "string"}
_TYPED = """
SELECT facts_contract AS contract, count(*) AS calls, max(ts) AS last
FROM entries
WHERE system = $system AND action = 'infer' AND kind IN ('decision', 'intent', 'outcome')
  AND facts_contract IS NOT NULL AND ts < $end::TIMESTAMP
GROUP BY facts_contract ORDER BY last DESC, contract
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One typed value of a call. `values` are all it may have, where the contract names them."""

    name: str
    type: Literal["decimal", "integer", "boolean", "string"]
    side: Literal["input", "output"] = "input"
    role: str = "feature"
    unit: str = ""
    values: tuple[int | str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether it is a quantity; an integer of a closed list is a code."""
        return self.type == "decimal" or (self.type == "integer" and not self.values)


@dataclass(frozen=True, slots=True)
class Contract:
    """All fields of a system's calls, in the contract's order, less what identifies people."""

    digest: str
    fields: tuple[Field, ...]
    others: int = 0
    """How many other contracts typed calls before the window's end: their fields count where names agree."""

    def of_role(self, *roles: str) -> tuple[Field, ...]:
        """Return the fields of these roles."""
        return tuple(field for field in self.fields if field.role in roles)

    def get(self, name: str) -> Field | None:
        """Return a field by name."""
        return next((field for field in self.fields if field.name == name), None)


def contract_of(reading: Reading, said: Known) -> Contract:
    """Return the contract that was declared, or else typed the newest call; one without fields if none did.

    A field is left out if the ledger has no column of it, or if it identifies a person. Raises what
    `Reading.ask` and `Query.kept` raise.
    """
    found = [str(row["contract"]) for row in reading.ask("contracts", _TYPED)]
    digest, document = said.contract_digest, said.contract
    if not document and found:
        digest = found[0]
        document = json.loads(reading.ledger.kept(digest))
    kept = columns_of(reading)
    fields = tuple(each for each in parse(document) if each.name in kept)
    return Contract(digest, fields, len(set(found) - {digest}))


def columns_of(reading: Reading) -> frozenset[str]:
    """Return the names of the typed columns that the ledger has of the system's calls."""
    view = facts_view(reading.system)
    return frozenset(column for name, column, *_ in reading.ledger.schema() if name == view)


def facts_view(system: str) -> str:
    """Return the name of the view of a system's facts; quote it in SQL."""
    return f"facts_{system}"


def parse(content: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields of a contract object, in its columns' order, without those that identify a person."""
    columns = {str(each["name"]): str(each["type"]) for each in content.get("columns", ())}
    said: dict[str, Field] = {}
    sides: tuple[tuple[Literal["input", "output"], str], ...] = (("input", "inputs"), ("output", "outputs"))
    for side, key in sides:
        for each in content.get(key, ()):
            said[str(each["name"])] = _field(each, side)
    fields = (
        said.get(name, Field(name, _COLUMN_TYPES[kind]))  # type: ignore[arg-type]  # one of the four
        for name, kind in columns.items()
    )
    return tuple(field for field in fields if field.role != "subject")


def _field(said: Mapping[str, Any], side: Literal["input", "output"]) -> Field:
    values = tuple(said.get("values") or ())
    unit, role = str(said.get("unit") or ""), str(said.get("role", "feature"))
    return Field(str(said["name"]), said["type"], side, role, unit, values)
