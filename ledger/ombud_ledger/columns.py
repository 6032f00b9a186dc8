# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The projection: which typed columns an entries file carries, and where in the record each comes from.

The one table that writer, verifier and views share. A key that is absent or of another type gives NULL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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


def project(record: Mapping[str, JSON]) -> list[Any]:
    """Return the record's column values, in the order of COLUMNS."""
    row: list[Any] = []
    for column in COLUMNS:
        value: JSON = record
        for key in column.path:
            value = value.get(key) if type(value) is dict else None
        row.append(typed(value, column.type))
    return row


def typed(value: JSON, kind: str) -> Any:
    """Return the value if it is exactly of the column type, else None."""
    if kind == "varchar[]":
        if type(value) is list and all(type(part) is str for part in value):
            return value
        return None
    return value if type(value) is _PYTHON[kind] else None
