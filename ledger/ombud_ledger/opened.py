# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Open a sealed file, wherever it lies."""

from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from ombud_ledger.layout import SealedFile

T = TypeVar("T")


def open_sealed(file: SealedFile) -> BufferedReader:
    """Return its bytes, to be read. Raises FileNotFoundError for what is nowhere, LedgerUnreadable."""
    return _at_hand(file, lambda path: path.open("rb"))


def open_parquet(file: SealedFile, **options: Any) -> Any:
    """Return it open, a `pyarrow.parquet.ParquetFile`; `options` are what that takes.

    Raises FileNotFoundError for what is nowhere, LedgerUnreadable (of an entries file, for other columns than
    those of the format too: what is not there would read as null), and what pyarrow raises.
    """
    import pyarrow.parquet as pq  # here: a process that only appends does without Arrow

    from ombud_ledger.tables import demand_columns, entries_schema

    parquet = _at_hand(file, lambda path: pq.ParquetFile(path, **options))
    if file.name.startswith("entries/"):
        try:
            demand_columns(parquet.schema_arrow, entries_schema(), file.name)
        except BaseException:
            parquet.close()
            raise
    return parquet


def _at_hand(file: SealedFile, act: Callable[[Path], T]) -> T:
    # Between looking and opening, the file may be put elsewhere, or a copy go to make room: then once more.
    with suppress(FileNotFoundError):
        return act(file.at_hand())
    return act(file.at_hand())
