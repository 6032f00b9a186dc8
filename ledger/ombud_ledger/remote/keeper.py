# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The keeper: beside a log's writer, keeps a remote place up to date. Never on the path of a call.

It looks at the files alone, as any reader does: neither writer nor publisher knows of it or waits for it.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from ombud_ledger.clock import microseconds
from ombud_ledger.errors import (
    LedgerBroken,
    LedgerClosed,
    LedgerError,
    LedgerUnavailable,
    LedgerUnreadable,
)
from ombud_ledger.layout import objects_folder
from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.memory import Memory, memory_path
from ombud_ledger.remote.push import Push
from ombud_ledger.remote.store import Remote
from ombud_ledger.remote.thinned import Thinned

_LOG: Final = logging.getLogger(__name__)
_BACKOFF_FIRST: Final = 1.0  # seconds
_BACKOFF_MOST: Final = 300.0
_SHARE: Final = 4  # a round is followed by a rest of so many times its length, at least
_CHECK_SECONDS: Final = 3_600.0  # between two looks at whether what was sent is still there


class RemoteKeeper:
    """Keeps one log at one remote place.

    `error` is what keeps it from being up to date, None if nothing does; `size` how many entries are there.
    """

    def __init__(
        self,
        root: Path,
        log: str,
        address: RemoteAddress,
        *,
        seconds: float = 60.0,
        keep_local: int | None = None,
        clock: Callable[[], int] = microseconds,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make ready for a round every `seconds`; asks nothing of the remote place yet.

        With `keep_local`, sealed files older than so many microseconds by `clock` are let go here.

        Raises KeyUnusable, LedgerUnavailable, LedgerUnreadable.
        """
        self.error: Exception | None = None
        self.size = 0
        self.address = address
        self._log = log
        self._seconds = seconds
        self._keep_local = keep_local
        self._clock = clock
        self._monotonic = monotonic
        self._checked: float | None = None
        self._closing = threading.Event()
        self._deadline: float | None = None
        layout = Thinned(root, address).layout(log)
        remote = Remote(address)
        try:
            self._memory = Memory(memory_path(layout.signed.parent, address.url))
        except OSError as error:
            raise LedgerUnavailable(f"log {log}: cannot remember what is at {address}: {error}") from error
        self._push = Push(layout, objects_folder(root), remote, self._memory, look=self._look)
        self._thread = threading.Thread(target=self._run, name=f"ledger-remote-{log}", daemon=True)

    def start(self) -> None:
        """Begin: at once, and then again and again."""
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Whether it gave up, because what is there contradicts the log."""
        return isinstance(self.error, LedgerBroken)

    def finish(self, timeout: float) -> None:
        """Send what is left, once the log is closed, if that can be done in `timeout` seconds; then end."""
        self._closing.set()
        self._deadline = self._monotonic() + timeout
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._thread.is_alive():  # within one large file; what is left of it at the remote does not count
            _LOG.error("log %s: closes without its last entries at %s", self._log, self.address)
            return
        with closing(self._memory), closing(self._push):
            if self.stopped:
                return
            try:
                self.round()
            except LedgerError as error:
                _LOG.error(
                    "log %s: closes without its last entries at %s: %s", self._log, self.address, error
                )

    def round(self) -> None:
        """Send what is new; first, now and then, look whether what was sent is still there.

        Raises LedgerBroken, and another LedgerError where another try may do.
        """
        try:
            now = self._monotonic()
            if self._checked is None or now - self._checked >= _CHECK_SECONDS:
                self._push.check()
                self._checked = now
            pushed = self._push.round()
            self.size = pushed.entries
            if self._keep_local is not None:
                self._push.thin(self._clock() - self._keep_local)
        except Exception as error:  # whatever it is, nobody may think that all is there
            self.error = error
            raise
        self.error = self._lost(pushed.absent)

    def _lost(self, absent: list[str]) -> Exception | None:
        """Return what to say of sealed files that are nowhere: the rest is sent all the same."""
        if not absent:
            return None
        what = f"{len(absent)} sealed files are neither here nor at {self.address}: {', '.join(absent[:5])}"
        if str(self.error) != what:
            _LOG.critical("log %s: %s", self._log, what)
        return LedgerUnreadable(what)

    def _run(self) -> None:
        delay = 0.0
        while not self._closing.is_set():
            began = self._monotonic()
            try:
                self.round()
            except LedgerBroken as error:
                _LOG.critical("log %s: nothing more is sent: %s", self._log, error)
                return
            except LedgerClosed:
                return
            except LedgerError as error:
                delay = min(max(delay * 2, _BACKOFF_FIRST), _BACKOFF_MOST)
                _LOG.warning("log %s: %s; next try in %.0f s", self._log, error, delay)
                self._closing.wait(delay)
            else:
                if delay:
                    _LOG.info("log %s: %s is up to date again", self._log, self.address)
                delay = 0.0
                self._closing.wait(max(self._seconds, (self._monotonic() - began) * _SHARE))

    def _look(self) -> None:
        """Stop a round of the thread where the log closes, and the last one when its time is over."""
        late = self._deadline is not None and self._monotonic() > self._deadline
        if late or (self._closing.is_set() and threading.current_thread() is self._thread):
            raise LedgerClosed("the log closes")
