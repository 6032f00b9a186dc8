# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Move everyone who is left to the next epoch key."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ombud_ledger import canonical
from ombud_ledger.durable import Lock
from ombud_ledger.vault.epochs import EpochKeys
from ombud_ledger.vault.keystore import HoldRow, KeyStore
from ombud_ledger.vault.sealing import HOLD, IDENTIFIER, KEY, NONCE_BYTES, EpochKey


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the epoch that is now, subjects and holds that moved to it, keys destroyed."""

    epoch: int
    subjects: int
    holds: int
    destroyed: int


def rotate(
    store: KeyStore,
    epochs: EpochKeys,
    current: Callable[[], EpochKey],
    lock: Path,
    randomness: Callable[[int], bytes],
) -> Rotation:
    """Carry out a rotation, one process at a time; `current` reads the epoch key that is in use.

    Raises LedgerLocked, VaultUnusable, OSError, sqlite3.Error.
    """
    held = Lock(lock)
    try:
        # 1. A new epoch key, durable; which is the old one is asked only now, when nobody else rotates. A
        #    crash after this leaves a key that nothing was encrypted with; the next opening destroys it.
        old = current()
        new = epochs.make(old.number + 1)
        # 2. One transaction moves everything to it, or nothing.
        with store.transaction("vault.rotate"):
            moved = _Move(old, new, randomness)
            subjects, holds = moved.subjects(store), moved.holds(store)
            store.set_epoch(new.number, new.mark)
        # 3. What was wrapped by the old key leaves the file, and the old key goes. A crash after the commit
        #    is finished by the next opening, from here on.
        destroyed = settle(store, epochs)
    finally:
        held.release()
    return Rotation(new.number, subjects, holds, destroyed)


def settle(store: KeyStore, epochs: EpochKeys) -> int:
    """Leave no trace of any epoch but the one the key store names; return how many keys were destroyed."""
    store.truncate()
    number, _ = store.epoch()
    return epochs.settle(number)


class _Move:
    def __init__(self, old: EpochKey, new: EpochKey, randomness: Callable[[int], bytes]) -> None:
        self._old = old
        self._new = new
        self._randomness = randomness

    def subjects(self, store: KeyStore) -> int:
        """Wrap and look up every subject anew; return how many there are."""
        count = 0
        for rows in store.survivors():
            moved = []
            for row in rows:
                lookup = identifier = None
                if row.identifier is not None:  # nobody's key has none
                    subject = self._old.unwrap(row.identifier, row.pseudonym, IDENTIFIER)
                    lookup = self._new.lookup(subject.decode())
                    identifier = self._again(row.identifier, row.pseudonym, IDENTIFIER)
                    count += 1
                key = self._again(row.key or b"", row.pseudonym, KEY)
                moved.append(row._replace(lookup=lookup, identifier=identifier, key=key))
            store.rewrap(moved)
        return count

    def holds(self, store: KeyStore) -> int:
        """Do so with every hold."""
        holds = store.holds()
        for hold in holds:
            text = self._old.unwrap(hold.sealed, hold.id, HOLD)
            lookup = self._new.lookup(canonical.parse(text, limit=canonical.MAX_RECORD)["subject"])
            store.put_hold(HoldRow(hold.id, lookup, self._again(hold.sealed, hold.id, HOLD)))
        return len(holds)

    def _again(self, wrapped: bytes, owner: bytes, use: bytes) -> bytes:
        plain = self._old.unwrap(wrapped, owner, use)
        return self._new.wrap(plain, owner, use, self._randomness(NONCE_BYTES))
