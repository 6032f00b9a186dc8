# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Entries, facts, payloads as Arrow tables: the exact schemas of a segment's files (FORMAT.md, "Files")."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import pyarrow as pa

from ombud_ledger import facts as facts_of
from ombud_ledger.columns import COLUMNS, project
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.facts import Column
from ombud_ledger.hashing import HASH_BYTES, SALT_BYTES
from ombud_ledger.kinds import FORMAT

_METADATA: Final = {b"ombud_format": str(FORMAT).encode()}
_ARROW: Final = {
    "varchar": pa.string(),
    "varchar[]": pa.list_(pa.string()),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us"),
}


@cache
def entries_schema() -> pa.Schema:
    """Return the exact schema of an entries file."""
    fixed = [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
        pa.field("chain", pa.binary(HASH_BYTES), nullable=False),
    ]
    return pa.schema([*fixed, *entries_projection()], metadata=_METADATA)


def entries_projection() -> list[pa.Field]:
    """Return the typed columns of an entries file, which follow seq, record and chain."""
    return [pa.field(each.name, _ARROW[each.type]) for each in COLUMNS]


def facts_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the exact schema of a facts file of a contract with these columns."""
    fixed = [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("salt", pa.binary(SALT_BYTES)),
        pa.field("facts", pa.string()),
    ]
    return pa.schema([*fixed, *facts_projection(columns)], metadata=_METADATA)


def facts_projection(columns: tuple[Column, ...]) -> list[pa.Field]:
    """Return the typed columns of a facts file, which follow seq, salt and facts."""
    return [pa.field(each.name, _ARROW[each.type]) for each in columns]


def demand_columns(stored: pa.Schema, wanted: pa.Schema, name: str) -> None:
    """Demand that a sealed file has exactly these columns. Raises LedgerUnreadable, naming it and them."""
    version = (stored.metadata or {}).get(b"ombud_format")
    if version != (wanted.metadata or {}).get(b"ombud_format"):
        raise LedgerUnreadable(f"{name}: format {version!r:.80} is not known here")
    if stored.equals(wanted):
        return
    have, known = dict(zip(stored.names, stored, strict=True)), dict(zip(wanted.names, wanted, strict=True))
    said = {
        "without": [each for each in known if each not in have],
        "unknown here:": [each for each in have if each not in known],
        "of another type:": [each for each in known if each in have and not have[each].equals(known[each])],
    }
    told = "; ".join(f"{what} {', '.join(names)}" for what, names in said.items() if names)
    what = f"{told or 'in another order, or twice'}"[:400]
    raise LedgerUnreadable(f"{name}: its columns are not those of format {FORMAT}: {what}")


def entries_table(rows: Iterable[tuple[int, bytes, bytes]]) -> pa.Table:
    """Return the entries of (seq, record, chain) as they lie in an entries file."""
    rows = list(rows)
    fixed: list[list[Any]] = [
        [seq for seq, _, _ in rows],
        [record.decode() for _, record, _ in rows],
        [chain for _, _, chain in rows],
    ]
    typed = project([json.loads(record) for _, record, _ in rows])
    schema = entries_schema()
    return pa.Table.from_arrays([*arrays(fixed, schema), *arrays(typed, entries_projection())], schema=schema)


def facts_table(
    rows: Iterable[tuple[int, bytes | None, bytes | None]], columns: tuple[Column, ...]
) -> pa.Table:
    """Return facts of (seq, salt, facts) as they lie in a facts file of a contract with these columns."""
    rows = list(rows)
    fixed: list[list[Any]] = [
        [seq for seq, _, _ in rows],
        [salt for _, salt, _ in rows],
        [None if facts is None else facts.decode() for _, _, facts in rows],
    ]
    empty: dict[str, Any] = {}
    values = [empty if facts is None else json.loads(facts)["values"] for _, _, facts in rows]
    typed = facts_of.project(values, columns)
    schema = facts_schema(columns)
    return pa.Table.from_arrays(
        [*arrays(fixed, schema), *arrays(typed, facts_projection(columns))], schema=schema
    )


def payloads_schema() -> pa.Schema:
    """Return the exact schema of a payloads file."""
    fields = [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("subject", pa.string()),
        pa.field("salt", pa.binary(SALT_BYTES), nullable=False),
        pa.field("ciphertext", pa.binary(), nullable=False),
    ]
    return pa.schema(fields, metadata=_METADATA)


def payloads_table(rows: Iterable[tuple[int, str | None, bytes, bytes]]) -> pa.Table:
    """Return payloads of (seq, subject, salt, ciphertext) as they lie in a payloads file."""
    schema = payloads_schema()
    columns = list(map(list, zip(*rows, strict=True))) or [[] for _ in schema]
    return pa.Table.from_arrays(arrays(columns, schema), schema=schema)


def arrays(columns: list[list[Any]], fields: Iterable[pa.Field]) -> list[pa.Array]:
    """Return Arrow arrays of the columns, typed by the fields as far as there are columns."""
    return [pa.array(values, each.type) for values, each in zip(columns, fields, strict=False)]


def texts(column: pa.Array) -> list[Any]:
    """Return the UTF-8 bytes of a column of strings, None where it is null."""
    found: list[Any] = column.view(pa.binary()).to_pylist()
    return found


def blobs(column: pa.Array) -> list[Any]:
    """Return the bytes of a column of byte strings of one length, None where it is null."""
    if column.null_count:
        found: list[Any] = column.to_pylist()
        return found
    width = column.type.byte_width
    whole = column.buffers()[1].slice(column.offset * width, len(column) * width).to_pybytes()
    return [whole[at : at + width] for at in range(0, len(whole), width)]
