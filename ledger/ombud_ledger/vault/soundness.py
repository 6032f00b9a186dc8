# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a key store still leads to everybody it knows: a changed byte must not hide a person or a hold."""

from ombud_ledger import canonical
from ombud_ledger.errors import LedgerError, VaultUnusable
from ombud_ledger.vault.keystore import ERASED, ERASING, LIVE, HoldRow, KeyStore, SubjectRow
from ombud_ledger.vault.sealing import HOLD, IDENTIFIER, KEY, NOBODY, EpochKey


def demand_sound(store: KeyStore, epoch: EpochKey) -> None:
    """Demand that each person and each hold is where a look for them looks. Raises VaultUnusable.

    SQLite has no checksums. A person whose lookup was changed would be met as somebody new, and an erasure
    would leave what was kept before; a hold whose lookup was changed would hold nobody.
    """
    # 1. Tables and indices agree.
    store.demand_whole()
    # 2. What is wrapped opens for the one it belongs to, and is found by what it says.
    for rows in store.everybody():
        for row in rows:
            _demand_findable(row, epoch)
    for hold in store.holds():
        _demand_holding(hold, epoch)


def demand_same(row: SubjectRow, subject: str, epoch: EpochKey) -> None:
    """Demand that a row that was found belongs to the subject. Raises VaultUnusable."""
    if epoch.unwrap(row.identifier or b"", row.pseudonym, IDENTIFIER) != subject.encode():
        raise VaultUnusable("the key store was changed: a person is found under what belongs to another")


def _demand_findable(row: SubjectRow, epoch: EpochKey) -> None:
    what = f"the key store was changed: pseudonym {row.pseudonym.hex()}"
    nothing = row.lookup is None and row.identifier is None
    if row.state == ERASED and nothing and row.key is None:
        return
    if row.state not in (LIVE, ERASING) or (nothing and row.pseudonym != NOBODY):
        raise VaultUnusable(f"{what} is in no state that it can be in")
    epoch.unwrap(row.key or b"", row.pseudonym, KEY)
    if not nothing:
        subject = epoch.unwrap(row.identifier or b"", row.pseudonym, IDENTIFIER)
        if epoch.lookup(subject.decode()) != row.lookup:
            raise VaultUnusable(f"{what} is not to be found by its person's identifier")


def _demand_holding(hold: HoldRow, epoch: EpochKey) -> None:
    text = epoch.unwrap(hold.sealed, hold.id, HOLD)
    try:
        subject = canonical.parse(text, limit=canonical.MAX_RECORD)["subject"]
    except LedgerError as error:
        raise VaultUnusable(f"hold {hold.id.hex()} cannot be read: {error}") from error
    if epoch.lookup(subject) != hold.lookup:
        raise VaultUnusable(f"the key store was changed: hold {hold.id.hex()} holds nobody")
