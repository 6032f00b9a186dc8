# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check many entries without parsing one: print their records from their typed columns.

Nearly every record holds nothing but what an entries file also has as columns, and `facts_commit`. Printed
from the columns with sorted keys, each value in its one spelling, such a record must come out as the stored
bytes. That shows two things at once: the record is canonical, and its columns are its projection. Arrow does
it for thousands of rows in a few steps.

Nothing is refused here. What does not come out the same (other keys, other escapes, text beyond ASCII, or a
fault) is left to be parsed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger import canonical
from ombud_ledger.columns import COLUMNS
from ombud_ledger.follow import are_digests

_COMMIT: Final = b'"facts_commit":"'
_DIGEST: Final = 64
_MOST_SHAPES: Final = 64  # in one batch; more are not worth going through one by one

_Tree = Mapping[str, "str | _Tree"]


def reprint(batch: pa.RecordBatch, records: Sequence[bytes]) -> tuple[list[bool], list[str | None]]:
    """Say of each row of an entries file whether its columns print as its record, and what it commits to.

    `records` are the bytes of the column `record`. Where a row does not print, its commitment means nothing.
    """
    commits = _commits(records)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns["facts_commit"] = pa.array(commits, pa.string())
    held = [False] * len(records)
    if max(map(len, records), default=0) > canonical.MAX_RECORD:
        return held, commits
    plain = pc.ascii_is_printable(columns["record"])  # so it is UTF-8, and nothing in it needs `\u00xx`
    table = pa.RecordBatch.from_arrays([*columns.values(), plain], [*columns, "plain"])
    for rows in _by_shape(columns, len(records)):
        part = table if rows is None else table.take(rows)
        same = pc.and_(_prints(part), part["plain"]).to_pylist()
        for at, same_here in zip(range(len(same)) if rows is None else rows.to_pylist(), same, strict=True):
            held[at] = same_here is True
    return held, commits


def _commits(records: Sequence[bytes]) -> list[str | None]:
    # Wherever this text stands: cut out at the wrong place, it prints at the right one, and differs.
    places = [record.find(_COMMIT) + len(_COMMIT) for record in records]
    found = [
        record[at : at + _DIGEST].decode("ascii", "replace") if at >= len(_COMMIT) else None
        for record, at in zip(records, places, strict=True)
    ]
    if are_digests([each for each in found if each is not None]):
        return found
    return [each if each is not None and are_digests([each]) else None for each in found]


def _by_shape(columns: Mapping[str, pa.Array], count: int) -> Iterator[pa.Array | None]:
    """Yield the rows that have the same columns without a value; None for all rows."""
    mixed = [column for column in columns.values() if 0 < column.null_count < count]
    if not mixed:
        yield None
        return
    shape = pa.repeat(pa.scalar(0, pa.int64()), count)
    for place, column in enumerate(mixed):  # fewer than the 63 bits there are
        shape = pc.bit_wise_or(shape, pc.shift_left(column.is_valid().cast(pa.int64()), place))
    coded = shape.dictionary_encode()
    if len(coded.dictionary) <= _MOST_SHAPES:
        for code in range(len(coded.dictionary)):
            yield pc.indices_nonzero(pc.equal(coded.indices, code))


def _prints(part: pa.RecordBatch) -> pa.Array:
    pieces = _object(_TREE, part)
    if pieces is None:
        return pa.repeat(pa.scalar(False), len(part))
    merged: list[Any] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return pc.equal(pc.binary_join_element_wise(*merged, ""), part["record"])


def _object(tree: _Tree, part: pa.RecordBatch) -> list[Any] | None:
    """Return the pieces of text, constant or by row, that make the object; None if it does not print."""
    pieces: list[Any] = []
    for key in sorted(tree):
        node = tree[key]
        if not isinstance(node, str):
            value = _object(node, part)
            if value == []:
                continue
        elif part[node].null_count:
            continue  # of all rows of this shape
        else:
            value = _value(part[node])
        if value is None:
            return None
        pieces += [f'{"," if pieces else ""}"{key}":', *value]
    return ["{", *pieces, "}"] if pieces else []


def _value(column: pa.Array) -> list[Any] | None:
    if column.type == pa.string():
        return ['"', _escaped(column), '"']
    if column.type == pa.bool_():
        return [column.cast(pa.string())]
    if pa.types.is_list(column.type):
        # An empty list would print as that of one empty text.
        if pc.min(pc.list_value_length(column)).as_py() < 1:
            return None
        texts = pa.ListArray.from_arrays(column.offsets, _escaped(column.values))
        return ['["', pc.binary_join(texts, '","'), '"]']
    numbers = column.cast(pa.int64())
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] < -canonical.MAX_INTEGER or bounds["max"] > canonical.MAX_INTEGER:
        return None
    return [numbers.cast(pa.string())]


def _escaped(column: pa.Array) -> pa.Array:
    _, _, text = column.buffers()
    raw = text.to_pybytes() if text is not None else b""
    if b"\\" in raw:
        column = pc.replace_substring(column, "\\", "\\\\")
    if b'"' in raw:
        column = pc.replace_substring(column, '"', '\\"')
    return column


def _tree() -> _Tree:
    tree: dict[str, Any] = {"facts_commit": "facts_commit"}
    for column in COLUMNS:
        place = tree
        for key in column.path[:-1]:
            place = place.setdefault(key, {})
        place[column.path[-1]] = column.name
    return tree


_TREE: Final = _tree()
