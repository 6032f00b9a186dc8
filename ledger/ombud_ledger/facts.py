# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Facts: what policy saw and the model answered, typed by a contract, committed to by salt and hash."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ombud_ledger import canonical
from ombud_ledger.bulk import Block
from ombud_ledger.canonical import JSON
from ombud_ledger.errors import LedgerUnreadable, RecordInvalid
from ombud_ledger.vault.payload import check_pseudonym

TYPES: Final = ("bigint", "boolean", "double", "varchar")
MAX_COLUMNS: Final = 512
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
# Several plain decimals, each with a line end: a part of what `_NUMBER` takes, never longer than
# `_LONGEST_NUMBER`, always finite. Possessive, for one pass.
_DECIMALS: Final = re.compile(r"(?:-?[0-9]{1,40}+(?:\.[0-9]{1,20}+)?+\n)++")
_LONGEST_NUMBER: Final = 64
_NAME: Final = re.compile(r"[a-z0-9_]{1,64}")
# The facts file's own columns, which no contract may shadow.
RESERVED: Final = frozenset({"seq", "salt", "facts", "log", "ts", "kind", "contract", "chain"})

_OWN_KEYS: Final = frozenset({"subject", "values"})


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one entry.

    `contract` is the SHA-256 (hex) of a stored contract object, or None. `values` are flat and typed by
    that contract, floats as shortest round-trip strings (`repr`). `extra` holds further keys, free text among
    them. `subject` is the pseudonym of whom they are about: by it they are found to be exported or erased.
    """

    contract: str | None
    values: Mapping[str, JSON]
    extra: Mapping[str, JSON] = field(default_factory=dict)
    subject: str | None = None

    def encode(self) -> bytes:
        """Return the canonical bytes that are stored and committed to. Raises RecordInvalid."""
        if not self.extra.keys().isdisjoint(_OWN_KEYS):
            raise RecordInvalid("facts: `extra` may not hold the keys `subject` and `values`")
        values = self.values if type(self.values) is dict else dict(self.values)
        whole = {**self.extra, "values": values}
        if self.subject is not None:
            check_pseudonym("facts", self.subject)
            whole["subject"] = self.subject
        return canonical.encode(whole, limit=canonical.MAX_FACTS)


@dataclass(frozen=True, slots=True)
class Column:
    """One typed facts column, as a contract declares it."""

    name: str
    type: str


def contract_columns(contract: bytes) -> tuple[Column, ...]:
    """Return the columns a contract object declares. Raises LedgerUnreadable if it declares none properly."""
    try:
        document = json.loads(contract)
        columns = tuple(Column(str(each["name"]), str(each["type"])) for each in document["columns"])
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerUnreadable(f"contract object without a proper `columns` list: {error!r}") from error
    names = [column.name for column in columns]
    for column in columns:
        if column.type not in TYPES:
            raise LedgerUnreadable(f"contract column {column.name}: type {column.type!r}, not one of {TYPES}")
        if not _NAME.fullmatch(column.name) or column.name in RESERVED:
            raise LedgerUnreadable(f"contract column {column.name[:80]!r}: name is malformed or reserved")
    if len(set(names)) != len(names) or len(names) > MAX_COLUMNS:
        raise LedgerUnreadable(f"contract columns: names must be distinct, at most {MAX_COLUMNS}")
    return columns


def project(values: Sequence[Mapping[str, JSON]], columns: tuple[Column, ...]) -> list[list[Any]]:
    """Return the typed values of every column; what is absent or of another type is None (SQL NULL)."""
    return [[_PROJECT[each.type](row.get(each.name)) for row in values] for each in columns]


def project_block(block: Block, columns: tuple[Column, ...]) -> list[Sequence[Any] | None]:
    """Return what `project` returns for the values of a block; None for a column without any value.

    Doubles that are all written as plain decimals stay text: whoever makes a column of them reads them there.
    """
    return [_of_block(each, block) for each in columns]


def _of_block(column: Column, block: Block) -> Sequence[Any] | None:
    values = block.columns.get(column.name)
    if values is None:
        return None
    types = block.types[column.name]
    if types == {_EXACT.get(column.type)}:
        return values
    # One match for the whole column. A text that is empty or has a line break of its own leaves an empty
    # line, or one too many.
    if column.type == "double" and types == {str}:
        lines = "\n".join(values) + "\n"
        if _DECIMALS.fullmatch(lines) and lines.count("\n") == len(values):
            return values
    return [_PROJECT[column.type](value) for value in values]


def _double(value: JSON) -> float | None:
    if type(value) is int:
        return float(value)
    if type(value) is str and len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def _bigint(value: JSON) -> int | None:
    return value if type(value) is int else None


def _boolean(value: JSON) -> bool | None:
    return value if type(value) is bool else None


def _varchar(value: JSON) -> str | None:
    return value if type(value) is str else None


_EXACT: Final[Mapping[str, type]] = {"bigint": int, "boolean": bool, "varchar": str}
_PROJECT: Final[Mapping[str, Callable[[JSON], Any]]] = {
    "bigint": _bigint,
    "boolean": _boolean,
    "double": _double,
    "varchar": _varchar,
}
