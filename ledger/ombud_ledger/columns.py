# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The projection: which typed columns an entries file carries, and where in the record each comes from.

The one table that writer, verifier and views share. A key that is absent or of another type gives NULL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from ombud_ledger.bulk import Block
from ombud_ledger.canonical import JSON


@dataclass(frozen=True, slots=True)
class Projected:
    """One typed column: its SQL name, its type, and the path of keys in the record."""

    name: str
    type: str  # varchar, bigint, boolean, varchar[] or timestamp (integer microseconds UTC)
    path: tuple[str, ...]


def _same(kind: str, *names: str) -> tuple[Projected, ...]:
    return tuple(Projected(name, kind, (name,)) for name in names)


COLUMNS: Final = (
    Projected("ts", "timestamp", ("ts",)),
    *_same("varchar", "kind", "id", "system", "principal", "principal_type", "action", "method", "resource"),
    *_same("varchar", "model", "model_version", "verdict", "reason", "stage", "outcome", "status"),
    *_same("varchar[]", "policies"),
    *_same("bigint", "policies_total"),
    *_same("varchar", "bundle", "contract", "entities", "config_digest", "artifact_digest"),
    *_same("varchar", "review", "approval", "correlation_id", "run_id"),
    *_same("bigint", "attempt"),
    *_same("varchar", "trace_id", "door", "route"),
    *_same("bigint", "part"),
    *_same("boolean", "final"),
    *_same("bigint", "cost_micros"),
    *_same("varchar", "currency"),
    *_same("bigint", "request_bytes", "response_bytes", "added_us"),
    Projected("identify_us", "bigint", ("steps", "identify")),
    Projected("contract_us", "bigint", ("steps", "contract")),
    Projected("decide_us", "bigint", ("steps", "decide")),
    Projected("forward_us", "bigint", ("steps", "forward")),
    Projected("release_us", "bigint", ("steps", "release")),
    Projected("breach_field", "varchar", ("breach", "field")),
    Projected("breach_bound", "varchar", ("breach", "bound")),
    *_same("varchar", "event", "decision"),
    Projected("review_group", "varchar", ("group",)),
    *_same("varchar", "approver"),
    Projected("old_digest", "varchar", ("old",)),
    Projected("new_digest", "varchar", ("new",)),
    Projected("actor", "varchar", ("by",)),
    *_same("varchar", "source", "digest", "facts_contract"),
)

_PYTHON: Final[Mapping[str, type]] = {"varchar": str, "bigint": int, "boolean": bool, "timestamp": int}


def project(records: Sequence[Mapping[str, JSON]]) -> list[list[Any]]:
    """Return the values of every column of COLUMNS for the records, column by column."""
    present: set[str] = set().union(*records)
    nothing: list[Any] = [None] * len(records)
    return [_project(column, records) if column.path[0] in present else nothing for column in COLUMNS]


def project_block(block: Block) -> list[Sequence[Any] | None]:
    """Return what `project` returns for the records of a block; None for a column without any value."""
    return [_of_block(column, block) for column in COLUMNS]


def _of_block(column: Projected, block: Block) -> Sequence[Any] | None:
    name = column.path[0]
    if name not in block.columns:
        return None
    if len(column.path) == 1 and block.types[name] == {_PYTHON.get(column.type)}:
        return block.columns[name]
    if column.type == "varchar[]" and block.types[name] == {list}:
        lists = block.columns[name]
        if {str}.issuperset(map(type, chain.from_iterable(lists))):
            return lists
    inner = block.inner.get(name)
    if len(column.path) == 2 and inner is not None and len(inner) == 1:
        return _of_block(Projected(column.name, column.type, column.path[1:]), inner[0])
    return _project(column, [{name: value} for value in block.columns[name]])


def _project(column: Projected, records: Sequence[Mapping[str, JSON]]) -> list[Any]:
    name = column.path[0]
    values = [record.get(name) for record in records]
    for key in column.path[1:]:
        values = [value.get(key) if type(value) is dict else None for value in values]
    if column.type == "varchar[]":
        return [value if _is_texts(value) else None for value in values]
    exact = _PYTHON[column.type]
    return [value if type(value) is exact else None for value in values]


def _is_texts(value: JSON) -> bool:
    return type(value) is list and all(type(part) is str for part in value)
