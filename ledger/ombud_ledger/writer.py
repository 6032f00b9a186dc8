# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The writer thread: takes whatever is queued, commits it once, wakes the waiters. No timer sets the pace."""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from ombud_ledger.canonical import JSON
from ombud_ledger.entry import Dark, Held, Pending, Position, encode_entry, is_substantive, settle
from ombud_ledger.errors import (
    LedgerClosed,
    LedgerError,
    LedgerOverloaded,
    LedgerReadOnly,
    LedgerUnavailable,
)
from ombud_ledger.layout import HotFile
from ombud_ledger.options import Options
from ombud_ledger.tail import Tail

_LOG: Final = logging.getLogger(__name__)
_FAILURES: Final = (sqlite3.Error, OSError, LedgerError)

_LATE: Final = 8  # commits
_QUICK: Final = 0.001_5  # seconds
_AN_ENTRY: Final = 0.000_045  # seconds that an entry adds to a commit, about

Recover = Callable[[], tuple[Tail, HotFile | None]]
OnDurable = Callable[[int, list[bytes], list[bytes]], None]
"""Told the number of the first entry that became durable, and the leaves and chain values, in order."""


class _Roll:
    """Asks the writer to freeze its file; the future gives (frozen path, first, size)."""

    def __init__(self) -> None:
        self.future: Future[tuple[Path, int, int] | None] = Future()


class _Flush:
    """Asks the writer to say when what was queued before is stored, or has failed."""

    def __init__(self) -> None:
        self.future: Future[None] = Future()


class _Stop:
    """Asks the writer to end."""


class Writer:
    """Owns the tail. Everything that changes it happens in this object's one thread.

    `on_state` is called with "serving", "recovering", "read-only" or "closed", mostly in the writer's thread,
    `on_durable` in it alone.
    """

    def __init__(
        self,
        tail: Tail,
        *,
        log: str,
        options: Options,
        clock: Callable[[], int],
        recover: Recover,
        on_state: Callable[[str], None],
        on_durable: OnDurable | None = None,
    ) -> None:
        self.tail = tail
        self.state = "serving"
        self.why = ""  # it is read-only
        self._log = log
        self._options = options
        self._clock = clock
        self._recover = recover
        self._on_state = on_state
        self._on_durable = on_durable
        self._lock = threading.Lock()  # over admission: state, clock and queue order agree
        self._queue: queue.SimpleQueue[list[Pending] | _Roll | _Flush | _Stop] = queue.SimpleQueue()
        self._held: list[Pending] = []
        self.idle = False  # the writer waits for something to do
        self._fixed_seconds = 1.0  # of a commit, of late, whatever its size; slow until it shows to be quick
        # What waits is what was admitted less what the writer took. Each side counts its own, so that the
        # writer needs no lock.
        self._admitted = self._admitted_bytes = 0
        self._taken = self._taken_bytes = 0
        self._last_ts = tail.last_ts
        self._refused = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ledger-{log}", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    @property
    def depth(self) -> int:
        """Entries admitted and not yet taken by the writer."""
        return self._admitted - self._taken

    def admit(
        self,
        kind: str,
        body: Mapping[str, JSON],
        held: Held | None,
        loop: asyncio.AbstractEventLoop | None,
        future: "asyncio.Future[Position] | Future[Position]",
        *,
        payload: Dark | None = None,
    ) -> None:
        """Queue an entry, with its facts in `held` and its payload, for the waiter the future belongs to.

        That of an event loop is held back until `release`, or until one of a thread is admitted, so that
        what one turn of the loop makes wakes the writer once. Raises LedgerOverloaded, LedgerUnavailable,
        RecordInvalid. The order of the queue is the order of `ts`, and of seq.
        """
        options = self._options
        with self._lock:
            if self.state != "serving":
                if self.state == "closed":
                    raise LedgerClosed(f"log {self._log} is closed")
                if self.state == "read-only":
                    raise LedgerReadOnly(f"log {self._log} is read-only: {self.why}")
                self._refused += 1
                raise LedgerUnavailable(f"log {self._log} is recovering from a failed commit")
            waiting = self._admitted - self._taken
            if (
                waiting >= options.queue_entries
                or self._admitted_bytes - self._taken_bytes > options.queue_bytes
            ):
                raise LedgerOverloaded(f"log {self._log}: {waiting} entries are waiting")
            ts = max(self._clock(), self._last_ts)  # A clock set back must not put time in disorder.
            record = encode_entry(kind, body, held, ts, options.longest_string, payload=payload)
            salt, data = (None, None) if held is None else (held.salt, held.facts)
            size = len(record) + (0 if data is None else len(data))
            if payload is not None:
                size += len(payload.ciphertext)
            self._last_ts = ts
            self._admitted += 1
            self._admitted_bytes += size
            self._held.append(
                Pending(record, salt, data, size, ts, is_substantive(kind), loop, future, payload)
            )
            if loop is None:
                self._let_go()

    @property
    def held(self) -> int:
        """Entries held back."""
        return len(self._held)

    @property
    def quick(self) -> bool:
        """Whether commits have taken so little of late that two small ones cost little more than one."""
        return self._fixed_seconds < _QUICK

    def release(self) -> None:
        """Hand the writer what is held back."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._held:
            self._queue.put(self._held)
            self._held = []

    def forbid(self, why: str) -> None:
        """Take no more entries, for good; what is queued is still committed."""
        with self._lock:
            self.why = self.why or why
            if self.state == "serving":
                self.state = "read-only"
            self._let_go()
        self._on_state(self.state)

    def roll(self) -> tuple[Path, int, int] | None:
        """Freeze the hot file, unless it holds mere housekeeping; return its path and range."""
        request = _Roll()
        self._ask(request)
        return request.future.result()

    def flush(self) -> None:
        """Return once what was admitted is stored, or has failed. Raises LedgerUnavailable."""
        request = _Flush()
        self._ask(request)
        request.future.result()

    def _ask(self, request: _Roll | _Flush) -> None:
        with self._lock:
            if self.state != "serving":
                raise LedgerUnavailable(f"log {self._log} is {self.state}")
            self._let_go()
            self._queue.put(request)

    def stop(self, *, timeout: float) -> None:
        """Refuse new entries, commit what is queued, end the thread."""
        with self._lock:
            was, self.state = self.state, "closed"
            self._let_go()
        self._closing.set()
        self._queue.put(_Stop())
        self._thread.join(timeout)
        if was != "closed":
            self._on_state("closed")

    def _run(self) -> None:
        # 1. Wait for one, then take whatever else is there: the slower the disk, the larger the batch.
        running = True
        while running:
            batch: list[Pending] = []
            self.idle = True
            item = self._queue.get()
            self.idle = False
            while True:
                if isinstance(item, list):
                    batch += item
                    if len(batch) >= self._options.batch_entries:
                        self._commit(batch)
                        batch = []
                else:
                    # 2. Control comes in its place in the order: what was queued before it is committed
                    #    first.
                    self._commit(batch)
                    batch = []
                    if isinstance(item, _Roll):
                        self._do_roll(item)
                    elif isinstance(item, _Flush):
                        item.future.set_result(None)
                    else:
                        running = False
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            self._commit(batch)
        self.tail.close()

    def _commit(self, batch: list[Pending]) -> None:
        if not batch:
            return
        self._taken += len(batch)
        self._taken_bytes += sum(each.size for each in batch)
        if self.state == "recovering":
            self._fail(batch, "the log is recovering from a failed commit")
            return
        # 3. Make the batch durable. A failure leaves unknown what was stored: nothing is acknowledged, the
        #    tail is poisoned, and recovery finds out.
        try:
            began = time.perf_counter()
            leaves, chains = self.tail.commit(batch)
            fixed = time.perf_counter() - began - len(batch) * _AN_ENTRY
            self._fixed_seconds += (fixed - self._fixed_seconds) / _LATE
        except _FAILURES as error:
            self._poison(batch, error)
            return
        self.tail.count(sum(each.substantive for each in batch))
        seqs = range(self.tail.size - len(batch), self.tail.size)
        if self._on_durable is not None:
            self._on_durable(seqs.start, leaves, chains)
        # 4. Durable: wake the waiters.
        settle(
            batch,
            [
                Position(self._log, seq, each.ts, leaf, chain)
                for seq, each, leaf, chain in zip(seqs, batch, leaves, chains, strict=True)
            ],
        )

    def _fail(self, batch: list[Pending], reason: str) -> None:
        with self._lock:
            self._refused += len(batch)
        settle(batch, [LedgerUnavailable(f"log {self._log}: {reason}")] * len(batch))

    def _poison(self, batch: list[Pending], error: Exception) -> None:
        _LOG.error("log %s: commit failed, recovering: %r", self._log, error)
        from_ts = self._last_ts
        # 5. Refuse at once from here on, and fail what is queued.
        with self._lock:
            closing = self.state == "closed"
            if not closing:
                self.state = "recovering"
            self._let_go()
        self._on_state("recovering")
        self._fail(batch, "the commit failed")
        # 6. Start-up recovery, again and again with backoff, until the disk gives a tail that can be trusted.
        delay = self._options.backoff_first
        while True:
            self._fail_queued()
            if self._closing.wait(delay):
                return
            try:
                tail, _ = self._recover()
                self._say_gap(tail, from_ts)
            except _FAILURES as failure:
                _LOG.warning("log %s: recovery failed, next try in %.2f s: %r", self._log, delay, failure)
                delay = min(delay * 2, self._options.backoff_most)
                continue
            break
        # 7. Serve again from the new file. The old connection's file is gone; closing it changes nothing
        #    that counts.
        old, self.tail = self.tail, tail
        old.close()
        with self._lock:
            if self.state == "recovering":
                self.state = "read-only" if self.why else "serving"
        self._on_state(self.state)

    def _say_gap(self, tail: Tail, from_ts: int) -> None:
        # Of a log without its genesis entry there is nothing to be missed: the next opening begins it.
        if tail.size == 0:
            return
        with self._lock:
            ts = max(self._clock(), self._last_ts, tail.last_ts)
            self._last_ts = ts
            refused = self._refused
        body = {"refused": refused, "from_ts": from_ts, "to_ts": ts, "reason": "commit failed"}
        record = encode_entry("gap", body, None, ts, self._options.longest_string)
        gap = Pending(record, None, None, len(record), ts, False, None, Future())
        try:
            leaves, chains = tail.commit([gap])
        except _FAILURES:
            tail.close()
            raise
        with self._lock:
            self._refused -= refused
        if self._on_durable is not None:
            self._on_durable(tail.size - 1, leaves, chains)

    def _fail_queued(self) -> None:
        # Admission is shut, so this ends; requests to roll or flush fail with the rest, one to stop is kept.
        batch: list[Pending] = []
        stops: list[_Stop] = []
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if isinstance(item, list):
                batch += item
            elif not isinstance(item, _Stop):
                item.future.set_exception(LedgerUnavailable(f"log {self._log} is recovering"))
            else:
                stops.append(item)
        if batch:
            self._taken += len(batch)
            self._taken_bytes += sum(each.size for each in batch)
            self._fail(batch, "the log is recovering from a failed commit")
        for stop in stops:
            self._queue.put(stop)

    def _do_roll(self, request: _Roll) -> None:
        if self.state == "recovering" or not self.tail.substantive:
            request.future.set_result(None)
            return
        first, size = self.tail.first, self.tail.size
        try:
            path = self.tail.roll()
        except _FAILURES as error:
            # Nothing moved: the old file goes on. Only this attempt to seal fails.
            request.future.set_exception(LedgerUnavailable(f"log {self._log}: next hot file: {error}"))
            return
        request.future.set_result((path, first, size))

    def silent(self, seconds: float) -> bool:
        """Say whether no entry was admitted for so long, by the clock that entries are dated with."""
        return self.state == "serving" and self._clock() - self._last_ts >= seconds * 1e6

    def due(self) -> bool:
        """Say whether the hot file has reached the size or age at which it is sealed."""
        tail, options = self.tail, self._options
        if not tail.substantive or self.state != "serving":
            return False
        return (
            tail.size - tail.first >= options.segment_entries
            or tail.stored >= options.segment_bytes
            or time.monotonic() - tail.born >= options.segment_age
        )
