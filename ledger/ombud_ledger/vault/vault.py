# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The vault: who hides behind which pseudonym, and the key of each. Key store and epoch keys lie apart."""

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from ombud_ledger import canonical
from ombud_ledger.clock import microseconds
from ombud_ledger.durable import Durable, Lock, act_now, make_folder
from ombud_ledger.entry import Dark
from ombud_ledger.errors import (
    LedgerBroken,
    LedgerLocked,
    SubjectUnknown,
    VaultUnusable,
)
from ombud_ledger.hashing import SALT_BYTES, payload_commit
from ombud_ledger.hot import PayloadRow
from ombud_ledger.vault import keystore
from ombud_ledger.vault.demands import (
    LONGEST_REASON,
    LONGEST_SUBJECT,
    apart,
    check_text,
    demand_unheld,
    gone,
    usable,
)
from ombud_ledger.vault.epochs import EpochKeys
from ombud_ledger.vault.keystore import ERASED, ERASING, LIVE, HoldRow, KeyStore, SubjectRow
from ombud_ledger.vault.payload import PSEUDONYM, Payload, decode
from ombud_ledger.vault.remembered import Remembered
from ombud_ledger.vault.rotation import Rotation, rotate, settle
from ombud_ledger.vault.sealing import (
    HOLD,
    IDENTIFIER,
    KEY,
    KEY_BYTES,
    NOBODY,
    NONCE_BYTES,
    PSEUDONYM_BYTES,
    EpochKey,
    decrypt_payload,
    encrypt_payload,
    payload_keys,
)
from ombud_ledger.vault.soundness import demand_same, demand_sound
from ombud_ledger.vault.told import Hold, PendingErasure, VaultAccount

CACHED_MICROSECONDS: Final = 300 * 1_000_000
LOOK_MICROSECONDS: Final = 1_000_000  # how far behind another process's change this one may be
_FILE: Final = "keystore.sqlite"


class Vault:
    """An open vault. Make it with `create` or `open`; threads and processes may share one."""

    def __init__(
        self,
        folder: Path,
        keys: Path,
        clock: Callable[[], int],
        durable: Durable,
        randomness: Callable[[int], bytes],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._randomness = randomness
        self._lock = threading.RLock()
        self._pseudonyms: Remembered[str, str] = Remembered(clock, CACHED_MICROSECONDS)
        self._keys: Remembered[bytes, bytes] = Remembered(clock, CACHED_MICROSECONDS)
        self._living: Remembered[str, bool] = Remembered(clock, CACHED_MICROSECONDS)
        self._looked = self._changed = 0
        self._epoch: EpochKey | None = None
        self._epochs = EpochKeys(keys, durable, randomness)
        with usable(folder):
            self._store = KeyStore(folder / _FILE, durable)
        try:
            with usable(folder):
                self._begin()
        except BaseException:
            self._store.close()
            raise

    @classmethod
    def create(cls, folder: Path, keys: Path) -> "Vault":
        """Make a vault: its key store in `folder`, its epoch keys in `keys`, which must lie elsewhere.

        Back them up apart: either alone reveals nothing. Raises VaultUnusable.
        """
        folder, keys = apart(folder, keys)
        with usable(folder):
            make_folder(folder)
            make_folder(keys)
            if (folder / _FILE).exists():
                raise VaultUnusable(f"{folder}: a key store is here already; open it")
            if any(keys.glob("*.key")):
                raise VaultUnusable(f"{keys}: holds epoch keys already; name a folder for this vault's alone")
            # The key first: a crash in between leaves one that nothing was encrypted with.
            epochs = EpochKeys(keys, act_now, os.urandom)
            epoch = epochs.make(1)
            keystore.create(folder / _FILE, epoch.number, epoch.mark, act_now)
            epochs.settle(1)
        return cls.open(folder, keys)

    @classmethod
    def open(
        cls,
        folder: Path,
        keys: Path,
        *,
        clock: Callable[[], int] = microseconds,
        durable: Durable = act_now,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> "Vault":
        """Open a vault; finish or undo a rotation that was cut short. Raises VaultUnusable.

        `clock` gives microseconds UTC; `durable` is the seam at which tests make durable steps fail.
        """
        folder, keys = apart(folder, keys)
        return cls(folder, keys, clock, durable, randomness)

    def pseudonym(self, subject: str) -> str:
        """Return the subject's pseudonym, 32 hex digits; made, durably, where there is none.

        Raises RecordInvalid for what cannot be an identifier, VaultUnusable.
        """
        return self.pseudonyms([subject])[subject]

    def pseudonyms(self, subjects: Iterable[str]) -> dict[str, str]:
        """Return the pseudonym of each subject; all that are made become durable in one commit.

        Raises as `pseudonym`; then none was made.
        """
        with self._lock, usable(self._folder):
            found = self._find(subjects)
            new = [subject for subject, pseudonym in found.items() if pseudonym is None]
            made: list[tuple[str, bytes, bytes | None]] = []
            if new:
                with self._store.transaction("vault.subject"):
                    epoch = self._current()
                    for subject in new:
                        # Another process may have been quicker.
                        rows = self._store.found(epoch.lookup(subject), LIVE)
                        pseudonym = rows[0].pseudonym if rows else self._randomness(PSEUDONYM_BYTES)
                        key = None if rows else self._add(epoch, pseudonym, subject)
                        made.append((subject, pseudonym, key))
            # Durable: only now is it remembered.
            for subject, pseudonym, key in made:
                if key is not None:
                    self._keys.put(pseudonym, key)
                found[subject] = self._met(subject, pseudonym.hex())
            return {subject: pseudonym for subject, pseudonym in found.items() if pseudonym is not None}

    def find(self, subject: str) -> str | None:
        """Return the subject's pseudonym, None where there is none. Raises as `pseudonym`."""
        with self._lock, usable(self._folder):
            return self._find([subject])[subject]

    def demand_sound(self) -> None:
        """Demand that everybody in the key store can be found, and every hold. Raises VaultUnusable.

        Reads all of it, some 30 microseconds a person, without the lock: call it from a thread.
        """
        with usable(self._folder):
            with self._lock, self._store.transaction():
                epoch = self._current()
            with closing(KeyStore(self._folder / _FILE, act_now)) as store, store.transaction():
                if store.epoch() == (
                    epoch.number,
                    epoch.mark,
                ):  # else it was rotated just now, and all of it read
                    demand_sound(store, epoch)

    def hold(self, subject: str, reason: str) -> str:
        """Put a subject under a legal hold; return its id. Raises RecordInvalid, VaultUnusable."""
        check_text("subject", subject, LONGEST_SUBJECT)
        check_text("reason", reason, LONGEST_REASON)
        with self._lock, usable(self._folder):
            hold = self._randomness(PSEUDONYM_BYTES)
            text = canonical.encode(
                {"reason": reason, "since": self._clock(), "subject": subject}, limit=canonical.MAX_RECORD
            )
            with self._store.transaction("vault.hold"):
                epoch = self._current()
                sealed = epoch.wrap(text, hold, HOLD, self._randomness(NONCE_BYTES))
                self._store.put_hold(HoldRow(hold, epoch.lookup(subject), sealed))
            return hold.hex()

    def release(self, hold: str) -> None:
        """End a legal hold. Raises SubjectUnknown if there is none with this id."""
        if not PSEUDONYM.fullmatch(hold):
            raise SubjectUnknown(f"{hold[:80]!r} is not the id of a hold: 32 hex digits")
        with self._lock, usable(self._folder), self._store.transaction("vault.release"):
            if not self._store.drop_hold(bytes.fromhex(hold)):
                raise SubjectUnknown(f"no hold has the id {hold}")

    def holds(self) -> list[Hold]:
        """Return the legal holds, oldest first."""
        with self._lock, usable(self._folder):
            with self._store.transaction():
                epoch = self._current()
                rows = self._store.holds()
            found = []
            for row in rows:
                told = canonical.parse(epoch.unwrap(row.sealed, row.id, HOLD), limit=canonical.MAX_RECORD)
                found.append(Hold(row.id.hex(), told["subject"], told["reason"], told["since"]))
        return sorted(found, key=lambda hold: (hold.since, hold.id))

    def account(self) -> VaultAccount:
        """Count whom the vault knows; nothing in it tells who they are. Raises VaultUnusable."""
        with self._lock, usable(self._folder), self._store.transaction():
            states = self._store.counts()
            return VaultAccount(
                epoch=self._store.epoch()[0],
                subjects=states.get(LIVE, 0),
                erasing=states.get(ERASING, 0),
                erased=states.get(ERASED, 0),
                holds=len(self._store.holds()),
            )

    def rotate(self) -> Rotation:
        """Move every subject that is left to a new epoch key, and destroy the old one.

        From then on, older copies of the key store stay dark. Raises VaultUnusable, LedgerLocked.
        """
        with self._lock, usable(self._folder):
            return rotate(self._store, self._epochs, self._current, self._folder / "LOCK", self._randomness)

    def close(self) -> None:
        """Forget the keys, let the key store go. Harmless when closed already."""
        with self._lock:
            self._pseudonyms.clear()
            self._keys.clear()
            self._living.clear()
            self._store.close()

    def seal_payload(self, payload: Payload, origin: str, call: str) -> Dark:
        """Encrypt the payload of a call in the log of this origin.

        Raises RecordInvalid, SubjectErased, SubjectKeyMissing, VaultUnusable.
        """
        plain = payload.encode()
        salt = self._randomness(SALT_BYTES)
        key, commitment = payload_keys(self._key_of(payload.subject), salt)
        ciphertext = encrypt_payload(key, plain, origin, call)
        return Dark(
            payload.subject, salt, ciphertext, payload_commit(salt, ciphertext).hex(), commitment.hex()
        )

    def open_payload(self, stored: PayloadRow, *, origin: str, call: str, commitment: str) -> Payload:
        """Decrypt a stored payload, demanding the key that its record commits to, in hex.

        Raises LedgerBroken, SubjectErased, SubjectKeyMissing, VaultUnusable.
        """
        key, made = payload_keys(self._key_of(stored.subject), stored.salt)
        # Committed to in public, so nothing is told by how long the comparison takes.
        if made.hex() != commitment:
            raise LedgerBroken("a payload's key is not the one that the record commits to")
        return decode(stored.subject, decrypt_payload(key, stored.ciphertext, origin, call))

    def demand_known(self, pseudonym: str) -> None:
        """Demand that facts under this pseudonym can be erased: it is here, and its erasure is not over.

        Raises SubjectErased, SubjectKeyMissing, VaultUnusable.
        """
        # Without the lock, which whoever makes a pseudonym holds for as long as the disk takes: this is asked
        # on the event loop, which must not stand still meanwhile.
        if self._looked_just_now() and self._living.get(pseudonym):
            return
        with self._lock, usable(self._folder):
            self._look()
            with self._store.transaction():
                row = self._store.subject(bytes.fromhex(pseudonym))
            if row is None or row.state == ERASED:
                raise gone(row)
            if row.state == LIVE:
                self._living.put(pseudonym, True)

    def begin_erasure(self, subject: str) -> tuple[str, list[str]]:
        """Mark a subject as being erased; return the erasure's id, and the pseudonyms.

        From here on the subject's calls get another pseudonym. Doing it again finds the same erasure.
        Raises SubjectHeld, SubjectUnknown, VaultUnusable.
        """
        check_text("subject", subject, LONGEST_SUBJECT)
        with self._lock, usable(self._folder):
            with self._store.transaction("vault.mark"):
                lookup = self._current().lookup(subject)
                demand_unheld(self._store.holds(lookup))
                begun = self._store.found(lookup, ERASING)
                erasure = begun[0].erasure if begun else None
                erasure = erasure or self._randomness(PSEUDONYM_BYTES).hex()
                self._store.mark_erasing(lookup, erasure, self._clock())
                rows = self._store.found(lookup, ERASING)
            if not rows:
                raise SubjectUnknown("the vault knows no such subject: never met, or erased already")
            self._pseudonyms.forget(subject)
            for row in rows:
                self._keys.forget(row.pseudonym)
                self._living.forget(row.pseudonym.hex())
            return erasure, [row.pseudonym.hex() for row in rows]

    def pending_erasures(self, log: str) -> dict[str, PendingErasure]:
        """Return erasures to be carried on with in this log, by id."""
        found: dict[str, PendingErasure] = {}
        with self._lock, usable(self._folder):
            for row in self._store.pending():
                new = PendingErasure(row.state, [], row.log == log)
                found.setdefault(row.erasure or "", new).pseudonyms.append(row.pseudonym.hex())
        return found

    def destroy_keys(self, erasure: str, log: str) -> None:
        """Destroy key, identifier and mapping of an erasure's pseudonyms, to be logged in `log`.

        Raises SubjectHeld for a hold that was placed since it began; VaultUnusable.
        """
        with self._lock, usable(self._folder):
            self._keys.clear()
            self._living.clear()
            with self._store.transaction("vault.erase"):
                demand_unheld(self._store.holds_against(erasure))
                self._store.destroy(erasure, self._clock(), log)
            self._store.truncate()

    def end_erasure(self, erasure: str) -> None:
        """Note that the log has said so: the erasure is over, and nothing here leads to its entries."""
        with self._lock, usable(self._folder):
            # First what `destroy_keys` may have failed to do: once the erasure is over, nobody tries again.
            self._store.truncate()
            with self._store.transaction("vault.end"):
                self._store.settle(erasure)
            self._store.truncate()

    def _begin(self) -> None:
        # The keys first: a rotation that another process ends in between must not look like an old copy.
        newest = self._epochs.newest()
        with self._store.transaction():
            epoch = self._current()
        if newest > epoch.number:
            raise VaultUnusable(
                f"the key store is of epoch {epoch.number}, the newest key of {newest}: an old copy"
                " of the key store was put back"
            )
        if not self._epochs.settled(epoch.number):
            with suppress(LedgerLocked):  # another process rotates just now, and will finish
                lock = Lock(self._folder / "LOCK")
                try:
                    settle(self._store, self._epochs)
                finally:
                    lock.release()
        with self._store.transaction():
            known = self._store.subject(NOBODY) is not None
        if not known:
            with self._store.transaction("vault.subject"):
                if self._store.subject(NOBODY) is None:
                    self._add(self._current(), NOBODY, None)

    def _current(self) -> EpochKey:
        # In a transaction, so that what is read and written in it is of this epoch.
        number, mark = self._store.epoch()
        if self._epoch is None or self._epoch.mark != mark:
            epoch = self._epochs.read(number)
            if epoch.mark != mark:
                raise VaultUnusable(f"epoch key {number} is not the one this key store was wrapped with")
            self._epoch = epoch
        return self._epoch

    def _find(self, subjects: Iterable[str]) -> dict[str, str | None]:
        self._look()
        found = {subject: self._pseudonyms.get(subject) for subject in subjects}
        asked = [subject for subject, pseudonym in found.items() if pseudonym is None]
        for subject in asked:
            check_text("subject", subject, LONGEST_SUBJECT)
        if asked:
            with self._store.transaction():
                epoch = self._current()
                rows = {subject: self._store.found(epoch.lookup(subject), LIVE) for subject in asked}
            for subject, row in rows.items():
                if row:
                    demand_same(row[0], subject, epoch)
            found |= {each: self._met(each, row[0].pseudonym.hex()) for each, row in rows.items() if row}
        return found

    def _met(self, subject: str, pseudonym: str) -> str:
        self._living.put(pseudonym, True)
        return self._pseudonyms.put(subject, pseudonym)

    def _look(self) -> None:
        # Another process may have erased someone: what is remembered of it is forgotten within a second.
        if self._looked_just_now():
            return
        now = self._clock()
        changed = self._store.changed()
        if changed != self._changed:
            self._pseudonyms.clear()
            self._keys.clear()
            self._living.clear()
        self._looked, self._changed = now, changed

    def _looked_just_now(self) -> bool:
        return 0 <= self._clock() - self._looked < LOOK_MICROSECONDS

    def _key_of(self, subject: str | None) -> bytes:
        if subject is not None and not PSEUDONYM.fullmatch(subject):
            raise gone(None)
        pseudonym = NOBODY if subject is None else bytes.fromhex(subject)
        # Without the lock, as in `demand_known`.
        cached = self._keys.get(pseudonym) if self._looked_just_now() else None
        if cached is not None:
            return cached
        with self._lock, usable(self._folder):
            self._look()
            cached = self._keys.get(pseudonym)
            if cached is not None:
                return cached
            with self._store.transaction():
                epoch = self._current()
                row = self._store.subject(pseudonym)
            if row is None or row.state != LIVE or row.key is None:
                raise gone(row)
            key = epoch.unwrap(row.key, pseudonym, KEY)
            return self._keys.put(pseudonym, key)

    def _add(self, epoch: EpochKey, pseudonym: bytes, subject: str | None) -> bytes:
        def wrap(plain: bytes, use: bytes) -> bytes:
            return epoch.wrap(plain, pseudonym, use, self._randomness(NONCE_BYTES))

        lookup = identifier = None
        if subject is not None:
            lookup, identifier = epoch.lookup(subject), wrap(subject.encode(), IDENTIFIER)
        key = self._randomness(KEY_BYTES)
        row = SubjectRow(pseudonym, LIVE, None, lookup, identifier, wrap(key, KEY), None, None)
        self._store.add(row)
        return key
