# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Write a segment's Parquet files from a hot file (FORMAT.md, "Seal").

Arrow is imported where it is used: the gateway's process never writes a segment itself.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from ombud_ledger.durable import create_private, make_folder, sync_folder
from ombud_ledger.facts import Column
from ombud_ledger.hot import PayloadRow, Row
from ombud_ledger.layout import entries_name, facts_name, payloads_name

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
class ParquetFile:
    """A Parquet file being staged: give it rows, or whole tables, in order of seq; then `finish`."""

    name: str
    path: Path
    table_of: Callable[[list[Any]], Any] | None = None
    rows: list[Any] = field(default_factory=list)
    held: int = 0
    count: int = 0
    first: int = -1
    last: int = -1
    sink: Any = None
    writer: Any = None

    @property
    def holds_any(self) -> bool:
        """Whether it was given anything."""
        return bool(self.rows) or self.count > 0

    def add(self, row: Sequence[Any], size: int) -> None:
        """Add a row, whose first value is its seq."""
        self.held += size
        self.rows.append(row)
        if len(self.rows) >= ROW_GROUP or self.held >= _GROUP_BYTES:
            self._flush()

    def write(self, table: Any) -> None:
        """Write a table, which has at least one row."""
        import pyarrow.parquet as pq

        seqs = table.column(0)
        self.first = seqs[0].as_py() if self.first < 0 else self.first
        self.last = seqs[-1].as_py()
        self.count += len(seqs)
        if self.writer is None:
            make_folder(self.path.parent)
            self.sink = os.fdopen(create_private(self.path), "wb")
            self.writer = pq.ParquetWriter(
                self.sink, table.schema, compression="zstd", write_page_checksum=True, version="2.6"
            )
        self.writer.write_table(table, row_group_size=ROW_GROUP)

    def finish(self) -> StagedFile:
        """Make the file durable and return what is on the disk."""
        if self.rows:
            self._flush()
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
        """Let an unfinished file be."""
        if self.sink is not None:
            self.sink.close()

    def _flush(self) -> None:
        assert self.table_of is not None  # noqa: S101 - whoever adds rows says what table they make
        self.write(self.table_of(self.rows))
        self.rows, self.held = [], 0


def write(
    rows: Iterable[Row],
    payloads: Iterable[PayloadRow],
    *,
    span: tuple[int, int],
    folder: Path,
    columns_of: Callable[[str], tuple[Column, ...]],
    progress: Progress | None = None,
) -> list[StagedFile]:
    """Write the entries file, one facts file per contract, and, where there are any, the payloads file.

    `span` is (first, last), `folder` where they are written. Returns the files, entries
    first. Memory holds one row group of each file at most.
    """
    from ombud_ledger.tables import entries_table, facts_table, payloads_table

    first, last = span
    with contextlib.ExitStack() as stack:

        def new(name: str, table_of: Callable[[list[Any]], Any]) -> ParquetFile:
            file = ParquetFile(name, folder / name, table_of)
            stack.callback(file.abandon)
            return file

        entries = new(entries_name(first, last), entries_table)
        others = new(payloads_name(first, last), payloads_table)
        facts_files: dict[str, ParquetFile] = {}
        for row in rows:
            entries.add((row.seq, row.record, row.chain), len(row.record))
            if row.facts is not None or b'"facts_commit":' in row.record:
                record = json.loads(row.record)
                if "facts_commit" in record:
                    contract = record.get("facts_contract")
                    file = facts_files.get(contract or "")
                    if file is None:
                        typed = partial(facts_table, columns=columns_of(contract) if contract else ())
                        file = facts_files[contract or ""] = new(facts_name(contract, first, last), typed)
                    file.add((row.seq, row.salt, row.facts), len(row.facts or b""))
            if progress and (row.seq - first) % 4_096 == 4_095:
                progress("seal", row.seq - first + 1, last - first + 1)
        for payload in payloads:
            others.add(payload, len(payload.ciphertext))
        files = [entries, *(facts_files[key] for key in sorted(facts_files))]
        return [file.finish() for file in (*files, *([others] if others.holds_any else []))]
