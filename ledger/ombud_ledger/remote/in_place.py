# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed files read where they lie, for SQL; one segment's brought here, for the process that checks it."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import SealedFile
from ombud_ledger.place import first_line
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.copies import fetch, reach
from ombud_ledger.remote.store import Remote


@dataclass(frozen=True, slots=True)
class SegmentFetcher:
    """Brings one segment's files into a folder of their own, for the process that checks them."""

    address: RemoteAddress
    here: Path  # the log's folder, where some of them may be
    work: Path | None  # where to make the folder, else where the system makes such
    log: str
    names: tuple[str, ...]  # inside the log

    @contextmanager
    def segment(self) -> Iterator[Path]:
        """Fetch the files, or link those that are here; yield the folder that stands for the log's."""
        with tempfile.TemporaryDirectory(prefix="segment-", dir=self.work) as folder:
            remote: Remote | None = None
            for name in self.names:
                target = Path(folder) / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _link(self.here / name, target):
                    remote = remote or reach(self.address)
                    fetch(remote, f"logs/{self.log}/{name}", target)
            yield Path(folder)


def _link(file: Path, target: Path) -> bool:
    """Stand for a file that is here; say whether it is."""
    try:
        os.link(file, target)  # it stays whatever becomes of the name
    except FileNotFoundError:
        return False
    except OSError:  # on another disk, or somebody else's
        target.symlink_to(file.absolute())
    return True


def dataset(remote: Remote, log: str, files: Sequence[SealedFile]) -> Any:
    """Return an Arrow dataset over sealed files of one schema. Raises LedgerUnreadable."""
    import pyarrow as pa
    from pyarrow import dataset as ds

    paths = [remote.path(f"logs/{log}/{file.name}") for file in files]
    # What a file's name says of its entries saves opening it.
    spans = [(ds.field("seq") >= file.first) & (ds.field("seq") <= file.last) for file in files]
    form = ds.ParquetFileFormat()
    try:
        schema = form.inspect(paths[0], remote.filesystem)
    except (pa.ArrowException, OSError) as error:
        raise LedgerUnreadable(f"log {log}: {files[0].name}: {told(remote, error)}") from None
    return ds.FileSystemDataset.from_paths(
        paths, schema=schema, format=form, filesystem=remote.filesystem, partitions=spans
    )


def told(remote: Remote, error: Exception) -> str:
    """Return the first line of what an error of reading there says, without what nobody may see."""
    return f"{remote.address}: {remote.masked(first_line(error))}"
