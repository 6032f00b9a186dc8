# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of entries once recorded: sealed, held, pruned, blanked; by a thread, or when asked."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from ombud_ledger.apart import StageApart
from ombud_ledger.durable import exclusive
from ombud_ledger.entry import Position
from ombud_ledger.errors import KeyUnusable, LedgerError, LedgerReadOnly, LedgerUnavailable
from ombud_ledger.facts import Facts
from ombud_ledger.layout import HotFile, holds_lock, objects_folder
from ombud_ledger.options import Options
from ombud_ledger.parts import Parts
from ombud_ledger.place import Place
from ombud_ledger.seal import Frozen, Sealed, Sealer
from ombud_ledger.segment import Progress
from ombud_ledger.signing import Signing
from ombud_ledger.writer import Writer

if TYPE_CHECKING:
    from ombud_ledger.prune import Pruned, Pruner
    from ombud_ledger.prune_plan import Plan
    from ombud_ledger.vault.erasure import Eraser, Erasure
    from ombud_ledger.vault.vault import Vault

_LOG: Final = logging.getLogger(__name__)
_SEAL_CHECK: Final = 0.5  # seconds between looks at whether the tail is due for sealing
_BACKOFF_MOST: Final = 60.0


class Append(Protocol):
    """`Ledger.append_blocking`."""

    def __call__(self, kind: str, body: Any, facts: Facts | None = None) -> Position:
        """Record one entry; return its position once it is durable."""
        ...


class Upkeep:
    """Of one open log. One thing at a time is done to what is sealed; appends go on meanwhile.

    `error` is what keeps the tail from being sealed, None if nothing does. What each method raises is told
    where `Ledger` offers it.
    """

    def __init__(
        self,
        place: Place,
        log: str,
        origin: str,
        options: Options,
        parts: Parts,
        *,
        writer: Writer,
        signing: Signing,
        append: Append,
        flush: Callable[[], None],
        closing: threading.Event,
    ) -> None:
        """`flush` returns once all appends that have begun are stored; `closing` ends what takes long."""
        self.error: Exception | None = None
        self.eraser: Eraser | None = None
        self._place = place
        self._layout = place.layout(log)
        self._log = log
        self._origin = origin
        self._options = options
        self._parts = parts
        self._writer = writer
        self._signing = signing
        self._append = append
        self._closing = closing
        self._lock = threading.Lock()
        self._frozen: Frozen | None = None
        self._stage = parts.stage or StageApart(options.seal_timeout)
        self._sealer = Sealer(
            self._layout,
            log=log,
            objects=objects_folder(place.root),
            append=append,
            durable=parts.durable,
            stage=self._stage,
            cover=signing.cover,
        )
        if parts.vault is not None:
            self.eraser = self._make_eraser(parts.vault, flush)
        self._keeper = threading.Thread(target=self._keep, name=f"ledger-seal-{log}", daemon=True)

    def found_frozen(self, frozen: HotFile | None, end: int) -> None:
        """Take note of a file that recovery found frozen, or made of one; it ends before entry `end`."""
        self._frozen = Frozen(frozen.path, frozen.first, end) if frozen else None

    def start(self) -> None:
        """Begin to seal, to beat, and to go on with erasures, by a thread."""
        self._keeper.start()

    def stop(self) -> None:
        """End what is running in another process; the log closes."""
        self._stage.stop()

    def wait(self, timeout: float) -> None:
        """Wait for the thread, then for what others asked for, so many seconds each."""
        if self._keeper.is_alive():
            self._keeper.join(timeout)
        # A prune ends at its next step: it must not delete what is another process's by then.
        if self._lock.acquire(timeout=timeout):
            self._lock.release()

    def demand_key(self) -> None:
        """Raise KeyUnusable if the log is signed, but was opened without its key."""
        if self._signing.keyless:
            raise KeyUnusable(
                f"log {self._log} is signed: its key is needed, so that a checkpoint covers what is done"
            )

    def demand_erasable(self) -> None:
        """Raise LedgerReadOnly or KeyUnusable if nobody can be erased in this log."""
        if self._writer.state == "read-only":
            why = self._writer.why
            raise LedgerReadOnly(f"log {self._log} is read-only, so nobody can be erased in it: {why}")
        self.demand_key()

    def seal(self, progress: Progress | None = None) -> Sealed | None:
        """Seal the hot tail; None if it holds nothing but housekeeping."""
        with self._lock:
            return self._seal(progress)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Seal the tail, let a checkpoint cover that; until the with block ends, keep what is sealed."""
        with self._lock:
            self.demand_key()
            self._seal(None)
            if self._signing.publisher is not None:
                self._signing.publisher.publish()
            yield

    def erase(self, eraser: "Eraser", subject: str, progress: Progress | None) -> "Erasure":
        """Erase a person, by their own identifier."""
        with self._lock:
            return eraser.erase(subject, progress)

    def prune(self, *, by: str, before: int | None, progress: Progress | None) -> "Pruned":
        """Prune what may go by the systems' declarations."""
        with self._lock:
            self.demand_key()
            return self._pruner(progress).run(now=self._parts.clock(), by=by, before=before)

    def would_prune(self, *, before: int | None, progress: Progress | None) -> "Plan":
        """Say what `prune` would do now, and change nothing."""
        with self._lock:
            return self._pruner(progress).plan(now=self._parts.clock(), before=before)

    def hold(self, system: str, event: str, *, by: str, reason: str) -> Position:
        """Record that a system is under a legal hold, or not any more."""
        body = {"event": event, "system": system, "by": by}
        try:
            with self._lock, exclusive(holds_lock(self._place.root)):
                return self._append("system", body, Facts(None, {}, {"reason": reason}))
        except OSError as error:
            raise LedgerUnavailable(f"log {self._log}: a hold cannot be recorded: {error}") from error

    def finish_what_was_begun(self) -> None:
        """Go on with prunes and erasures that a crash cut short; failing that, a later one does."""
        if self._signing.keyless:
            return  # no checkpoint would cover what is done
        try:
            self._pruner().finish_tail()
        except LedgerError as error:
            _LOG.warning("log %s: a prune is not finished yet: %s", self._log, error)
        if self.eraser is not None:
            try:
                with self._lock:
                    self.eraser.resume()
            except LedgerError as error:  # calls do not wait for it; the keeper tries again
                _LOG.warning("log %s: an erasure is still not finished: %r", self._log, error)

    def _seal(self, progress: Progress | None) -> Sealed | None:
        # 1. A segment left frozen by a crash or a failed attempt comes first.
        sealed = None
        if self._frozen is not None:
            sealed = self._sealer.seal(self._frozen, progress)
            self._frozen = None
        # 2. Freeze the hot file: what is appended from now on goes to the next.
        rolled = self._writer.roll()
        if rolled is None:
            return sealed
        self._frozen = Frozen(*rolled)
        # 3. Seal it while appends go on.
        sealed = self._sealer.seal(self._frozen, progress)
        self._frozen = None
        return sealed

    def _pruner(self, progress: Progress | None = None) -> "Pruner":
        from ombud_ledger.prune import Pruner

        def tell(what: str, done: int, total: int) -> None:
            if self._closing.is_set():
                raise LedgerUnavailable(
                    f"log {self._log} is closing: its next opening goes on with the prune"
                )
            if progress is not None:
                progress(what, done, total)

        return Pruner(
            self._layout,
            origin=self._origin,
            place=self._place,
            append=self._append,
            cover=self._signing.cover,
            durable=self._parts.durable,
            tell=tell,
        )

    def _finish_prunes(self) -> None:
        self.demand_key()
        self._pruner().finish_all()

    def _make_eraser(self, vault: "Vault", flush: Callable[[], None]) -> "Eraser":
        from ombud_ledger.vault.erasure import Eraser  # here: a vault needs cryptography

        return Eraser(
            self._place,
            self._log,
            vault,
            append=self._append,
            flush=flush,
            seal=lambda: self._seal(None),
            finish_prunes=self._finish_prunes,
            cover=self._signing.cover,
            durable=self._parts.durable,
        )

    def _keep(self) -> None:
        delay = pause = _SEAL_CHECK
        passed = 0.0  # seconds since erasures were looked at
        while not self._closing.wait(delay):
            passed += delay
            try:
                if self._writer.silent(self._options.beat_seconds):
                    self._append("beat", {})
                with self._lock:
                    if self._frozen is not None or self._writer.due():
                        self._seal(None)
                    if self.eraser is not None and passed >= pause:
                        # One that waits for another log may do so for days, and each look reads all facts.
                        waits = self.eraser.resume()
                        pause = min(pause * 2, _BACKOFF_MOST) if waits else _SEAL_CHECK
                        passed = 0.0
            except (LedgerError, OSError) as error:
                if self._closing.is_set():
                    return
                self.error = error
                delay = min(delay * 2, _BACKOFF_MOST)
                _LOG.warning("log %s: sealing failed, next try in %.1f s: %r", self._log, delay, error)
            else:
                self.error = None
                delay = _SEAL_CHECK
