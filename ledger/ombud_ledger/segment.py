# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Write a segment's Parquet files from a hot file (FORMAT.md, "Seal").

Arrow is imported where it is used: the gateway's process never writes a segment itself.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from ombud_ledger.durable import create_private, make_folder, sync_folder
from ombud_ledger.facts import Column
from ombud_ledger.hot import Row
from ombud_ledger.layout import entries_name, facts_name

ROW_GROUP: Final = 16_384
_GROUP_BYTES: Final = 32 * 1024 * 1024

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One staged file as a seal entry will name it."""

    name: str
    sha256: str
    size: int
    rows: int
    first: int
    last: int


@dataclass(slots=True)
class _File:
    """A Parquet file being staged."""

    name: str
    path: Path
    columns: tuple[Column, ...] | None  # None: the entries file
    rows: list[Any] = field(default_factory=list)
    held: int = 0
    count: int = 0
    first: int = -1
    last: int = -1
    sink: Any = None
    writer: Any = None

    def add(self, row: tuple[int, Any, Any], size: int) -> None:
        self.first = row[0] if self.first < 0 else self.first
        self.last = row[0]
        self.count += 1
        self.held += size
        self.rows.append(row)
        if len(self.rows) >= ROW_GROUP or self.held >= _GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        import pyarrow.parquet as pq

        from ombud_ledger.tables import entries_table, facts_table

        table = entries_table(self.rows) if self.columns is None else facts_table(self.rows, self.columns)
        if self.writer is None:
            make_folder(self.path.parent)
            self.sink = os.fdopen(create_private(self.path), "wb")
            self.writer = pq.ParquetWriter(
                self.sink, table.schema, compression="zstd", write_page_checksum=True, version="2.6"
            )
        self.writer.write_table(table, row_group_size=ROW_GROUP)
        self.rows, self.held = [], 0

    def finish(self) -> StagedFile:
        if self.rows:
            self.flush()
        self.writer.close()
        # Durable, then read again from a fresh descriptor: the digest is of what lies on the disk.
        self.sink.flush()
        os.fsync(self.sink.fileno())
        self.sink.close()
        sync_folder(self.path.parent)
        with self.path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        return StagedFile(self.name, digest, size, self.count, self.first, self.last)

    def abandon(self) -> None:
        if self.sink is not None:
            self.sink.close()


def write(
    rows: Iterable[Row],
    *,
    span: tuple[int, int],
    folder: Path,
    columns_of: Callable[[str], tuple[Column, ...]],
    progress: Progress | None = None,
) -> list[StagedFile]:
    """Write the entries file and one facts file per contract for the `span` (first, last) under `folder`.

    Returns the files, entries first. Memory holds one row group of each file at most.
    """
    first, last = span
    name = entries_name(first, last)
    entries = _File(name, folder / name, None)
    facts_files: dict[str, _File] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(entries.abandon)
        for row in rows:
            entries.add((row.seq, row.record, row.chain), len(row.record))
            if row.facts is not None or b'"facts_commit":' in row.record:
                record = json.loads(row.record)
                if "facts_commit" in record:
                    contract = record.get("facts_contract")
                    file = facts_files.get(contract or "")
                    if file is None:
                        name = facts_name(contract, first, last)
                        file = _File(name, folder / name, columns_of(contract) if contract else ())
                        facts_files[contract or ""] = file
                        stack.callback(file.abandon)
                    file.add((row.seq, row.salt, row.facts), len(row.facts or b""))
            if progress and (row.seq - first) % 4_096 == 4_095:
                progress("seal", row.seq - first + 1, last - first + 1)
        return [entries.finish(), *(facts_files[key].finish() for key in sorted(facts_files))]
