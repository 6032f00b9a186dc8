# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Write a facts file anew, without the facts of some people: their rows stay, with nothing in them."""

from array import array
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.segment import ParquetFile, StagedFile
from ombud_ledger.vault.about import rows_about


@dataclass(frozen=True, slots=True)
class Blanked:
    """A facts file as it was staged anew: rows blanked by this, and rows that are blank in all."""

    file: StagedFile
    rows: int
    blanks: int


def stage_blanked(sealed: SealedFile, folder: Path, pseudonyms: Iterable[str]) -> Blanked:
    """Write the file under `folder`, durable, then read again and hashed. Raises LedgerUnreadable, OSError.

    Memory holds one row group: what sealing held.
    """
    wanted = frozenset(pseudonyms)
    rows = blanks = 0
    out = ParquetFile(sealed.name, folder / sealed.name)
    with ExitStack() as stack:
        stack.callback(out.abandon)
        try:
            with open_parquet(sealed, page_checksum_verification=True) as parquet:
                for group in range(parquet.num_row_groups):
                    table = parquet.read_row_group(group, use_threads=False)
                    gone = set(rows_about(table["facts"], wanted))
                    kept = _places(len(table), gone)
                    columns = [table.column(0), *(column.take(kept) for column in table.columns[1:])]
                    out.write(pa.Table.from_arrays(columns, schema=table.schema))
                    rows += len(gone)
                    blanks += columns[2].null_count
        except (pa.ArrowException, ValueError) as error:
            raise LedgerUnreadable(f"{sealed.name}: {error}") from error
        return Blanked(out.finish(), rows, blanks)


def _places(count: int, gone: Iterable[int]) -> pa.Array:
    """Return the places of all rows, null for those gone: taken from there, a value is null.

    Not made by `pa.array`, which imports pandas, if it is there: that takes a second, in the gateway.
    """
    valid = bytearray(b"\xff" * (count // 8 + 1))
    for at in gone:
        valid[at // 8] &= ~(1 << at % 8)
    buffers = [pa.py_buffer(bytes(valid)), pa.py_buffer(array("q", range(count)).tobytes())]
    return pa.Array.from_buffers(pa.int64(), count, buffers)
