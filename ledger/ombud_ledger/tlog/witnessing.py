# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Witnessing: beside the publisher, gathers the witnesses' cosignatures of what was published.

In rounds: every witness is asked about the same checkpoint, so that their lines come together under one, and
the next round takes the newest. Neither a call nor the publisher ever waits for a witness.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ombud_ledger.covering import Reached
from ombud_ledger.errors import KeyUnusable, LedgerError
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.cosignature import cosigners
from ombud_ledger.tlog.merkle import prove_consistency
from ombud_ledger.tlog.note import Note, Signature
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import subtrees
from ombud_ledger.tlog.witness_client import WitnessAddress, WitnessClient, WitnessFailed

_LOG: Final = logging.getLogger(__name__)
MOST_WITNESSES: Final = 16
_BACKOFF_FIRST: Final = 1.0  # seconds
_BACKOFF_MOST: Final = 300.0
_PARTING: Final = 3.0  # seconds that the last checkpoint of a log that closes may take to be cosigned


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Whom a log asks, and how many must have cosigned a checkpoint for its entries to count as witnessed."""

    each: tuple[WitnessAddress, ...]
    quorum: int

    def __post_init__(self) -> None:
        if not 0 < self.quorum <= len(self.each) <= MOST_WITNESSES:
            raise ValueError(
                f"a quorum of {self.quorum} among {len(self.each)} witnesses: must be 1 up to their number,"
                f" which is at most {MOST_WITNESSES}"
            )
        if len({address.key.public for address in self.each}) < len(self.each):
            raise ValueError("two witnesses have the same key: it counts once")


class _Asked:
    """A witness, and when it may be asked again."""

    def __init__(self, address: WitnessAddress, stopped: threading.Event) -> None:
        self.client = WitnessClient(address, stopped)
        self.delay = 0.0
        self.not_before = 0.0


class Witnessing:
    """Asks the witnesses of one log. `round` is the one way a cosignature comes about."""

    def __init__(
        self,
        pub: Pub,
        *,
        origin: str,
        witnesses: Witnesses,
        republish: Callable[[Note], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `republish` to publish the newest checkpoint with more lines. Raises KeyUnusable."""
        self._log = origin
        self._pub = pub
        self._closing = threading.Event()
        self._keys = [address.key for address in witnesses.each]
        if origin in {key.name for key in self._keys}:
            raise KeyUnusable(f"a witness is called {origin!r}, like the log: give it a name of its own")
        self._asked = [_Asked(address, self._closing) for address in witnesses.each]
        self._quorum = witnesses.quorum
        self._republish = republish
        self._monotonic = monotonic
        self.reached = Reached(self._witnessed())
        self._note = Note("", ())
        self._merging = threading.Lock()
        self._round = threading.Lock()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-witness", daemon=True)

    def start(self) -> None:
        """Begin to ask, whenever a checkpoint was published or a witness that failed is due again."""
        self._changed.set()
        self._thread.start()

    def look(self) -> None:
        """Take note that a checkpoint was published: no work for the publisher, no wait."""
        self._changed.set()

    def round(self, *, seconds: float | None = None) -> None:
        """Ask every witness that is due to cosign the newest checkpoint; return when all answered.

        Raises LedgerUnreadable, NotProven and OSError of files here; what a witness does wrong is logged.
        """
        with self._round:
            # 1. The newest checkpoint, and who has not cosigned it. (A crash may have come between lines.)
            signed = self._newest()
            if signed is None:
                return
            self._note = signed.note
            self._keep(signed.checkpoint.size)
            have = {(line.name, line.key_id) for line in signed.note.signatures}
            now = self._monotonic()
            due = [
                each
                for each in self._asked
                if (each.client.key.name, each.client.key.id) not in have and each.not_before <= now
            ]
            # 2. All at once: a slow one makes the round longer, and no other later.
            threads = [
                threading.Thread(target=self._ask, args=(each, signed, seconds), daemon=True) for each in due
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def finish(self, timeout: float) -> None:
        """End the thread and have the last checkpoint cosigned by those who answer soon."""
        self.stop(timeout)
        if self._thread.is_alive():
            return
        self._closing.clear()
        try:
            self.round(seconds=_PARTING)
        except (LedgerError, OSError) as error:
            _LOG.warning("log %s: closes without its last cosignatures: %s", self._log, error)

    def stop(self, timeout: float) -> None:
        """End the thread, hanging up on whoever is slow."""
        self._closing.set()
        self._changed.set()
        for each in self._asked:
            each.client.hang_up()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._changed.wait(self._pause())
            if self._closing.is_set():
                return
            self._changed.clear()
            try:
                self.round()
            except (LedgerError, OSError) as error:
                _LOG.warning("log %s: no witness could be asked: %r", self._log, error)

    def _pause(self) -> float | None:
        """Return how long to wait if nothing new is published: until a witness that failed is due again."""
        failing = [each.not_before for each in self._asked if each.delay]
        return max(_BACKOFF_FIRST, min(failing) - self._monotonic()) if failing else None

    def _ask(self, asked: _Asked, signed: Signed, seconds: float | None) -> None:
        name = asked.client.key.name
        try:
            limit = {} if seconds is None else {"seconds": seconds}
            line = asked.client.ask(signed, self._prove, **limit)
            self._merge(line, signed.checkpoint.size)
        except (LedgerError, OSError, sqlite3.Error) as error:
            if self._closing.is_set():
                return
            asked.delay = min(max(asked.delay * 2, _BACKOFF_FIRST), _BACKOFF_MOST)
            asked.not_before = self._monotonic() + asked.delay
            refused = isinstance(error, WitnessFailed) and error.refused
            level = logging.ERROR if refused else logging.WARNING
            what = "log %s: witness %s did not cosign size %d: %s; next try in %.0f s"
            _LOG.log(level, what, self._log, name, signed.checkpoint.size, error, asked.delay)
        else:
            if asked.delay:
                _LOG.info("log %s: witness %s cosigns again", self._log, name)
            asked.delay = 0.0

    def _merge(self, line: Signature, size: int) -> None:
        with self._merging:
            # 1. One line of each key; the text is untouched, and so all other lines hold.
            others = [
                each for each in self._note.signatures if each.key_id != line.key_id or each.name != line.name
            ]
            self._note = Note(self._note.text, (*others, line))
            # 2. If it still is the newest, everybody who reads the checkpoint sees the line.
            self._republish(self._note)
            # 3. With enough of them, it is what receipts are made of, until there is a newer such one.
            self._keep(size)

    def _keep(self, size: int) -> None:
        if not self._is_quorum(self._note):
            return
        if self._pub.cosigned() != self._note.to_bytes():
            self._pub.put_cosigned(self._note.to_bytes())
        self.reached.tell(size)

    def _prove(self, old: int, new: int) -> list[bytes]:
        return prove_consistency(old, new, subtrees(new, self._pub.tile)) if old else []

    def _newest(self) -> Signed | None:
        data = self._pub.checkpoint()
        return None if data is None else parse_checkpoint(data)

    def _witnessed(self) -> int:
        """Return the size that was witnessed before, as far as can be told."""
        try:
            data = self._pub.cosigned()
            signed = None if data is None else parse_checkpoint(data)
            if signed is not None and self._is_quorum(signed.note):
                return signed.checkpoint.size
        except LedgerError as error:
            _LOG.warning("log %s: what was cosigned before cannot be told: %s", self._log, error)
        return 0

    def _is_quorum(self, note: Note) -> bool:
        return len(cosigners(note, self._keys)) >= self._quorum
