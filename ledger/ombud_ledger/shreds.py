# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What shred entries say of facts files: which digest counts, and how many rows are erased in it."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ombud_ledger.errors import EntryBroken
from ombud_ledger.seals import HEX64, Seal

FILE: Final = "file"
KEYS: Final = "keys"


class Shred(NamedTuple):
    """What a shred entry says of a facts file that was rewritten without some rows' facts."""

    entry: int
    path: str
    old: str  # SHA-256 in hex, as is `new`
    new: str
    size: int
    blanks: int  # rows of the new file whose facts are erased, by this and earlier ones


class Standing(NamedTuple):
    """How a file stands to what the log says of it: blank rows it should have, whether it is the newest."""

    blanks: int | None  # None: the entries that say so were pruned
    carried_out: bool


def shred_of(seq: int, fields: dict[str, Any]) -> Shred | None:
    """Return what a shred entry says of a file, None if it is about keys. Raises EntryBroken."""
    event, erasure = fields.get("event"), fields.get("erasure")
    if event not in (FILE, KEYS) or type(erasure) is not str:
        raise EntryBroken(seq, "the shred entry is malformed: `event` must be file or keys, `erasure` its id")
    if event == KEYS:
        if type(fields.get("destroyed")) is not int:
            raise EntryBroken(seq, "the shred entry is malformed: `destroyed` must be the number of keys")
        return None
    path, old, new = fields.get("path"), fields.get("old"), fields.get("new")
    size, blanks = fields.get("bytes"), fields.get("blanks")
    if type(path) is not str or not path.startswith("facts/"):
        raise EntryBroken(seq, "the shred entry is malformed: `path` must be that of a facts file")
    if type(old) is not str or type(new) is not str or not HEX64.fullmatch(old) or not HEX64.fullmatch(new):
        raise EntryBroken(seq, "the shred entry is malformed: `old` and `new` must be SHA-256 in hex")
    if type(size) is not int or type(blanks) is not int or blanks < 1:
        raise EntryBroken(seq, "the shred entry is malformed: `bytes`, or `blanks`, which is at least 1")
    return Shred(seq, path, old, new, size, blanks)


def standing(seal: Seal, shreds: Sequence[Shred], digest: str, size: int) -> Standing | None:
    """Say how a file of this digest and size stands; None if the log never said that it may be so.

    `shreds` are those of its path, newest first.
    """
    if not shreds:
        return Standing(0, carried_out=True) if (digest, size) == (seal.sha256, seal.size) else None
    newest = shreds[0]
    if (digest, size) == (newest.new, newest.size):
        return Standing(newest.blanks, carried_out=True)
    if digest == newest.old:
        before = next((each.blanks for each in shreds[1:] if each.new == digest), 0)
        return Standing(before, carried_out=False)
    return None


def check_shreds(seal: Seal, shreds: Sequence[Shred]) -> None:
    """Demand that each shred replaces a digest that the log gave before, and only adds blanks.

    `shreds` are those of the seal's path, newest first. Raises EntryBroken.
    """
    blanks = {seal.sha256: 0}
    for shred in reversed(shreds):
        if shred.old not in blanks:
            raise EntryBroken(shred.entry, f"it replaces a digest of {shred.path} that no entry before gives")
        if not blanks[shred.old] < shred.blanks <= seal.rows:
            raise EntryBroken(
                shred.entry, f"{shred.blanks} blank rows of {seal.rows}: not more than before, or too many"
            )
        blanks[shred.new] = shred.blanks
