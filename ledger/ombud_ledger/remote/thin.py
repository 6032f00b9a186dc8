# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Thin a log out: let go, here, of sealed files whose copy elsewhere was read back. This alone decides which.

Doing it again finishes it. Nothing is taken from the newest segment, where a log is opened.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.away import IDS, KEPT, MOST_RECORDS, Away
from ombud_ledger.durable import Durable, exclusive, retire
from ombud_ledger.errors import LedgerBroken, LedgerUnavailable, LedgerUnreadable
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.remote.memory import Memory
from ombud_ledger.remote.store import Remote
from ombud_ledger.seal import digest_of
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.note import MOST_BYTES

_LOG: Final = logging.getLogger(__name__)
_KEEP: Final = re.compile(r"(0|[1-9][0-9]{0,4})([hd])")
_HOURS: Final = {"h": 1, "d": 24}
_HOUR: Final = 3_600_000_000  # microseconds


def parse_keep_local(text: str) -> int:
    """Read how long sealed files stay here after their newest entry; microseconds. Raises ValueError."""
    match = _KEEP.fullmatch(text)
    if match is None:
        raise ValueError(
            f"is {text[:40]!r}, must be a whole number and h (hours) or d (days), as in 30d or 12h"
        )
    return int(match[1]) * _HOURS[match[2]] * _HOUR


@dataclass(frozen=True, slots=True)
class _Segment:
    """Files of a segment that are here, what depends on entries first, and the times of its entries."""

    files: list[SealedFile]
    oldest: int
    newest: int


class Thinner:
    """Of one log and one remote place; called between rounds, when all that is here has been sent."""

    def __init__(
        self,
        layout: LogLayout,
        remote: Remote,
        memory: Memory,
        *,
        look: Callable[[], None],
        durable: Durable,
    ) -> None:
        self._layout = layout
        self._remote = remote
        self._memory = memory
        self._look = look
        self._durable = durable
        self._base = f"logs/{layout.folder.name}"
        self._times: dict[str, tuple[int, int]] = {}  # by entries file; they never change

    def thin(self, before: int, *, tail: str, signed: bool) -> int:
        """Let go of files whose newest entry is of `before` (microseconds UTC) or older; return how many.

        `tail` is the name of the tail that was sent. Raises LedgerBroken where a copy has other bytes than it
        was sent with; LedgerUnavailable, LedgerUnreadable, OSError where another try may do.
        """
        # 1. What is old enough.
        due = [segment for segment in self._segments() if segment.newest <= before]
        if not due:
            return 0
        # 2. Whoever reads there must see that these files are to be there: the tail, and the checkpoint that
        #    covers what the log says of them, are there now.
        covered = self._covered(tail, signed=signed)
        said = self._memory.newest()
        count = 0
        for segment in due:
            for file in segment.files:
                self._look()
                newest, sent = said.get(file.name), self._memory.sent.get(f"{self._base}/{file.name}")
                if newest is None or newest.sha256 is None or newest.entry >= covered:
                    continue
                if sent is None or sent.size is None or sent.sha256 != newest.sha256:
                    continue
                # 3. The copy has the bytes that the log names: read back once more, just now.
                if self._is_there(file.name, newest.sha256):
                    count += self._let_go(file, segment, newest.sha256, sent.size)
        return count

    def _segments(self) -> list[_Segment]:
        layout = self._layout
        entries = layout.entries_files()
        others = [*layout.facts_files(), *layout.payload_files()]
        found = []
        for segment in entries[:-1]:
            span = (segment.first, segment.last)
            files = [each for each in others if (each.first, each.last) == span]
            here = [each for each in [*files, segment] if each.path.exists()]
            try:
                if here:
                    if segment.name not in self._times:
                        self._times[segment.name] = _times(segment)
                    found.append(_Segment(here, *self._times[segment.name]))
            except LedgerUnreadable as error:  # the others go all the same
                _LOG.error("log %s: stays here: %s", layout.folder.name, error)
        return found

    def _covered(self, tail: str, *, signed: bool) -> float:
        """Return how many entries the checkpoint there covers; all, of a log that has none."""
        known = self._memory.sent.get(tail)
        if known is None or self._remote.digest(tail) != known.sha256:
            raise LedgerUnavailable(f"{self._remote.address}: {tail} is not there as it was sent")
        if not signed:
            return inf
        name = f"{self._base}/pub/checkpoint"
        data = self._remote.read(name, MOST_BYTES)
        if data is None:
            raise LedgerUnavailable(f"{self._remote.address}: {name} is not there")
        return parse_checkpoint(data).checkpoint.size

    def _is_there(self, path: str, sha256: str) -> bool:
        name = f"{self._base}/{path}"
        found = self._remote.digest(name)
        if found is None:
            _LOG.error("%s: %s is gone; it stays here, and is sent again", self._remote.address, name)
            self._memory.forget([name])
        elif found != sha256:
            raise LedgerBroken(
                f"{self._remote.address}: {name} was sent with SHA-256 {sha256} and now holds {found}:"
                " somebody changed it; nothing is let go here"
            )
        return found == sha256

    def _let_go(self, file: SealedFile, segment: _Segment, sha256: str, size: int) -> int:
        told = _told(file) if file.name.startswith("entries/") else ()
        stub = Away(str(self._remote.address), sha256, size, segment.oldest, segment.newest, *told)
        # Nobody rewrites or prunes it meanwhile.
        with exclusive(self._layout.changing):
            if not file.path.exists():
                return 0
            if digest_of(file.path) != sha256:
                _LOG.error("%s: is not what the log says of it: it stays here", file.name)
                return 0
            # 4. Say where it is, durable. A crash after this leaves both, and what is here counts.
            stub.write(file.path, self._durable)
            # 5. Let it go. A crash within a segment leaves some of its files here, which changes nothing.
            retire(file.path, self._durable, "thin")
        return 1


def _times(entries: SealedFile) -> tuple[int, int]:
    away = entries.away()
    if away is not None:
        return away.oldest, away.newest
    with _readable(entries) as parquet:
        ends = [parquet.read_row_group(at, columns=["ts"])["ts"] for at in {0, parquet.num_row_groups - 1}]
        times = pa.chunked_array([chunk for end in ends for chunk in end.chunks]).cast(pa.int64())
        found = pc.min_max(times).as_py()
        return found["min"], found["max"]


_Told = tuple[tuple[str, ...], dict[str, list[tuple[int, str]]], dict[str, tuple[str, str]]]


def _told(entries: SealedFile) -> _Told:
    """Return the kinds of a file's entries, by kind the entries that stubs repeat, and the spans of ids."""
    kinds: set[str] = set()
    found: dict[str, list[tuple[int, str]]] = {}
    ids: dict[str, set[str]] = {column: set() for column in IDS}
    with _readable(entries) as parquet:
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=["kind", *IDS], use_threads=False)
            for name in IDS:
                ids[name] |= {end for end in pc.min_max(table[name]).as_py().values() if end is not None}
            column = table["kind"]
            kinds.update(column.unique().to_pylist())
            wanted = pc.is_in(column, value_set=pa.array(KEPT))
            if pc.any(wanted).as_py():
                rows = parquet.read_row_group(group, columns=["seq", "kind", "record"], use_threads=False)
                for row in rows.filter(wanted).to_pylist():
                    found.setdefault(row["kind"], []).append((row["seq"], row["record"]))
    small = {kind: each for kind, each in found.items() if sum(len(text) for _, text in each) <= MOST_RECORDS}
    spans = {name: (min(each), max(each)) for name, each in ids.items() if each}
    return tuple(sorted(kinds)), small, spans


def _readable(file: SealedFile) -> Any:
    try:
        return open_parquet(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise LedgerUnreadable(f"{file.name}: {error}") from error
