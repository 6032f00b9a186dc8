# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Open a sealed file as Parquet, wherever it lies."""

from contextlib import suppress
from typing import Any

from ombud_ledger.layout import SealedFile


def open_parquet(file: SealedFile, **options: Any) -> Any:
    """Return it open, a `pyarrow.parquet.ParquetFile`; `options` are what that takes.

    Raises FileNotFoundError for what is nowhere, LedgerUnreadable, and what pyarrow raises.
    """
    import pyarrow.parquet as pq  # here: a process that only appends does without Arrow

    # Between looking and opening, the file may be put elsewhere, or a copy go to make room: then once more.
    with suppress(FileNotFoundError):
        return pq.ParquetFile(file.at_hand(), **options)
    return pq.ParquetFile(file.at_hand(), **options)
