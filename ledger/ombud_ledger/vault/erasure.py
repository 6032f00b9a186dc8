# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Erase a person: blank their facts, say so in the log, destroy their key (GDPR Article 17).

Two phases, so that nothing is lost or left over by a crash: what the key store marks as being erased is
blanked in every log; only then do the keys go. Doing it again goes on where it stopped. Nothing that is
written says who was erased: not the log, and not the key store when it is over.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ombud_ledger.durable import Durable, exclusive, publish, sync_folder
from ombud_ledger.errors import EntryBroken, LedgerUnavailable
from ombud_ledger.latest import backwards, latest
from ombud_ledger.layout import SealedFile
from ombud_ledger.place import Place
from ombud_ledger.segment import Progress
from ombud_ledger.shreds import FILE, KEYS, shred_of
from ombud_ledger.vault.keystore import ERASED, ERASING
from ombud_ledger.vault.told import PendingErasure
from ombud_ledger.vault.vault import LOOK_MICROSECONDS, Vault

if TYPE_CHECKING:
    from ombud_ledger.remote.address import RemoteAddress

_ROUNDS: Final = 8

_RECORDS: Final = (
    "the entries' records: they hold no facts, only commitments to them, and without the salts, which are"
    " gone, no guess can be tested against these"
)
_OTHERS: Final = (
    "facts of other people that name this one in free text, and facts that were recorded without a subject:"
    " nothing tells whom they are about"
)
_OUTSIDE: Final = "what lies outside the ledger: reports and exports, copies and backups of the ledger"
_BACKUPS: Final = (
    "backups of the key store: they stay readable until its epoch key is rotated (`ombud vault rotate`)"
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did in this run, and what remains of the person, and why."""

    id: str  # random; the log's entries about it bear it
    complete: bool  # the keys are destroyed, and no facts are left
    pseudonyms: int  # whose keys that are
    files: tuple[str, ...]  # facts files that were rewritten, by path inside the log
    rows: int  # facts blanked in them
    payloads: int  # stored payloads that nobody can read any more
    remains: tuple[str, ...]


class Eraser:
    """Erases in one log; its caller lets one thread at a time do so, and none seal meanwhile."""

    def __init__(
        self,
        place: Place,
        log: str,
        vault: Vault,
        *,
        append: Callable[[str, Mapping[str, Any]], object],
        flush: Callable[[], object],
        seal: Callable[[], object],
        finish_prunes: Callable[[], object],
        cover: Callable[[], None],
        durable: Durable,
    ) -> None:
        self._place = place
        self._log = log
        self._layout = place.layout(log)
        self._vault = vault
        self._append = append
        self._flush = flush
        self._seal = seal
        self._finish_prunes = finish_prunes
        self._cover = cover
        self._durable = durable
        self._none: dict[str, set[str]] = {}  # by erasure: digests of files elsewhere without facts to erase

    def erase(self, subject: str, progress: Progress | None = None) -> Erasure:
        """Erase a person, by their own identifier. Raises as `Ledger.erase`."""
        # 0. Everybody the key store knows is found in it: else something of this person might stay behind.
        self._vault.demand_sound()
        # 1. The key store says that it begins: a call of the person from now on has another pseudonym. A
        #    crash after this is resumed.
        erasure, pseudonyms = self._vault.begin_erasure(subject)
        return self._carry_out(erasure, PendingErasure(ERASING, pseudonyms, ours=False), progress)

    def resume(self) -> bool:
        """Go on with what was not finished: by a crash, or because another log began it.

        Say whether anything is left that waits for another log.
        """
        waits = False
        for erasure, pending in self._vault.pending_erasures(self._log).items():
            waits |= not self._carry_out(erasure, pending, None).complete
        return waits

    def _carry_out(self, erasure: str, pending: PendingErasure, progress: Progress | None) -> Erasure:
        from ombud_ledger.vault.about import count_payloads  # here: it needs Arrow

        state, pseudonyms, ours = pending
        what = (erasure, pseudonyms, progress)
        try:
            # 2. Files that a prune entry names and a crash left go first, with the bytes that it names.
            self._finish_prunes()
            # 3. Blank the person's facts in this log. Calls that were under way when it began may still bring
            #    some: again, until the tail has none.
            done = self._blank_until_none(*what)
            payloads = sum(count_payloads(self._place, log, pseudonyms) for log in self._place.logs())
            # 4. The other logs of this ledger do so in their own processes. The keys wait for them.
            waiting = self._waiting(erasure, pseudonyms)
            if state == ERASING and not waiting:
                # 5. Destroy key, identifier, mapping. From here on payloads are dark, nothing tells whose the
                #    pseudonyms were, and no log takes facts under them. A crash after this leaves steps 6, 7.
                self._vault.destroy_keys(erasure, self._log)
                state, ours = ERASED, True
                # 6. Until then a call that ended could still leave facts behind the looks of 3 and 4: look
                #    once more, now that none can follow.
                done += self._blank_until_none(*what)
                waiting = self._waiting(erasure, pseudonyms)
            if state == ERASED and ours and not waiting:
                # 7. Say so. What is erased, and not said to be, every log looks for; one of them says it.
                self._say_destroyed(erasure, len(pseudonyms))
        except OSError as error:
            raise LedgerUnavailable(f"log {self._log}: erasure {erasure}: {error}") from error
        return Erasure(
            erasure,
            state == ERASED and ours and not waiting,
            len(pseudonyms),
            tuple(name for name, _ in done),
            sum(rows for _, rows in done),
            payloads,
            _remains(payloads, waiting, self._place.elsewhere if done else None, keys=state == ERASING),
        )

    def _blank_until_none(
        self, erasure: str, pseudonyms: Sequence[str], progress: Progress | None
    ) -> list[tuple[str, int]]:
        """Blank the person's facts until the log has none; return the files rewritten, with rows blanked."""
        done = []
        hot = self._in_tail(pseudonyms)
        for _ in range(_ROUNDS):
            if hot:
                self._seal()
            done += self._blank_all(erasure, pseudonyms, progress)
            hot = self._in_tail(pseudonyms)
            if not hot:
                self._purge()
                return done
        raise LedgerUnavailable(f"log {self._log}: facts of the person to erase keep coming in")

    def _in_tail(self, pseudonyms: Sequence[str]) -> bool:
        from ombud_ledger.vault.about import hot_facts

        self._flush()  # what has begun counts, though it may not be stored yet
        return hot_facts(self._layout, pseudonyms)

    def _blank_all(
        self, erasure: str, pseudonyms: Sequence[str], progress: Progress | None
    ) -> list[tuple[str, int]]:
        from ombud_ledger.vault.about import none_about

        done = []
        sealed = self._layout.facts_files()
        none = self._none.setdefault(erasure, set())
        logged: dict[str, str] | None = None  # read once, if at all: it takes a walk through the whole log
        for at, file in enumerate(sealed):
            if not none_about(file, pseudonyms, none):
                logged = self._logged() if logged is None else logged
                done.append((file.name, self._blank(erasure, file, pseudonyms, logged.get(file.name))))
            if progress:
                progress("erase", at + 1, len(sealed))
        return done

    def _logged(self) -> dict[str, str]:
        """Return the digest that the newest shred entry of each file gives it, by path."""
        found: dict[str, str] = {}
        for seq, record in backwards(self._layout, "shred"):
            with suppress(EntryBroken):  # verification reports it
                shred = shred_of(seq, record)
                if shred is not None:
                    found.setdefault(shred.path, shred.new)
        return found

    def _blank(self, erasure: str, file: SealedFile, pseudonyms: Sequence[str], logged: str | None) -> int:
        from ombud_ledger.seal import digest_of
        from ombud_ledger.vault.blank import Blanked, stage_blanked

        # a. Stage the file without the person's facts: durable, then read again and hashed. A crash here
        #    leaves a file in staging/ that counts for nothing.
        staging = Path(tempfile.mkdtemp(dir=self._layout.staging))
        staged: list[Blanked] = []
        self._durable("erase.stage", lambda: staged.append(stage_blanked(file, staging, pseudonyms)))
        new = staged[-1].file
        # b. Say so in the log: old digest, new one, and how many rows are blank, never which. From here on
        #    the new digest counts; a crash leaves a file that verification calls not carried out.
        if logged != new.sha256:
            body = {
                "event": FILE,
                "erasure": erasure,
                "path": file.name,
                "old": digest_of(file.at_hand()),
                "new": new.sha256,
                "bytes": new.size,
                "blanks": staged[-1].blanks,
            }
            self._append("shred", body)
        # c. Let a signed checkpoint cover it, if the log is signed: the old bytes cannot come back.
        self._cover()
        # d. Move it into place. Where the file was elsewhere alone, it is here again by that, and what is
        #    here counts; it goes once more after the one there was replaced.
        with exclusive(self._layout.changing):
            publish(staging / file.name, file.path, self._durable, "erase")
        shutil.rmtree(staging, ignore_errors=True)
        return staged[-1].rows

    def _purge(self) -> None:
        # What an attempt left in staging/ that was cut short, and what was fetched from elsewhere: copies of
        # facts that are to be gone, for good.
        def act() -> None:
            if self._layout.fetched.is_dir():
                shutil.rmtree(self._layout.fetched)
                sync_folder(self._layout.folder)
            for left in self._layout.staging.iterdir():
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left)
                else:
                    left.unlink()
            sync_folder(self._layout.staging)

        self._durable("erase.purge", act)

    def _say_destroyed(self, erasure: str, count: int) -> None:
        said = {"event": KEYS, "erasure": erasure}
        if latest(self._layout, "shred", said) is None:
            self._append("shred", {**said, "destroyed": count})
        self._vault.end_erasure(erasure)
        self._none.pop(erasure, None)

    def _waiting(self, erasure: str, pseudonyms: Sequence[str]) -> list[str]:
        from ombud_ledger.vault.about import holds_facts

        none = self._none.setdefault(erasure, set())

        def held() -> list[str]:
            return [log for log in others if holds_facts(self._place.layout(log), pseudonyms, none)]

        others = [log for log in self._place.logs() if log != self._log]
        found = held()
        if others and not found:
            # As long as another process may not have looked, it goes on with the pseudonym it remembers; and
            # what it admitted may not be stored yet.
            time.sleep(2 * LOOK_MICROSECONDS / 1e6)
            found = held()
        return found


def _remains(
    payloads: int, waiting: Sequence[str], elsewhere: "RemoteAddress | None", *, keys: bool
) -> tuple[str, ...]:
    what = ", and with them the keys" if keys else ""
    parts = [
        f"facts in log {log}{what}: its own process erases them, when it has the vault" for log in waiting
    ]
    if elsewhere:
        parts.append(
            f"the facts files as they were, at {elsewhere}, until they are replaced there: by the gateway's"
            " next round, or by `ombud ledger push`"
        )
    parts += [_RECORDS, _OTHERS]
    if payloads:
        parts.append(f"{payloads} encrypted payloads, until retention deletes their files: their key is gone")
    return (*parts, _OUTSIDE, _BACKUPS)
