# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One round: bring a remote place up to date with a log. Doing it again goes on where it stopped.

The order makes it safe to read there at any time: files first, each read back and hashed, then the tail that
comes after them, then tiles, and last of all the checkpoint, which covers nothing that is not there.
"""

import logging
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Final

from ombud_ledger import hot
from ombud_ledger.clock import microseconds
from ombud_ledger.durable import Durable, Lock, act_now, make_folder
from ombud_ledger.errors import LedgerBroken, LedgerUnavailable, LedgerUnreadable, NotProven
from ombud_ledger.exported import exported
from ombud_ledger.hot import Row
from ombud_ledger.layout import (
    LogLayout,
    hot_name,
    is_kept,
    log_names,
    objects_folder,
    sealed_file,
)
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.logged import told_since
from ombud_ledger.remote.memory import Memory, Sent, memory_path
from ombud_ledger.remote.store import Remote
from ombud_ledger.remote.thin import Thinner
from ombud_ledger.remote.thinned import Thinned
from ombud_ledger.remote.upload import Item, Upload
from ombud_ledger.seal import digest_of
from ombud_ledger.snapshot import Snapshot, snapshot
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.merkle import prove_consistency, verify_consistency
from ombud_ledger.tlog.note import MOST_BYTES
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import HEIGHT, MOST_LEVEL, WIDTH, subtrees, tile_of

_LOG: Final = logging.getLogger(__name__)
_POLITE: Final = 256  # rows copied before others may have the interpreter

_WORKING: Final = "remote-tail-"
_REMOVED: Final = Sent("", None, None)  # of what the log let go, so that it is removed once

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Pushed:
    """What one round did for one log."""

    log: str
    entries: int = 0  # that are there now, those of the tail among them
    covered: int = 0  # of them, under the checkpoint that is there
    files: int = 0  # sent
    bytes: int = 0  # sent
    removed: int = 0  # the log let them go, or they were replaced by others
    restored: list[str] = field(default_factory=list)  # had been there, were not any more, were sent again
    absent: list[str] = field(default_factory=list)  # sealed, but in neither place
    thinned: int = 0  # files that are there alone from now on


class Push:
    """Brings one remote place up to date with one log; one round at a time."""

    def __init__(
        self,
        layout: LogLayout,
        objects: Path,
        remote: Remote,
        memory: Memory,
        *,
        look: Callable[[], None] = lambda: None,
        progress: Progress | None = None,
        durable: Durable = act_now,
    ) -> None:
        """Take `look` to be called between files; what it raises ends the round."""
        self._layout = layout
        self._objects = objects
        self._remote = remote
        self._memory = memory
        self._progress = progress
        self._look = look
        self._pub = Pub(layout.pub)
        self._base = f"logs/{layout.folder.name}"
        self._upload = Upload(remote, memory, look)
        self._thinner = Thinner(layout, remote, memory, look=look, durable=durable)
        self._tail: tuple[str, int] | None = None  # name and end of the tail that is there

    def close(self) -> None:
        """Let the threads go."""
        self._upload.close()

    def check(self, *, whole: bool = False) -> list[str]:
        """Look whether all that was sent is still there; return, and send next time, what is not.

        By size and time of change, and where these differ by digest; with `whole`, by reading every byte.
        Raises LedgerBroken where a file has other bytes than it was sent with, LedgerUnavailable.
        """
        with self._unavailable():
            return self._check(whole=whole)

    def round(self) -> Pushed:
        """Send what is new. Raises LedgerBroken where the remote place contradicts the log: stop then.

        Raises LedgerUnavailable, LedgerUnreadable where another try may do.
        """
        with self._unavailable():
            return self._round()

    @contextmanager
    def _unavailable(self) -> Iterator[None]:
        """Tell what the disk, or the memory of what was sent, refuses: another try may do."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise LedgerUnavailable(f"log {self._layout.folder.name}: not sent: {error}") from error

    def _check(self, *, whole: bool) -> list[str]:
        there = {**self._remote.below(self._base), **self._remote.below("objects")}
        gone: list[str] = []
        for done, (name, sent) in enumerate(sorted(self._memory.sent.items())):
            self._look()
            held = there.get(name)
            if sent.size is None:
                continue
            same = held is not None and (held.size, held.changed) == (sent.size, sent.changed)
            if held is None:
                gone.append(name)
            elif (whole or not same) and (digest := self._remote.digest(name)) != sent.sha256:
                if not self._is_mutable(name):
                    raise LedgerBroken(
                        f"{self._remote.address}: {name} was sent with SHA-256 {sent.sha256} and now holds"
                        f" {digest}: somebody changed it; nothing more is sent"
                    )
                gone.append(name)
            elif not same:
                self._memory.done({name: sent._replace(size=held.size, changed=held.changed)})
            self._tell("check", done + 1, len(self._memory.sent))
        lost = [name for name in gone if self._is_away(name)]
        if lost:
            _LOG.critical("%s: %d files are gone that were nowhere else: %s", self._base, len(lost), lost[:5])
        if len(gone) > len(lost):
            again = sorted({*gone} - {*lost})
            _LOG.error(
                "%s: %d files are gone, and are sent again: %s", self._remote.address, len(again), again[:5]
            )
        if gone:
            self._memory.forget(gone)
            self._memory.cover(0)
            self._tail = None
        return [name for name in gone if name not in lost]

    def _round(self) -> Pushed:
        pushed = Pushed(self._layout.folder.name)
        before = self._upload.files, self._upload.bytes
        # 1. What is published comes first, so that all it covers is among what is read after it. The remote
        #    place must hold an earlier state of this log, or nothing of it.
        checkpoint, cosigned = self._pub.checkpoint(), self._pub.cosigned()
        self._demand_ours(checkpoint)
        with snapshot(self._layout) as shot, self._working_folder() as folder:
            # 2. What the log says of its files, from where we read it last.
            sealed = shot.entries[-1].last + 1 if shot.entries else 0
            tail, end = self._copy_tail(shot, sealed, folder)
            self._memory.learn(told_since(shot, self._memory.scanned), sealed)
            # 3. Objects; then sealed files, the entries last: readers count these once the tail follows them.
            self._upload.send(self._objects_due(), self._telling("objects"))
            new, rewritten = self._sealed_due(pushed)
            self._upload.send(new, self._telling("segments"))
            # 4. The tail, replaced as a whole; then the one before a seal has served.
            self._send_tail(tail, end, pushed)
            #    Then files that an erasure rewrote: the tail says so by now. A crash in between leaves the
            #    old ones, which readers tell for what they are.
            self._upload.send(rewritten, self._telling("erased"))
        # 5. Tiles, and older checkpoints.
        size = 0 if checkpoint is None else parse_checkpoint(checkpoint).checkpoint.size
        self._upload.send(self._tiles_due(size), self._telling("tiles"))
        self._upload.send(self._kept_due(), self._telling("checkpoints"))
        # 6. Everything that the checkpoint covers is there: now it may be seen.
        for name, data in (("checkpoint", checkpoint), ("cosigned", cosigned)):
            if data is not None:
                self._replace(f"pub/{name}", data)
        self._memory.cover(size)
        # 7. What the log let go, and partial tiles that are full now.
        pushed.removed += self._remove_let_go(inf if checkpoint is None else size) + self._remove_partial()
        pushed.entries, pushed.covered = end, size
        pushed.files, pushed.bytes = self._upload.files - before[0], self._upload.bytes - before[1]
        return pushed

    def _demand_ours(self, ours: bytes | None) -> None:
        name = f"{self._base}/pub/checkpoint"
        data = self._remote.read(name, MOST_BYTES)
        known = self._memory.sent.get(name)
        if data is None or data == ours:
            return
        digest = sha256(data).hexdigest()
        if known is not None and digest == known.sha256:
            return
        where = f"{self._remote.address}: {name}"
        try:
            there = parse_checkpoint(data).checkpoint
            mine = None if ours is None else parse_checkpoint(ours).checkpoint
        except LedgerUnreadable as error:
            raise LedgerBroken(f"{where} is no checkpoint: {error}; nothing is overwritten") from error
        if mine is None or there.origin != mine.origin:
            whose = "no signed log" if mine is None else repr(mine.origin)
            raise LedgerBroken(
                f"{where} is of log {there.origin[:80]!r}, this is {whose}: nothing is overwritten"
            )
        try:
            if there.size > mine.size:
                raise NotProven(f"it covers {there.size} entries, the one here {mine.size}")
            proof = (
                prove_consistency(there.size, mine.size, subtrees(mine.size, self._pub.tile))
                if there.size
                else []
            )
            verify_consistency(there.size, there.root, mine.size, mine.root, proof)
        except NotProven as error:
            raise LedgerBroken(
                f"{where} is not of an earlier state of this log: {error}; another process writes there, or"
                " an older copy of this log was put back; nothing is overwritten"
            ) from error
        if known is not None and known.size is not None:
            _LOG.error("%s was replaced by an older one; it is sent again", where)
            self._memory.forget([name])

    def _copy_tail(self, shot: Snapshot, sealed: int, folder: Path) -> tuple[Path, int]:
        """Copy what comes after the sealed entries into one hot file; return it, and the end of the log."""
        end = sealed
        first: int | None = None

        def rows() -> Iterator[Row]:
            nonlocal end, first
            for number, row in enumerate(shot.rows(sealed)):
                if row.seq >= sealed:
                    first = row.seq if first is None else first
                    end = row.seq + 1
                    yield row
                if number % _POLITE == 0:
                    time.sleep(0)

        draft = folder / "tail.sqlite"
        hot.create(draft, rows(), act_now, shot.payload_rows(sealed))
        return draft.rename(folder / hot_name(sealed if first is None else first, 0)), end

    def _objects_due(self) -> Iterator[Item]:
        for path in sorted(self._objects.iterdir()) if self._objects.is_dir() else ():
            if len(path.name) == 64:
                yield Item(f"objects/{path.name}", path, path.name)

    def _sealed_due(self, pushed: Pushed) -> tuple[list[Item], list[Item]]:
        """Return sealed files to be there, and those to take the place of what an erasure rewrote."""
        new: list[Item] = []
        rewritten: list[Item] = []
        named = self._memory.newest()
        for path in sorted(named, key=lambda each: (each.startswith("entries/"), each)):
            said, file, name = named[path], self._layout.folder / path, f"{self._base}/{path}"
            known = self._memory.sent.get(name)
            if said.sha256 is None or sealed_file(self._layout.folder, path, Path) is None:
                continue
            if known is not None and known.size is not None and known.sha256 == said.sha256:
                continue
            if not file.is_file():
                if known is None and not self._is_known_there(name, path, said.sha256):
                    pushed.absent.append(path)
            elif not said.rewritten or self._remote.find(name) is None:
                new.append(Item(name, file, said.sha256, path))
            elif (digest := digest_of(file)) == said.sha256 or not self._memory.was_said(path, digest):
                rewritten.append(Item(name, file, said.sha256, path))
            # Else the erasure is logged and not carried out here either: a later round sends it.
        return new, rewritten

    def _is_known_there(self, name: str, path: str, sha256: str) -> bool:
        """Say whether a file that is not here is there, though not remembered; if so, remember it."""
        held, digest = self._remote.find(name), self._remote.digest(name)
        if held is None or digest is None or not (digest == sha256 or self._memory.was_said(path, digest)):
            return False
        self._memory.done({name: Sent(digest, held.size, held.changed)})
        return True

    def _is_away(self, name: str) -> bool:
        """Say whether a name is that of a sealed file which is not here."""
        inside = name.removeprefix(f"{self._base}/")
        file = self._layout.folder / inside
        return sealed_file(self._layout.folder, inside, Path) is not None and not file.exists()

    def thin(self, before: int) -> int:
        """Let go, here, of files that the last round left there, and are no newer than `before`.

        Microseconds UTC. Return how many. Raises as `round`.
        """
        if self._tail is None:
            return 0
        with self._unavailable():
            return self._thinner.thin(before, tail=self._tail[0], signed=self._pub.checkpoint() is not None)

    def _send_tail(self, tail: Path, end: int, pushed: Pushed) -> None:
        name = f"{self._base}/hot/{tail.name}"
        if self._tail == (name, end):
            return
        self._look()
        digest = digest_of(tail)
        self._upload.replace(Item(name, tail, digest))
        if self._tail is None or self._tail[0] != name:
            old = [each for each in self._remote.below(f"{self._base}/hot") if each != name]
            for each in old:
                self._remote.remove(each)
            self._memory.forget(old)
            pushed.removed += len(old)
        self._tail = (name, end)

    def _tiles_due(self, size: int) -> Iterator[Item]:
        for level in range(MOST_LEVEL + 1):
            count = size >> (HEIGHT * level)
            first = (self._memory.covered >> (HEIGHT * level)) // WIDTH
            for number in range(first, -(-count // WIDTH)):
                data = self._pub.tile(tile_of(level, number, size))
                name = f"{self._base}/pub/{tile_of(level, number, size).path}"
                yield Item(name, data, sha256(data).hexdigest())

    def _kept_due(self) -> Iterator[Item]:
        for path in self._pub.kept():
            data = path.read_bytes()
            name = f"{self._base}/pub/{path.relative_to(self._pub.folder)}"
            yield Item(name, data, sha256(data).hexdigest())

    def _replace(self, name: str, data: bytes) -> None:
        name, digest = f"{self._base}/{name}", sha256(data).hexdigest()
        known = self._memory.sent.get(name)
        if known is not None and known.size is not None and known.sha256 == digest:
            return
        self._upload.replace(Item(name, data, digest))

    def _remove_let_go(self, covered: float) -> int:
        """Remove what the log let go by entries that the checkpoint covers: others would miss it there."""
        newest = self._memory.newest().items()
        let_go = [path for path, said in newest if said.sha256 is None and said.entry < covered]
        due = [
            f"{self._base}/{path}" for path in let_go if not is_kept(self._layout.folder / path)
        ]  # where it is here still, whoever prunes is not done
        due = [name for name in due if self._memory.sent.get(name) != _REMOVED]
        for name in due:
            self._look()
            self._demand_named(name)
        removed = self._remove(due)
        self._memory.done(dict.fromkeys(due, _REMOVED))
        return removed

    def _demand_named(self, name: str) -> None:
        """Demand that a file there has bytes that the log gave it, or is an upload of ours cut short."""
        digest = self._remote.digest(name)
        known = self._memory.sent.get(name)
        ours = known is not None and known.size is None
        if digest is None or ours or self._memory.was_said(name.removeprefix(f"{self._base}/"), digest):
            return
        raise LedgerBroken(
            f"{self._remote.address}: {name} was pruned here, and holds SHA-256 {digest}, which this log"
            " never gave it: it is not removed, and nothing more is sent"
        )

    def _remove_partial(self) -> int:
        tiles = f"{self._base}/pub/tile/"
        sent = self._memory.sent
        partial = [name for name in sent if ".p/" in name and name.startswith(tiles)]
        return self._remove([name for name in partial if name.partition(".p/")[0] in sent])

    def _remove(self, names: list[str]) -> int:
        for name in names:
            self._look()
            self._remote.remove(name)
        self._memory.forget(names)
        return len(names)

    def _is_mutable(self, name: str) -> bool:
        inside = name.removeprefix(f"{self._base}/")
        return inside.startswith("hot/") or inside in ("pub/checkpoint", "pub/cosigned")

    def _telling(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self._tell(what, done, total)

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(what, done, total)

    @contextmanager
    def _working_folder(self) -> Iterator[Path]:
        """Yield a private folder beside the log, for a copy of the tail; one that a crash left goes first."""
        state = self._layout.signed.parent
        make_folder(state)
        for left in state.glob(f"{_WORKING}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_WORKING, dir=state) as folder:
            yield Path(folder)


def push(
    root: Path,
    address: RemoteAddress,
    *,
    log: str | None = None,
    whole: bool = False,
    keep_local: int | None = None,
    clock: Callable[[], int] = microseconds,
    progress: Progress | None = None,
    durable: Durable = act_now,
) -> Iterator[Pushed]:
    """Bring a remote place up to date with every log under `root`, or the one named; yield what was done.

    Takes each log's lock: where a gateway runs, that does it itself. Looks first whether what was sent before
    is still there, with `whole` by reading all of it. With `keep_local`, sealed files that are older than so
    many microseconds by `clock` are let go here in the end. Raises LedgerLocked, LedgerBroken,
    LedgerUnavailable, LedgerUnreadable, KeyUnusable.
    """
    if exported(root) is not None:
        raise LedgerUnreadable(f"{root}: is an evidence folder, must be a ledger; copy it as it is instead")
    names = log_names(root)
    if not names or log not in (None, *names):
        raise LedgerUnreadable(f"{root}: no log {log or 'here'}")
    remote, place = Remote(address), Thinned(root, address)
    for name in names if log is None else [log]:
        layout = place.layout(name)
        lock = Lock(layout.lock)
        try:
            with ExitStack() as stack:
                memory = stack.enter_context(closing(Memory(memory_path(layout.signed.parent, address.url))))
                one = Push(layout, objects_folder(root), remote, memory, progress=progress, durable=durable)
                stack.enter_context(closing(one))
                restored = one.check(whole=whole)
                pushed = one.round()
                pushed.restored = restored
                if keep_local is not None:
                    pushed.thinned = one.thin(clock() - keep_local)
                yield pushed
        finally:
            lock.release()
