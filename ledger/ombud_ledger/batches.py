# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of sealed files a batch at a time, and their typed columns held against what was hashed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ombud_ledger.bulk import Block
from ombud_ledger.errors import EntryBroken, LedgerUnreadable
from ombud_ledger.tables import demand_columns

_BATCH = 4_096  # rows checked at a time
_BATCH_BYTES = 16 * 1024 * 1024
_ROWS = 256  # and parsed at a time, if they must be: that should stay in the processor's cache
_BYTES = 1024 * 1024
_THRIFT_LIMIT = 64 * 1024 * 1024
_LONGEST = ("record", "facts", "ciphertext")  # the column that makes a file's rows long


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Read a sealed file inside: what its bytes make pyarrow raise is LedgerUnreadable, and names it."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise LedgerUnreadable(f"{path.name}: {error}") from error


def batches(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """Yield the rows of a file of exactly this schema, some at a time. Raises LedgerUnreadable, and what
    pyarrow raises.
    """
    with pq.ParquetFile(
        path,
        page_checksum_verification=True,
        thrift_string_size_limit=_THRIFT_LIMIT,
        thrift_container_size_limit=_THRIFT_LIMIT,
    ) as parquet:
        demand_columns(parquet.schema_arrow, schema, path.name)
        for batch in parquet.iter_batches(batch_size=_BATCH, use_threads=False):
            yield from parts(batch, _BATCH, _BATCH_BYTES)


def parts(batch: Any, most_rows: int = _ROWS, most_bytes: int = _BYTES) -> Iterator[Any]:
    """Cut a batch so that what is held at a time stays small, however long its texts are."""
    longest = next(name for name in _LONGEST if name in batch.schema.names)
    rows = max(1, min(most_rows, most_bytes * len(batch) // max(1, batch.column(longest).nbytes)))
    for start in range(0, len(batch), rows):
        yield batch.slice(start, rows)


def projected(
    batch: Any, blocks: list[Block], project: Callable[[Block], list[Any]], fields: list[pa.Field]
) -> bool:
    """Say whether all typed columns equal what the blocks project. (No blocks, no.)"""
    for block in blocks:
        stored = batch if len(block.rows) == len(batch) else batch.take(pa.array(block.rows, pa.int64()))
        for column, values, each in zip(stored.columns[3:], project(block), fields, strict=True):
            if values is None:
                if column.null_count != len(column):
                    return False
            elif not column.equals(_column(values, each.type)):
                return False
    return bool(blocks)


def demand_projected(batch: Any, projected: list[pa.Array], name: str) -> None:
    """Raise EntryBroken naming the first typed value that is not the projection of its record or facts."""
    for stored, true, each in zip(batch.columns[3:], projected, batch.schema.names[3:], strict=True):
        if not stored.equals(true):
            pairs = zip(batch.column(0).to_pylist(), stored.to_pylist(), true.to_pylist(), strict=True)
            for seq, stored_value, true_value in pairs:
                # NaN is never projected, so inequality is a difference.
                if stored_value != true_value:
                    what = f"column {each} in {name} says {stored_value!r:.80}"
                    raise EntryBroken(seq, f"{what}, the hashed bytes say {true_value!r:.80}")


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.float64() and type(values[0]) is str:
        return pa.array(values, pa.string()).cast(kind)  # rounds as `float` does
    return pa.array(values, kind)
