# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where a ledger lies that is only read: a folder here, or one that stands for files elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ombud_ledger.durable import act_now
from ombud_ledger.layout import LogLayout, SealedFile, log_layout, objects_folder
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

    @property
    def is_here(self) -> bool:
        """Whether sealed files lie in `root`, for any process."""
        return True

    def layout(self, log: str) -> LogLayout:
        """Return the layout of a log. Raises ValueError for a name unfit for a folder."""
        return log_layout(self.root, log)

    def object(self, digest: str) -> bytes:
        """Return a stored object. Raises ObjectMissing, LedgerBroken."""
        return Objects(objects_folder(self.root), act_now).get(digest)

    def fetcher(self, log: str, first: int, last: int) -> Fetcher | None:
        """Return what brings a segment's files here, for whoever checks it; None: they are here."""
        del log, first, last
        return None

    def dataset(self, log: str, files: Sequence[SealedFile]) -> Any | None:
        """Return an Arrow dataset over sealed files that are read where they lie; None: they are here."""
        del log, files
        return None

    def told(self, error: Exception) -> str:
        """Return the first line of what an error of reading here says, without what nobody may see."""
        return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def at_place(root: "Path | RemoteAddress", log: str | None = None, **how: Any) -> Iterator[Place]:
    """Yield the place of a ledger; `how` is what `fetched` takes, of one that lies elsewhere.

    Raises LedgerUnreadable where that cannot be reached.
    """
    if isinstance(root, str | Path):
        yield Place(Path(root))
        return
    from ombud_ledger.remote.fetched import fetched  # here: a folder needs none of it

    with fetched(root, log=log, **how) as place:
        yield place
