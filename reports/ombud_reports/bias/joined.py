# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Attributes that were never given to the model: a file by decision or case, read whole and lent to SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from ombud_reports.errors import OptionInvalid
from ombud_reports.kinds import Given
from ombud_reports.reading import Reading

TABLE: Final = "lent_groups"
_KEYS: Final = {"decision_id": "id", "correlation_id": "correlation_id"}
_MOST: Final = 2 << 30
_LONGEST_NAME: Final = 200
_MOST_COLUMNS: Final = 64


@dataclass(frozen=True, slots=True)
class Joined:
    """A file that was joined: its digest, by which column of entries, and its attributes."""

    digest: str
    key: str
    """Column of the file."""
    column: str
    """Column of entries that it is joined by."""
    attributes: tuple[str, ...]
    rows: int


def lend(reading: Reading, given: Given) -> Joined:
    """Read the file and lend it as `lent_groups` with a column `@key`. Raises OptionInvalid.

    Every value is text. A key that stands twice is refused: which attribute holds would be a guess.
    """
    table = _read(given)
    names = table.column_names
    keys = [name for name in names if name in _KEYS]
    if len(keys) != 1:
        raise OptionInvalid(f"joined: has columns {_listed(names)}, must have one of {' and '.join(_KEYS)}")
    key = keys[0]
    attributes = tuple(name for name in names if name != key)
    if not attributes or len(names) > _MOST_COLUMNS or len(set(names)) < len(names):
        raise OptionInvalid(
            f"joined: has columns {_listed(names)}, must have 1 to {_MOST_COLUMNS - 1} beside {key}, "
            f"names distinct"
        )
    if wrong := [
        name for name in names if not name or "\x00" in name or len(name) > _LONGEST_NAME or "@" in name
    ]:
        raise OptionInvalid(
            f"joined: column {wrong[0][:80]!r}, must have a name of at most 200 characters, no @"
        )
    column = table[key]
    if column.null_count:
        raise OptionInvalid(f"joined: {column.null_count} rows have no {key}, must have one")
    if pc.count_distinct(column).as_py() < len(table):
        raise OptionInvalid(f"joined: {key} {_twice(column)!r} stands more than once, must stand once")
    reading.ledger.lend(TABLE, table.rename_columns(["@key" if name == key else name for name in names]))
    return Joined(given.digest, key, _KEYS[key], attributes, len(table))


def _read(given: Given) -> pa.Table:
    size = given.path.stat().st_size
    if size > _MOST:
        raise OptionInvalid(f"joined: has {size} bytes, must have at most {_MOST}")
    try:
        if given.path.suffix.lower() == ".parquet":
            table = parquet.read_table(given.path, partitioning=None)
            return pa.table({name: pc.cast(table[name], pa.string()) for name in table.column_names})
        with csv.open_csv(given.path) as reader:
            names = reader.schema.names
        options = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        return csv.read_csv(given.path, convert_options=options)
    except (pa.ArrowException, OSError, UnicodeError, ValueError) as error:
        raise OptionInvalid(f"joined: must be CSV with a header, or Parquet: {str(error)[:200]}") from error


def _twice(column: Any) -> str:
    counted = pc.value_counts(column)
    at = pc.index(pc.greater(counted.field("counts"), 1), True).as_py()
    return str(counted.field("values")[at].as_py())[:80]


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:10]) or "none"
