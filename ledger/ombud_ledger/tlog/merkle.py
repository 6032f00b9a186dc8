# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of RFC 6962 section 2.1: root, inclusion proof, consistency proof. No I/O.

A *subtree* is complete: 2^level leaves, the index-th of its size. Whoever can tell the hashes of subtrees
(`Subtrees`) can prove; whoever verifies needs the proof alone.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from ombud_ledger.errors import NotProven
from ombud_ledger.hashing import HASH_BYTES, NODE

EMPTY_ROOT: Final = sha256(b"").digest()
MOST_HASHES: Final = 128  # of a proof: both edges of a tree of 2^63 leaves

Subtrees = Callable[[int, int], bytes]
"""Gives the hash of the subtree at (level, index)."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return H(0x01 || left || right)."""
    return sha256(NODE + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of neighbouring subtrees of one size, the last of which may be smaller.

    Pairs are joined level by level and a lonely last one moves up unchanged: the same tree as the definition
    in RFC 6962, which splits at the largest power of two. Raises ValueError for no hashes.
    """
    if not hashes:
        raise ValueError("nothing to fold")
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        joined = [sha256(NODE + left + right).digest() for left, right in pairs]
        hashes = [*joined, hashes[-1]] if len(hashes) % 2 else joined
    return hashes[0]


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree with these leaf hashes; SHA-256 of nothing for none."""
    return fold(leaves) if leaves else EMPTY_ROOT


def range_hash(first: int, end: int, subtrees: Subtrees) -> bytes:
    """Return the root over the leaves from `first` up to, not including, `end`.

    The range must be one that RFC 6962 hashes as a whole: it begins where a subtree large enough to hold it
    begins.
    """
    # The compact range: one subtree for each set bit of the length, the largest first.
    hashes = []
    while first < end:
        level = (end - first).bit_length() - 1
        hashes.append(subtrees(level, first >> level))
        first += 1 << level
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def prove_inclusion(index: int, size: int, subtrees: Subtrees) -> list[bytes]:
    """Return PATH(index, D[0:size]) of RFC 6962 section 2.1.1, leaf to root. Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    first, end, siblings = 0, size, list[tuple[int, int]]()
    while end - first > 1:
        split = first + _split(end - first)
        if index < split:
            siblings.append((split, end))
            end = split
        else:
            siblings.append((first, split))
            first = split
    return [range_hash(*sibling, subtrees) for sibling in reversed(siblings)]


def prove_consistency(old: int, new: int, subtrees: Subtrees) -> list[bytes]:
    """Return PROOF(old, D[0:new]) of RFC 6962 section 2.1.2; empty for equal sizes. Raises ValueError.

    Of the empty tree there is nothing to prove: `old` is at least 1.
    """
    if not 1 <= old <= new:
        raise ValueError(f"a tree of {new} has no proof from size {old}")
    first, end, parts, whole = 0, new, list[tuple[int, int]](), True
    # `whole`: the old tree is exactly what is left, and the verifier knows its root.
    while old != end:
        split = first + _split(end - first)
        if old <= split:
            parts.append((split, end))
            end = split
        else:
            parts.append((first, split))
            first, whole = split, False
    if not whole:
        parts.append((first, end))
    return [range_hash(*part, subtrees) for part in reversed(parts)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Demand that `leaf` is entry `index` of the tree of `size` with this root. Raises NotProven.

    RFC 9162 section 2.1.3.2.
    """
    # 1. Every hash is one: of another length, two hashes could pass for three.
    _check_hashes([leaf, *proof, root])
    if not 0 <= index < size:
        raise NotProven(f"entry {index} is not in a tree of {size}")
    # 2. Walk up from the leaf; `at` and `last` are the numbers, on each level, of its node and the last node.
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise NotProven("the inclusion proof has too many hashes")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:  # a lonely last node moves up unchanged
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    # 3. At the top of the tree, with its root.
    if last:
        raise NotProven("the inclusion proof has too few hashes")
    if found != root:
        raise NotProven(f"the inclusion proof of entry {index} does not lead to the root at size {size}")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Demand that the tree of `new` begins with the tree of `old`. Raises NotProven.

    RFC 9162 section 2.1.4.2. From the empty tree the proof is empty, and its root must be SHA-256 of nothing.
    """
    # 1. Every hash is one, and sizes grow.
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old <= new:
        raise NotProven(f"a log of {old} entries cannot have become one of {new}")
    # 2. Nothing to walk: the empty tree, or the same one.
    if old in (0, new):
        _check_without_walk(old, old_root, new, new_root, proof)
        return
    # 3. Begin at the old tree's right edge. Where that tree is one subtree, its root is the first hash.
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        raise NotProven("the consistency proof has too few hashes")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    then = now = hashes[0]
    # 4. Walk up: what lies left was in both trees, what lies right in the new one alone.
    for each in hashes[1:]:
        if last == 0:
            raise NotProven("the consistency proof has too many hashes")
        if at & 1 or at == last:
            then, now = node_hash(each, then), node_hash(each, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, each)
        at, last = at >> 1, last >> 1
    # 5. At the top of both trees, with both roots.
    if last:
        raise NotProven("the consistency proof has too few hashes")
    if then != old_root or now != new_root:
        which = old if then != old_root else new
        raise NotProven(f"the consistency proof from {old} to {new} does not lead to the root at {which}")


def _check_without_walk(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise NotProven("the consistency proof has too many hashes")
    if old == 0 and old_root != EMPTY_ROOT:
        raise NotProven("the root of the empty tree is another")
    if old == new and old_root != new_root:
        raise NotProven(f"at size {old} there are two roots: a fork")


def _split(count: int) -> int:
    """Return the largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for number, each in enumerate(hashes):
        if len(each) != HASH_BYTES:
            raise NotProven(f"a hash has {len(each)} bytes, not {HASH_BYTES}")
        if number > MOST_HASHES:
            raise NotProven(f"the proof has more than {MOST_HASHES} hashes")
