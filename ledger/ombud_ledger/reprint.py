# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check many records and facts without parsing them: print them from their typed columns.

Nearly every record holds nothing but what an entries file also has as columns, and `facts_commit`; the
`values` of facts are the columns of their contract. Printed from the columns with sorted keys, each value in
its one spelling, they must come out as the stored bytes. That shows two things at once: the bytes are
canonical, and the columns are their projection. Arrow does it for thousands of rows in a few steps.

Nothing is refused here. What does not come out the same (other keys, other escapes, text beyond ASCII, or a
fault) is left to be parsed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger import bulk, canonical
from ombud_ledger.columns import COLUMNS
from ombud_ledger.follow import are_digests

_COMMIT: Final = b'"facts_commit":"'
_DIGEST: Final = 64
_VALUES: Final = b'"values":{'
_FEW: Final = 64  # rows of one shape that are sooner parsed
_MOST_MIXED: Final = 62  # columns that tell shapes apart, a bit each

_Tree = Mapping[str, "str | _Tree"]


def records_printed(batch: pa.RecordBatch, records: Sequence[bytes]) -> tuple[list[bool], list[str | None]]:
    """Say of each row of an entries file whether its columns print as its record, and what it commits to.

    `records` are the bytes of the column `record`. Where a row does not print, its commitment means nothing.
    """
    commits = _commits(records)
    if max(map(len, records), default=0) > canonical.MAX_RECORD:
        return [False] * len(records), commits
    columns = dict(zip(batch.schema.names[3:], batch.columns[3:], strict=True))
    columns["facts_commit"] = pa.array(commits, pa.string())
    return _printed(_RECORD, columns, batch["record"]), commits


def values_printed(batch: pa.RecordBatch, facts: Sequence[bytes]) -> list[bool]:
    """Say of each row of a facts file whether its columns print as the `values` of its facts.

    `facts` are the bytes of the column `facts`. The rest of them is parsed, with empty `values`.
    """
    if max(map(len, facts), default=0) > canonical.MAX_FACTS:
        return [False] * len(facts)
    # `values` as a rule is the last key. Cut at another place, what is left is not the whole of an object.
    ends = [each.rfind(_VALUES) + len(_VALUES) - 1 for each in facts]
    rest = bulk.parse(
        [each[:end] + b"{}}" for each, end in zip(facts, ends, strict=True)], limit=canonical.MAX_FACTS
    )
    if rest is None or any(each.get("values") != {} for each in rest.each):
        return [False] * len(facts)
    values = pa.array([each[end:-1] for each, end in zip(facts, ends, strict=True)], pa.binary())
    columns = dict(zip(batch.schema.names[3:], batch.columns[3:], strict=True))
    same = _printed({name: name for name in columns}, columns, values.view(pa.string()))
    return [holds and each[-1:] == b"}" for holds, each in zip(same, facts, strict=True)]


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
    """Yield the rows that have no value in the same columns, unless they are few; None for all rows."""
    mixed = [column for column in columns.values() if 0 < column.null_count < count]
    if len(mixed) > _MOST_MIXED:
        return
    if not mixed:
        yield None
        return
    shape = pa.repeat(pa.scalar(0, pa.int64()), count)
    for place, column in enumerate(mixed):
        shape = pc.bit_wise_or(shape, pc.shift_left(column.is_valid().cast(pa.int64()), place))
    for each in pc.value_counts(shape).to_pylist():
        if each["counts"] >= _FEW:
            yield pc.indices_nonzero(pc.equal(shape, each["values"]))


def _printed(tree: _Tree, columns: Mapping[str, pa.Array], texts: pa.Array) -> list[bool]:
    held = [False] * len(texts)
    if len(texts) < _FEW:
        return held
    plain = pc.ascii_is_printable(texts)  # so it is UTF-8, and nothing in it needs `\u00xx`
    table = pa.RecordBatch.from_arrays([*columns.values(), texts, plain], [*columns, ".text", ".plain"])
    for rows in _by_shape(columns, len(texts)):
        part = table if rows is None else table.take(rows)
        same = pc.and_(_prints(tree, part), part[".plain"]).to_pylist()
        for at, same_here in zip(range(len(same)) if rows is None else rows.to_pylist(), same, strict=True):
            held[at] = same_here is True
    return held


def _prints(tree: _Tree, part: pa.RecordBatch) -> pa.Array:
    pieces = _object(tree, part)
    if pieces is None:
        return pa.repeat(pa.scalar(False), len(part))
    merged: list[Any] = []
    for piece in pieces or ["{}"]:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    if isinstance(merged[0], str):
        merged[0] = pa.scalar(merged[0])
    return pc.equal(pc.binary_join_element_wise(*merged, ""), part[".text"])


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
    if column.type == pa.float64():
        return ['"', _decimals(column), '"']
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


def _decimals(column: pa.Array) -> pa.Array:
    # The shortest that reads back as the same double, but whole numbers come without `.0`.
    text = column.cast(pa.string())
    whole = pc.equal(pc.floor(column), column)
    if pc.any(whole).as_py():
        return pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
    return text


def _tree() -> _Tree:
    tree: dict[str, Any] = {"facts_commit": "facts_commit"}
    for column in COLUMNS:
        place = tree
        for key in column.path[:-1]:
            place = place.setdefault(key, {})
        place[column.path[-1]] = column.name
    return tree


_RECORD: Final = _tree()
