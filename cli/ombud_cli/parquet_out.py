# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Write an answer as a Parquet file, whole or not at all, without holding it in memory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ombud_cli.failure import unusable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa


def write_parquet(file: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches to a new file and return how many rows it has; raise `Failure`.

    The file appears under its name once it is complete; one that is there already stays as it is.
    """
    import pyarrow.parquet as pq

    if os.path.lexists(file):
        raise unusable(f"--out: {file} exists, must be a new file")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    rows = 0
    try:
        with part.open("xb") as out, pq.ParquetWriter(out, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        os.link(part, file)  # unlike a rename, it never replaces what came there meanwhile
    except FileExistsError as error:
        raise unusable(f"--out: {file} exists, must be a new file") from error
    except OSError as error:
        raise unusable(f"--out: {file}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return rows
