# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read what a log published: its checkpoint, receipts, proofs, tiles and bundles. Changes nothing."""

from ombud_ledger.errors import LedgerUnreadable, NotProven
from ombud_ledger.layout import LogLayout
from ombud_ledger.records import whole_stretch
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.merkle import prove_consistency, prove_inclusion
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.receipt import Receipt
from ombud_ledger.tlog.tiles import ENTRIES, HEIGHT, WIDTH, TileId, entry_bundle, subtrees


class NotCovered(NotProven):
    """No published checkpoint covers the entry yet: ask again in a second."""


class Published:
    """What anyone may know of one log. Every method looks at the files anew. Raises LedgerUnreadable."""

    def __init__(self, layout: LogLayout) -> None:
        self._layout = layout
        self._pub = Pub(layout.pub)

    def checkpoint(self) -> Signed:
        """Return the newest checkpoint."""
        data = self._pub.checkpoint()
        if data is None:
            raise LedgerUnreadable(f"log {self._layout.folder.name} has published no checkpoint")
        return parse_checkpoint(data)

    def cosigned(self) -> Signed | None:
        """Return the newest checkpoint that enough witnesses cosigned, None if there is none."""
        data = self._pub.cosigned()
        return None if data is None else parse_checkpoint(data)

    def receipt(self, seq: int) -> Receipt:
        """Return the receipt of an entry, with its record. Raises NotCovered.

        Under the newest checkpoint that witnesses cosigned, if it covers the entry; else under the newest.
        """
        signed = self.cosigned()
        if signed is None or seq >= signed.checkpoint.size:
            signed = self.checkpoint()
        proof = self.inclusion(seq, signed.checkpoint.size)
        (entry,) = whole_stretch(self._layout, seq, seq + 1)
        return Receipt(seq, tuple(proof), signed.note.to_bytes(), entry.record)

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """Return the proof that entry `seq` is in the tree of `size`. Raises NotCovered."""
        covered = self.checkpoint().checkpoint.size
        if not 0 <= seq < size <= covered:
            raise NotCovered(f"entry {seq} of {size}: the newest checkpoint covers {covered} entries")
        return prove_inclusion(seq, size, subtrees(size, self._pub.tile))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `new` begins with that of `old`. Raises NotCovered."""
        covered = self.checkpoint().checkpoint.size
        if not 0 <= old <= new <= covered:
            raise NotCovered(f"from size {old} to {new}: the newest checkpoint covers {covered} entries")
        return prove_consistency(old, new, subtrees(new, self._pub.tile)) if old else []

    def tile(self, tile: TileId) -> bytes:
        """Return a hash tile, or the entry bundle made of the log's records. Raises NotCovered."""
        size = self.checkpoint().checkpoint.size
        first = tile.number * WIDTH
        if first + tile.width > size >> (HEIGHT * max(tile.level, 0)):
            raise NotCovered(f"{tile.path}: the newest checkpoint covers {size} entries")
        if tile.level != ENTRIES:
            return self._pub.tile(tile)
        entries = whole_stretch(self._layout, first, first + tile.width)
        return entry_bundle(entry.record for entry in entries)
