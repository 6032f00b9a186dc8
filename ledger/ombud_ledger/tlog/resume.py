# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Start-up of a signed log: it must still be what was signed of it, or it takes no entries."""

from typing import NamedTuple

from ombud_ledger.errors import LedgerBroken, LedgerUnreadable
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.layout import LogLayout
from ombud_ledger.pruned import newest_prune
from ombud_ledger.records import chain_at, whole_stretch
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.signed_head import SignedHead, SignedHeads
from ombud_ledger.tlog.tiles import Edge

_CHUNK = 4_096


class Resumed(NamedTuple):
    """Where publishing goes on: the tree's edge, and the chain value of the last entry in it."""

    edge: Edge
    chain: bytes


def demand_signed(layout: LogLayout, heads: SignedHeads, size: int) -> SignedHead | None:
    """Demand that a log of `size` entries still holds what was signed; return that head.

    Raises LedgerBroken, LedgerUnreadable.
    """
    head = heads.load()
    if head is None:
        return None
    # 1. It is as long. A shorter one lost entries: an older copy of the volume, or a disk that lied.
    if size < head.size:
        raise LedgerBroken(
            f"the log ends at {size} entries, but a checkpoint of {head.size} is signed: entries are missing,"
            " as after putting back an older copy; go on with a new log under a new origin"
        )
    # 2. The last entry covered is the same, and by its chain value all before it.
    if head.size and chain_at(layout, head.size - 1) != head.chain:
        raise LedgerBroken(
            f"entry {head.size - 1} is not the one that the signed checkpoint of {head.size} covers;"
            " go on with a new log under a new origin"
        )
    return head


def resume(
    layout: LogLayout,
    *,
    origin: str,
    size: int,
    heads: SignedHeads,
    pub: Pub,
) -> Resumed:
    """Bring tree, signed head and `pub/` back together for a log of `size` entries.

    Raises LedgerBroken if the log is not what was signed, LedgerUnreadable, OSError.
    """
    pub.prepare()
    # 1. The log holds what was signed.
    head = demand_signed(layout, heads, size)
    # 2. What is published was signed. A published checkpoint past the signed head says that the file of the
    #    signed head is gone or an older copy: then the published one binds.
    published = _published(pub, origin, head)
    if published is not None and (head is None or published.checkpoint.size > head.size):
        head = _adopt(layout, published, size, heads, head)
    if head is None:
        return Resumed(Edge(), b"")
    # 3. The tree up to the signed head, from its tiles; where they fail, from the entries, and the tiles are
    #    written again. (Where one is there with other bytes, that raises.)
    edge = _edge(layout, head, pub)
    # 4. A crash between signing and publishing left an older checkpoint, or none: publish now.
    if pub.checkpoint() != head.note:
        pub.put_checkpoint(head.note)
    return Resumed(edge, head.chain)


def tree_of(layout: LogLayout, size: int, pub: Pub | None = None) -> Edge:
    """Return the tree over the first `size` stored records, writing its tiles if `pub` is given.

    Raises LedgerUnreadable if one of them is missing.
    """
    # What was pruned is in tiles alone; whoever asks compares the root, which shows whether these are true.
    prune = newest_prune(layout)
    begins = min(prune.before, size) if prune else 0
    edge = Edge.load(begins, Pub(layout.pub).tile) if begins else Edge()
    leaves: list[bytes] = []
    for entry in whole_stretch(layout, begins, size):
        leaves.append(leaf_hash(entry.record))
        if len(leaves) == _CHUNK or entry.seq == size - 1:
            for tile in edge.extend(leaves):
                if pub is not None:
                    pub.put_tile(tile)
            leaves = []
    if pub is not None:
        for tile in edge.partial():
            pub.put_tile(tile)
    return edge


def _published(pub: Pub, origin: str, head: SignedHead | None) -> Signed | None:
    data = pub.checkpoint()
    if data is None:
        return None
    try:
        published = parse_checkpoint(data)
    except LedgerUnreadable as error:
        if head is not None:
            return None  # step 4 writes it again
        raise LedgerBroken(f"a checkpoint was published, but it cannot be read: {error}") from error
    if published.checkpoint.origin != origin:
        raise LedgerBroken(f"the published checkpoint is of {published.checkpoint.origin!r}, not {origin!r}")
    if head is not None and published.checkpoint.size == head.size and published.checkpoint.root != head.root:
        raise LedgerBroken(
            f"the published checkpoint of size {head.size} has another root than the signed one"
        )
    return published


def _adopt(
    layout: LogLayout,
    published: Signed,
    size: int,
    heads: SignedHeads,
    old: SignedHead | None,
) -> SignedHead:
    checkpoint = published.checkpoint
    if size < checkpoint.size:
        raise LedgerBroken(
            f"the log ends at {size} entries, but a checkpoint of {checkpoint.size} is published: entries are"
            " missing; go on with a new log under a new origin"
        )
    if tree_of(layout, checkpoint.size).root() != checkpoint.root:
        raise LedgerBroken(
            f"the first {checkpoint.size} entries have another root than the checkpoint published of them;"
            " go on with a new log under a new origin"
        )
    chain = chain_at(layout, checkpoint.size - 1) if checkpoint.size else b""
    head = SignedHead(checkpoint.size, checkpoint.root, chain, published.note.to_bytes())
    heads.advance(old, head)
    return head


def _edge(layout: LogLayout, head: SignedHead, pub: Pub) -> Edge:
    try:
        edge = Edge.load(head.size, pub.tile)
        if edge.root() == head.root:
            return edge
    except LedgerUnreadable:
        pass  # missing or cut: the entries tell what they should be
    edge = tree_of(layout, head.size, pub)
    if edge.root() != head.root:
        raise LedgerBroken(
            f"the first {head.size} entries have another root than the checkpoint signed of them;"
            " go on with a new log under a new origin"
        )
    return edge
