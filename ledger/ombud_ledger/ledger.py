# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One log, open for writing: the ledger's face to a process that records."""

import asyncio
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ombud_ledger.aside import LARGE, Aside
from ombud_ledger.canonical import JSON
from ombud_ledger.clock import microseconds
from ombud_ledger.durable import Durable, Lock, act_now, make_folder
from ombud_ledger.entry import Head, Position, check_body
from ombud_ledger.errors import LedgerError, LedgerUnavailable
from ombud_ledger.facts import Facts
from ombud_ledger.intake import Intake, UnderWay
from ombud_ledger.kinds import FORMAT
from ombud_ledger.latest import latest
from ombud_ledger.layout import log_layout, objects_folder
from ombud_ledger.objects import Objects
from ombud_ledger.options import Options
from ombud_ledger.pace import Pace
from ombud_ledger.parts import Parts
from ombud_ledger.place import Place, place_of
from ombud_ledger.records import whole_stretch
from ombud_ledger.recover import recover
from ombud_ledger.seal import Sealed, Stage
from ombud_ledger.segment import Progress
from ombud_ledger.signing import Signing
from ombud_ledger.upkeep import Upkeep
from ombud_ledger.writer import Writer

if TYPE_CHECKING:
    from ombud_ledger.prune import Pruned
    from ombud_ledger.prune_plan import Plan
    from ombud_ledger.tlog.note import Signer
    from ombud_ledger.tlog.witnessing import Witnesses
    from ombud_ledger.vault.erasure import Erasure
    from ombud_ledger.vault.export import SubjectFile
    from ombud_ledger.vault.payload import Payload
    from ombud_ledger.vault.vault import Vault

_Part = TypeVar("_Part")
_LOG: Final = logging.getLogger(__name__)


class Ledger:
    """A log open for writing. Make it with `Ledger.open`; every method may be called from any thread."""

    def __init__(self, place: Place, log: str, origin: str, options: Options, parts: Parts) -> None:
        self.place = place.keeping_copies_in(log_layout(place.root, log).fetched)
        self.log = log
        self.origin = origin
        self.on_state: Callable[[str], None] | None = parts.on_state
        self._options = options
        self._parts = parts
        self._layout = self.place.layout(log)
        make_folder(self._layout.folder)
        self._vault = parts.vault
        # 1. One writer per log.
        self._lock = Lock(self._layout.lock)
        try:
            shutil.rmtree(self._layout.fetched, ignore_errors=True)  # what a crash left
            make_folder(objects_folder(self.root))
            self._objects = Objects(objects_folder(self.root), parts.durable)
            # 2. Find the log's true end, in a file written just now.
            tail, frozen = recover(self._layout, origin=origin, durable=parts.durable)
        except BaseException:
            self._lock.release()
            raise
        try:
            # 3. It must hold what was signed of it; if not, it opens read-only.
            self._signing = Signing(
                self._layout,
                origin=origin,
                size=tail.size,
                signers=parts.signers,
                witnesses=parts.witnesses,
                options=options,
                clock=parts.clock,
                durable=parts.durable,
                on_broken=self._forbid,
            )
        except BaseException:
            tail.close()
            self._lock.release()
            raise
        # 4. Serve.
        self._under_way = UnderWay()
        self._intake = Intake(self._objects, parts.randomness, parts.vault, origin)
        self._closing = threading.Event()
        clean, size = tail.clean, tail.size
        self._writer = Writer(
            tail,
            log=log,
            options=options,
            clock=parts.clock,
            recover=lambda: self._recover_again(parts.durable),
            on_state=self._say_state,
            on_durable=self._signing.publisher.hand_on if self._signing.publisher else None,
        )
        self._pace = Pace(self._writer)
        self._aside = Aside(log)
        self._upkeep = Upkeep(
            self.place,
            log,
            origin,
            options,
            parts,
            writer=self._writer,
            signing=self._signing,
            append=self.append_blocking,
            flush=self._flush,
            closing=self._closing,
        )
        self._upkeep.found_frozen(frozen, tail.first)
        self._writer.start()
        if self._signing.why:
            self._forbid(self._signing.why)
        # 5. The first entry of a log is its genesis; of every later opening, a boot. Then what changed about
        #    its keys. A read-only log gets none of them.
        try:
            if self.state != "read-only":
                self._say_begun(size, clean)
                self._upkeep.finish_what_was_begun()
        except BaseException:
            self._writer.stop(timeout=options.close_timeout)
            self._let_go()
            raise
        if options.seal_automatically and self.state != "read-only":
            self._upkeep.start()
        self._signing.start()

    @classmethod
    def open(
        cls,
        root: Path | Place,
        *,
        log: str,
        origin: str,
        options: Options = Options(),  # noqa: B008 - frozen
        clock: Callable[[], int] = microseconds,
        randomness: Callable[[int], bytes] = os.urandom,
        durable: Durable = act_now,
        stage: Stage | None = None,
        on_state: Callable[[str], None] | None = None,
        signers: "Sequence[Signer]" = (),
        witnesses: "Witnesses | None" = None,
        vault: "Vault | None" = None,
    ) -> "Ledger":
        """Open or create the log `log` under `root`, recover it, and begin to write.

        `root` is a folder, or a `remote.Thinned` where some sealed files may lie elsewhere alone.
        `clock` gives microseconds UTC; `durable` is the seam at which tests make durable steps fail;
        `stage` writes segments, by default in a process of its own; all of `signers` sign each checkpoint,
        without any none is published; `witnesses` are asked to cosign them. Payloads are
        encrypted with keys of the `vault`, which stays its caller's to close. A log that no longer holds what
        was signed of it opens with `state` "read-only", and `why` says why. Raises LedgerLocked,
        OriginMismatch, KeyUnusable, LedgerBroken, LedgerUnreadable, LedgerUnavailable.
        """
        try:
            parts = Parts(clock, randomness, durable, stage, on_state, tuple(signers), witnesses, vault)
            return cls(place_of(root), log, origin, options, parts)
        except (OSError, sqlite3.Error) as error:
            raise LedgerUnavailable(f"log {log}: cannot be opened: {error}") from error

    @staticmethod
    def demand_free(root: "Path | Place", log: str) -> None:
        """Demand that nobody has the log open for writing, before work whose end is to write to it.

        Raises LedgerLocked, LedgerUnavailable.
        """
        try:
            Lock(place_of(root).layout(log).lock).release()
        except OSError as error:
            raise LedgerUnavailable(f"log {log}: cannot be opened: {error}") from error

    async def append(
        self,
        kind: str,
        body: Mapping[str, JSON],
        facts: Facts | None = None,
        *,
        payload: "Payload | None" = None,
        linger: float = 0.0,
        company: int = 1,
    ) -> Position:
        """Record one entry; return its position once it, with its facts and payload, is durable.

        Its commit may be put off for `linger` seconds, or until `company` entries share it. Raises
        RecordInvalid, LedgerOverloaded (nothing stored), LedgerUnavailable (it may surface after recovery);
        of facts or a payload with a subject SubjectErased, SubjectKeyMissing (nothing stored), VaultUnusable.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Position] = loop.create_future()
        admit = partial(self._admit, kind, body, facts, loop, future, payload=payload)
        if payload is None or payload.size <= LARGE:
            admit()
            self._pace.admitted(loop, linger, company)
        else:
            # Not on the event loop; and as if it were, what has begun is stored although its caller leaves.
            await asyncio.shield(
                self._aside.admit(loop, admit, partial(self._pace.admitted, loop, linger, company))
            )
        return await future

    def append_blocking(
        self,
        kind: str,
        body: Mapping[str, JSON],
        facts: Facts | None = None,
        *,
        payload: "Payload | None" = None,
    ) -> Position:
        """Record one entry from a thread without an event loop; like `append`."""
        future: Future[Position] = Future()
        self._admit(kind, body, facts, None, future, payload=payload)
        return future.result()

    def put_object(self, data: bytes) -> str:
        """Store an immutable object; return its SHA-256 in hex once it is durable."""
        return self._objects.put(data)

    def get_object(self, digest: str) -> bytes:
        """Return a stored object. Raises ObjectMissing, LedgerBroken."""
        return self._objects.get(digest)

    def latest(self, kind: str, where: Mapping[str, JSON] | None = None) -> dict[str, Any] | None:
        """Return this log's newest record of `kind` whose fields equal `where`, or None."""
        return latest(self._layout, kind, where or {})

    def entry(self, seq: int) -> tuple[int, bytes, bytes]:
        """Return a durable entry as it is stored: number, record, chain value. Raises LedgerUnreadable."""
        (found,) = whole_stretch(self._layout, seq, seq + 1)
        return found

    def entries_of(self, call: str, most: int) -> Sequence[tuple[int, bytes, bytes]]:
        """Return the first `most` entries about a call, by its id, as `entry` does, in order; blocking.

        Raises ValueError for what is no id, LedgerUnreadable.
        """
        from ombud_ledger.by_id import entries_of  # here: most processes are never asked

        return entries_of(self._layout, call, most)

    async def seal(self, progress: Progress | None = None) -> Sealed | None:
        """Seal the hot tail; None if it holds nothing but housekeeping. Raises LedgerUnavailable."""
        return await asyncio.to_thread(self.seal_blocking, progress)

    def seal_blocking(self, progress: Progress | None = None) -> Sealed | None:
        """Seal from a thread; like `seal`."""
        return self._upkeep.seal(progress)

    def erase(self, subject: str, progress: Progress | None = None) -> "Erasure":
        """Erase a person, by their own identifier: blank their facts, destroy their key; blocking.

        What was not finished, after a crash too, is finished when the log is opened, or by calling again.
        Raises SubjectHeld, SubjectUnknown, LedgerReadOnly, KeyUnusable for a signed log that is open without
        its key (nothing was done); LedgerUnavailable, VaultUnusable (try again).
        """
        self.demand_erasable()
        return self._upkeep.erase(self._with_vault(self._upkeep.eraser), subject, progress)

    def export(self, subject: str) -> "SubjectFile":
        """Return all that is held of a person, by their own identifier: entries, facts, payloads; blocking.

        Raises SubjectUnknown, LedgerUnreadable, VaultUnusable; while it is read, LedgerBroken too.
        """
        from ombud_ledger.vault.export import export  # here: it needs Arrow

        return export(self.place, self._with_vault(self._vault), subject, {self.log: self.origin})

    def prune_blocking(
        self, *, by: str, before: int | None = None, progress: Progress | None = None
    ) -> "Pruned":
        """Prune what may go by the systems' declarations; blocking. Appends go on, sealing waits.

        `before`: nothing as new as that goes; microseconds UTC. A log that is closed meanwhile ends it; the
        next opening goes on. Raises LedgerBroken, LedgerUnreadable, LedgerUnavailable; KeyUnusable for a
        signed log that is open without its key.
        """
        return self._upkeep.prune(by=by, before=before, progress=progress)

    def would_prune(self, *, before: int | None = None, progress: Progress | None = None) -> "Plan":
        """Say what `prune_blocking` would do now, and change nothing; blocking, and raises like it."""
        return self._upkeep.would_prune(before=before, progress=progress)

    def hold_blocking(self, system: str, event: str, *, by: str, reason: str) -> Position:
        """Record that a system is under a legal hold (`event` "held") or not any more ("released").

        A prune that is under way, of any log, ends first: from then on none deletes what is held. Raises as
        `append`.
        """
        return self._upkeep.hold(system, event, by=by, reason=reason)

    def settled(self) -> AbstractContextManager[None]:
        """Seal the tail, let a checkpoint cover that, and keep what is sealed as it is; blocking.

        Until the with block ends nothing is sealed, pruned or erased; appends go on. Raises KeyUnusable for a
        signed log that is open without its key, LedgerError.
        """
        return self._upkeep.settled()

    def close(self, *, seal: bool = False) -> None:
        """Record what is queued, append `close`, let the log go. Harmless when closed already."""
        if self._closing.is_set():
            return
        try:
            if seal:
                self.seal_blocking()
        finally:
            self._closing.set()
            self._upkeep.stop()
            self._aside.close()
            self._upkeep.wait(self._options.close_timeout)
            try:
                if self._writer.state == "serving":
                    self.append_blocking("close", {})
            except LedgerUnavailable as error:
                _LOG.warning("log %s: closes without its close entry: %r", self.log, error)
            finally:
                self._writer.stop(timeout=self._options.close_timeout)
                self._signing.finish()
                self._let_go()

    def demand_erasable(self) -> None:
        """Raise LedgerReadOnly or KeyUnusable if nobody can be erased in this log."""
        self._upkeep.demand_erasable()

    def demand_key(self) -> None:
        """Raise KeyUnusable if the log is signed, but was opened without its key."""
        self._upkeep.demand_key()

    def publish(self) -> bytes | None:
        """Publish a checkpoint of all that is durable by now and return it; None for an unsigned log.

        Raises LedgerBroken, and LedgerUnavailable where another try may do.
        """
        publisher = self._signing.publisher
        return publisher.publish() if publisher is not None else None

    def ask_witnesses(self) -> None:
        """Ask the witnesses that are due to cosign the newest checkpoint; return when they have answered."""
        if self._signing.witnessing is not None:
            self._signing.witnessing.round()

    async def covered(self, seq: int, *, witnessed: bool = False) -> int:
        """Return the size of a published checkpoint that covers entry `seq`, once there is one.

        With `witnessed`, of one that enough witnesses cosigned. The publisher hurries; nobody else is held
        up. Bound the wait: it lasts for as long as signing, or a witness that is needed, fails. Raises
        LedgerUnavailable where none will come: the log is not signed, has no witnesses, or is closed.
        """
        return await self._signing.covered(self.log, seq, witnessed=witnessed)

    @property
    def root(self) -> Path:
        """The ledger's folder."""
        return self.place.root

    @property
    def state(self) -> str:
        """Either "serving", "recovering" or "read-only" (appends are refused), or "closed"."""
        return self._writer.state

    @property
    def why(self) -> str:
        """Why the log is read-only, empty while it is not."""
        return self._writer.why

    @property
    def seal_error(self) -> Exception | None:
        """What keeps the tail from being sealed; None if nothing does."""
        return self._upkeep.error

    @property
    def signed(self) -> bool:
        """Whether checkpoints are signed and published."""
        return self._signing.publisher is not None

    @property
    def witnessed(self) -> bool:
        """Whether witnesses are asked to cosign checkpoints."""
        return self._signing.witnessing is not None

    @property
    def signed_size(self) -> int:
        """Entries under a checkpoint that was published since the log was opened."""
        reached = self._signing.reached(witnessed=False)
        return reached.size if reached is not None else 0

    @property
    def publish_error(self) -> Exception | None:
        """What keeps the newest entries from being covered by a checkpoint; None if nothing does."""
        publisher = self._signing.publisher
        return publisher.error if publisher is not None else None

    @property
    def witness_lag(self) -> int:
        """Durable entries that no checkpoint covers which enough witnesses cosigned."""
        reached = self._signing.reached(witnessed=True)
        return self.size - (reached.size if reached is not None else 0)

    @property
    def size(self) -> int:
        """Durable entries in this log."""
        return self._writer.tail.size

    @property
    def head(self) -> Head:
        """Where the log ends: what to keep elsewhere as SIZE:HEX for `verify --head`."""
        return self._writer.tail.end

    @property
    def hot_entries(self) -> int:
        """Entries in the hot file."""
        tail = self._writer.tail
        return tail.size - tail.first

    @property
    def depth(self) -> int:
        """Entries queued and not yet taken by the writer."""
        return self._writer.depth

    def _admit(
        self,
        kind: str,
        body: Mapping[str, JSON],
        facts: Facts | None,
        loop: asyncio.AbstractEventLoop | None,
        future: "asyncio.Future[Position] | Future[Position]",
        *,
        payload: "Payload | None",
    ) -> None:
        check_body(kind, body)
        token = self._under_way.begin()
        try:
            held = None if facts is None else self._intake.held(facts)
            dark = None if payload is None else self._intake.dark(payload, body)
            self._writer.admit(kind, body, held, loop, future, payload=dark)
        finally:
            self._under_way.end(token)

    def _flush(self) -> None:
        """Return once all appends that have begun are stored, or have failed. Raises LedgerUnavailable."""
        self._under_way.wait()
        self._writer.flush()

    def _with_vault(self, part: "_Part | None") -> "_Part":
        if part is None:
            raise LedgerError(f"log {self.log} was opened without a vault: it knows no subjects or payloads")
        return part

    def _forbid(self, why: str) -> None:
        _LOG.critical("log %s is read-only: %s", self.log, why)
        self._writer.forbid(why)

    def _say_begun(self, size: int, clean: bool) -> None:
        said: dict[str, JSON] = {"software": self._options.software} if self._options.software else {}
        if self._options.seal_automatically:
            said["beat_seconds"] = self._options.beat_seconds
        if size == 0:
            self.append_blocking("genesis", {"format": FORMAT, "origin": self.origin, **said})
        else:
            self.append_blocking("boot", {"clean": clean, **said})
        for change in self._signing.key_changes():
            self.append_blocking("key", change)

    def _let_go(self) -> None:
        self._signing.let_go(self.log)
        self._lock.release()

    def _say_state(self, state: str) -> None:
        if self.on_state is not None:
            self.on_state(state)

    def _recover_again(self, durable: Durable) -> Any:
        tail, frozen = recover(self._layout, origin=self.origin, durable=durable)
        self._signing.demand_signed(tail.size)
        # Recovery copied a frozen file too: seal that copy, and find the chain there.
        self._upkeep.found_frozen(frozen, tail.first)
        return tail, frozen
