# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where a ledger lies that is only read: a folder here, or one that stands for files elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ombud_ledger.durable import act_now
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import LogLayout, SealedFile, log_layout, log_names, objects_folder
from ombud_ledger.objects import Objects

if TYPE_CHECKING:
    from ombud_ledger.remote.address import RemoteAddress


class Fetcher(Protocol):
    """Brings the sealed files of one segment here, in any process: it can be pickled."""

    def segment(self) -> AbstractContextManager[Path]:
        """Fetch them into a folder that stands for the log's until the with block ends.

        What is not there any more is left out. Raises LedgerUnreadable.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A ledger in a folder. Where it lies elsewhere, `root` holds what is small; the rest is fetched."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    @property
    def elsewhere(self) -> "RemoteAddress | None":
        """Where files of this folder lie, or are copied to, besides; None where nothing says so."""
        return None

    @property
    def is_here(self) -> bool:
        """Whether sealed files lie in `root`, for any process."""
        return True

    def layout(self, log: str) -> LogLayout:
        """Return the layout of a log. Raises ValueError for a name unfit for a folder."""
        return log_layout(self.root, log)

    def keeping_copies_in(self, folder: Path) -> "Place":
        """Return the same, with what is fetched in the caller's folder, who sees to what a crash leaves."""
        del folder
        return self

    def layout_found(self, log: str) -> LogLayout:
        """Return the layout of a log that shows, of files elsewhere, none that are missing there.

        Raises ValueError, LedgerUnreadable.
        """
        return self.layout(log)

    def logs(self) -> list[str]:
        """Return the names of the logs, sorted."""
        return log_names(self.root)

    def object(self, digest: str) -> bytes:
        """Return a stored object. Raises ObjectMissing, LedgerBroken."""
        return Objects(objects_folder(self.root), act_now).get(digest)

    def fetcher(self, log: str, first: int, last: int) -> Fetcher | None:
        """Return what brings a segment's files here, for whoever checks it; None: they are here."""
        del log, first, last
        return None

    def demand_reached(self, files: Sequence[SealedFile]) -> None:
        """Demand that there is a way to files that are not here. Raises LedgerUnreadable."""
        for file in files:
            if file.away() is not None:
                file.at_hand()  # which says where it lies

    def read_in_place(self, files: Sequence[SealedFile]) -> list[SealedFile]:
        """Return those of sealed files that are not here, so that SQL reads them where they lie.

        Raises LedgerUnreadable where nothing tells how to.
        """
        self.demand_reached(files)
        return []

    def dataset(self, log: str, files: Sequence[SealedFile]) -> Any:
        """Return an Arrow dataset over sealed files that are read where they lie. Raises LedgerUnreadable."""
        raise LedgerUnreadable(f"log {log}: {files[0].name} is not here")

    def told(self, error: Exception) -> str:
        """Return the first line of what an error of reading here says, without what nobody may see."""
        return first_line(error)


def place_of(root: "Path | Place") -> Place:
    """Return the place of a ledger that is given as its folder, or as a place."""
    return root if isinstance(root, Place) else Place(Path(root))


def place_told(job: Mapping[str, Any]) -> Path | Place:
    """Return the ledger that a job is about, in the process that was given it."""
    root, there = Path(job["root"]), job["elsewhere"]
    if there is None:
        return root
    from ombud_ledger.remote import RemoteAddress, Thinned

    key = there["credentials_file"]
    return Thinned(root, RemoteAddress(**{**there, "credentials_file": None if key is None else Path(key)}))


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def at_place(root: "Path | RemoteAddress | Place", log: str | None = None, **how: Any) -> Iterator[Place]:
    """Yield the place of a ledger; `how` is what `fetched` takes, of one that lies elsewhere.

    Raises LedgerUnreadable where that cannot be reached.
    """
    if isinstance(root, str | Path | Place):
        yield place_of(root)
        return
    from ombud_ledger.remote.fetched import fetched  # here: a folder needs none of it

    with fetched(root, log=log, **how) as place:
        yield place
