# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a log says of its files: seal entries name them, shred entries rewrite, prune entries delete them."""

from bisect import insort
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from ombud_ledger.latest import backwards
from ombud_ledger.layout import LogLayout
from ombud_ledger.pruned import Prune, prune_of
from ombud_ledger.seals import Seal, seals_of
from ombud_ledger.shreds import Shred, shred_of

SAYING: Final = ("prune", "seal", "shred")
"""The kinds that say something of files."""


@dataclass(slots=True)
class Said:
    """Collects what entries say, the newest first.

    An evidence folder may hold an entry twice, in its segment and beside: that changes nothing.
    """

    seals: dict[str, Seal] = field(default_factory=dict)  # the newest of each path
    shreds: dict[str, list[Shred]] = field(default_factory=dict)  # all of each path, newest first
    prunes: list[Prune] = field(default_factory=list)  # all, newest first

    def take(self, seq: int, fields: dict[str, Any]) -> None:
        """Take the next older entry. Raises EntryBroken, EntryUnreadable."""
        if fields.get("kind") == "seal":
            for seal in reversed(seals_of(seq, fields)):
                self.seals.setdefault(seal.path, seal)
        elif fields.get("kind") == "shred":
            shred = shred_of(seq, fields)
            if shred is not None and shred not in self.shreds.setdefault(shred.path, []):
                insort(self.shreds[shred.path], shred, key=lambda each: -each.entry)
        elif fields.get("kind") == "prune":
            self.prunes.append(prune_of(seq, fields))

    def digest(self, path: str, before: float = inf) -> str | None:
        """Return the newest SHA-256, in hex, that the log gives of a file; None if no seal entry names it.

        Shred entries from entry `before` on do not count: they rewrote what a hold kept from being pruned.
        """
        seal = self.seals.get(path)
        shreds = (each.new for each in self.shreds.get(path, ()) if each.entry < before)
        return None if seal is None else next(shreds, seal.sha256)


def said_of_files(layout: LogLayout) -> Said:
    """Return what a log's stored entries say. Raises LedgerBroken, LedgerUnreadable."""
    said = Said()
    for kind in SAYING:
        for seq, record in backwards(layout, kind):
            said.take(seq, record)
    return said
