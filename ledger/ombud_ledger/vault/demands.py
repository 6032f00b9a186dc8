# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a vault demands of folders and of what it is asked, and how it says no."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ombud_ledger.errors import RecordInvalid, SubjectErased, SubjectHeld, SubjectKeyMissing, VaultUnusable
from ombud_ledger.vault.keystore import HoldRow, SubjectRow

LONGEST_SUBJECT: Final = 1_024  # bytes
LONGEST_REASON: Final = 4_096


def apart(folder: Path, keys: Path) -> tuple[Path, Path]:
    """Return both folders, resolved. Raises VaultUnusable where one lies in the other."""
    folder, keys = Path(folder).resolve(), Path(keys).resolve()
    if folder == keys or folder in keys.parents or keys in folder.parents:
        raise VaultUnusable(
            f"key store {folder} and epoch keys {keys}: neither may lie in the other, or a copy of one would"
            " hold both"
        )
    return folder, keys


def gone(row: SubjectRow | None) -> SubjectErased | SubjectKeyMissing:
    """Return what to say of a pseudonym that has no key, by its row."""
    if row is None:
        return SubjectKeyMissing("the key store has no such pseudonym: it is another's, or an old copy")
    return SubjectErased(f"this pseudonym is {row.state}, since {row.time} (microseconds UTC)")


def demand_unheld(holds: Sequence[HoldRow]) -> None:
    """Raise SubjectHeld if there are holds."""
    if holds:
        ids = ", ".join(hold.id.hex() for hold in holds)
        raise SubjectHeld(f"the subject is under legal hold: {ids}; release it first")


def check_text(what: str, text: str, most: int) -> None:
    """Raise RecordInvalid for a text that is none, or too long; it is not repeated."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RecordInvalid(f"{what}: holds a lone surrogate: not Unicode text") from error
    if not 0 < size <= most:
        raise RecordInvalid(f"{what}: {size} bytes, must be 1 to {most}")


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Say VaultUnusable for whatever the files of a vault fail with."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError) as error:  # the last of SQLite too, for damaged text
        raise VaultUnusable(f"vault {folder}: {error}") from error
