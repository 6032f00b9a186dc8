# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The publisher: beside the writer, turns what has become durable into tiles and a signed checkpoint.

Never on the path of a call: the writer hands on what it committed, and a thread of its own does the rest.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from ombud_ledger.covering import Reached
from ombud_ledger.errors import LedgerBroken, LedgerError, LedgerUnavailable
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.layout import LogLayout
from ombud_ledger.records import whole_stretch
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ombud_ledger.tlog.note import Note, Signer
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.resume import Resumed
from ombud_ledger.tlog.signed_head import SignedHead, SignedHeads
from ombud_ledger.tlog.tiles import Tile, TileId

_LOG: Final = logging.getLogger(__name__)
_HELD: Final = 16_384  # batches; older ones are dropped and read from the files again
_STEP: Final = 256  # leaves hashed before others may have the interpreter
_BACKOFF_MOST: Final = 30.0  # seconds


class Publisher:
    """Owns the tree. `publish` is the one way a checkpoint comes about; any thread may ask for it."""

    def __init__(
        self,
        layout: LogLayout,
        *,
        origin: str,
        signers: Sequence[Signer],
        resumed: Resumed,
        size: int,
        heads: SignedHeads,
        pub: Pub,
        clock: Callable[[], int],
        pace: float,
        hurried: float,
        on_broken: Callable[[str], None],
    ) -> None:
        self.error: Exception | None = None
        self.on_published: Callable[[], None] = _nobody
        self.reached = Reached()
        self._layout = layout
        self._origin = origin
        self._signers = tuple(signers)
        self._edge, self._chain = resumed
        self._durable_size = size
        self._heads = heads
        self._pub = pub
        self._clock = clock
        self._pace = pace
        self._hurried = min(hurried, pace)
        self._on_broken = on_broken
        self._handed: deque[tuple[int, Sequence[bytes], bytes]] = deque(maxlen=_HELD)
        self._unwritten: list[Tile] = []  # full tiles of the edge that are not durable yet
        self._filled: list[TileId] = []
        self._kept_hour = -1
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._awaited = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"ledger-publish-{layout.folder.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to publish, at most once per pace, whenever something changed."""
        self._changed.set()
        self._thread.start()

    def hand_on(self, first: int, leaves: Sequence[bytes], chains: Sequence[bytes]) -> None:
        """Take note of what a commit made durable, from entry `first` on: no work for the writer, no wait."""
        self._handed.append((first, leaves, chains[-1]))
        self._durable_size = first + len(leaves)
        if not self._changed.is_set():
            self._changed.set()

    def publish(self, *, keep: bool = False) -> bytes:
        """Publish a checkpoint of all that is durable by now, unless that is published already; return it.

        `keep` puts it among the older checkpoints, too. Raises LedgerBroken: then what is stored contradicts
        what was published, and the log must stop. Raises LedgerUnavailable: another try may do.
        """
        with self._lock:
            try:
                note = self._publish(keep)
            except LedgerBroken as error:
                self.error = error
                self.reached.end(str(error))
                self._on_broken(str(error))
                raise
            except Exception as error:  # a signer may raise whatever its library does
                self.error = error
                what = f"log {self._layout.folder.name}: no checkpoint could be published: {error}"
                raise LedgerUnavailable(what) from error
            self.error = None
            return note

    def hurry(self) -> None:
        """Publish sooner than at the pace, but not too soon: somebody waits for what is durable by now."""
        self._awaited.set()

    def cover(self) -> None:
        """Publish a checkpoint that covers all that is durable by now, and keep it; raises as `publish`."""
        self.publish(keep=True)

    def republish(self, note: Note) -> bool:
        """Publish the newest checkpoint again with more signature lines; False where that is of another text.

        The signed head goes first here, too: what a crash leaves between the two, the next start publishes.
        Raises LedgerError, OSError, sqlite3.Error.
        """
        with self._lock:
            head = self._heads.load()
            if head is None or parse_checkpoint(head.note).note.text != note.text:
                return False
            data = note.to_bytes()
            self._heads.advance(head, head._replace(note=data))
            self._pub.put_checkpoint(data)
            return True

    def finish(self, timeout: float) -> None:
        """End the thread and publish the last checkpoint, if that can be done."""
        self.stop(timeout)
        try:
            self.publish()
        except LedgerError as error:
            _LOG.warning("closes without its last checkpoint: %s", error)

    def stop(self, timeout: float) -> None:
        """End the thread. `publish` may still be called."""
        self._closing.set()
        self._changed.set()
        self._awaited.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _publish(self, keep: bool) -> bytes:
        # 1. The entries are durable already. Take their leaves from what the writer handed on, or from the
        #    log's files where something is missing.
        self._take()
        # 2. Tiles first: full ones, then the partial ones of this size. Their paths are immutable; other
        #    bytes at one of them stop the log. A crash here leaves tiles that no checkpoint asks for yet.
        while self._unwritten:
            self._pub.put_tile(self._unwritten[0])
            self._filled.append(self._unwritten.pop(0).id)
        for tile in self._edge.partial():
            self._pub.put_tile(tile)
        # 3. Sign, and swap the signed head. Once this is durable no other head of this size can be signed. A
        #    crash after it is made good at the next start, which publishes this very note.
        head = self._sign()
        # 4. Keep one an hour, and one per seal.
        self._keep(head, keep)
        # 5. Publish: from here on others rely on it.
        if self._pub.checkpoint() != head.note:
            self._pub.put_checkpoint(head.note)
            self.on_published()
        self.reached.tell(head.size)
        # 6. The partial forms of tiles that are full now have served. (A crash leaves some: they do no harm.)
        while self._filled:
            self._pub.drop_partial(self._filled.pop())
        return head.note

    def _take(self) -> None:
        end = self._durable_size
        while self._handed and self._edge.size < end:
            first, leaves, chain = self._handed.popleft()
            if first > self._edge.size:
                self._catch_up(first)
            fresh = leaves[self._edge.size - first :]
            if fresh:
                self._extend(fresh, chain)
        if self._edge.size < end:
            self._catch_up(end)

    def _catch_up(self, end: int) -> None:
        leaves: list[bytes] = []
        for entry in whole_stretch(self._layout, self._edge.size, end):
            leaves.append(leaf_hash(entry.record))
            if len(leaves) == _STEP or entry.seq == end - 1:
                self._extend(leaves, entry.chain)
                leaves = []

    def _extend(self, leaves: Sequence[bytes], chain: bytes) -> None:
        for at in range(0, len(leaves), _STEP):
            self._unwritten += self._edge.extend(leaves[at : at + _STEP])
            time.sleep(0)  # hashing holds the interpreter; calls should not wait for it
        self._chain = chain

    def _sign(self) -> SignedHead:
        old = self._heads.load()
        size, root = self._edge.size, self._edge.root()
        if old is not None and (old.size, old.root) == (size, root):
            return old
        note = sign_checkpoint(Checkpoint(self._origin, size, root), self._signers)
        new = SignedHead(size, root, self._chain, note)
        self._heads.advance(old, new)
        return new

    def _keep(self, head: SignedHead, keep: bool) -> None:
        ts = self._clock()
        hour = ts // 3_600_000_000
        if keep or (hour != self._kept_hour and not self._pub.has_kept(ts)):
            self._pub.keep(head.note, head.size, ts)
        self._kept_hour = hour

    def _run(self) -> None:
        delay = self._pace  # after a failure
        while not self._closing.is_set():
            self._changed.wait()
            if self._closing.is_set():
                return
            self._changed.clear()
            try:
                self.publish()
                delay = self._pace
                self._rest()
            except LedgerBroken as error:
                _LOG.critical("log %s: publishes nothing more: %s", self._layout.folder.name, error)
                return
            except LedgerError as error:
                self._changed.set()
                delay = min(max(delay, 0.1) * 2, _BACKOFF_MOST)
                _LOG.warning("%s; next try in %.1f s", error, delay)
                self._closing.wait(delay)

    def _rest(self) -> None:
        # What is awaited was durable before, so the next checkpoint covers it: forget who asked just before.
        if not self._closing.wait(self._hurried):
            self._awaited.wait(self._pace - self._hurried)
        self._awaited.clear()


def _nobody() -> None:
    """Tell nobody that a checkpoint was published."""
