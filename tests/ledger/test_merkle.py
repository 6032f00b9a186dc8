# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree: published roots, the definition against the code, proofs that hold and that do not."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud_ledger import NotProven
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.tlog.merkle import (
    EMPTY_ROOT,
    fold,
    prove_consistency,
    prove_inclusion,
    range_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [
    leaf_hash(bytes.fromhex(text))
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Roots of the first leaves above, as the public implementations of RFC 6962 publish them."""


def definition(leaves: Sequence[bytes]) -> bytes:
    """Return MTH as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


def some_leaves(count: int) -> list[bytes]:
    """Return that many different leaf hashes."""
    return [leaf_hash(f"entry {number}".encode()) for number in range(count)]


class Tree:
    """Tells the hashes of subtrees of given leaves."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves

    def __call__(self, level: int, index: int) -> bytes:
        part = self._leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level
        return fold(part)


SIZES = st.integers(1, 300)
TREE = some_leaves(300)


@pytest.mark.parametrize("size", ROOTS)
def test_published_roots(size: int) -> None:
    """The roots of the eight public leaves are those that others publish."""
    assert ROOTS[size] == root_of(LEAVES[:size]).hex()


@given(st.integers(0, 300))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    """Joining pairs level by level, and joining complete subtrees, give the recursive definition's root."""
    leaves = TREE[:size]
    assert definition(leaves) == root_of(leaves)
    if size:
        assert definition(leaves) == range_hash(0, size, Tree(leaves))


def test_published_proofs() -> None:
    """The proofs of the eight public leaves are those that two other implementations accepted."""
    tree = Tree(LEAVES)
    assert [each.hex() for each in prove_inclusion(5, 8, tree)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]
    assert [each.hex() for each in prove_consistency(3, 7, tree)] == [
        "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
        "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
        ROOTS[2],
        "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e",
    ]
    assert [each.hex() for each in prove_consistency(4, 8, tree)] == [
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
    ]


@given(SIZES, st.data())
def test_every_entry_is_provable(size: int, data: st.DataObject) -> None:
    """The proof of any entry holds; with another entry, leaf, size, root or hash it does not."""
    index = data.draw(st.integers(0, size - 1))
    leaves = TREE[:size]
    root = root_of(leaves)
    proof = prove_inclusion(index, size, Tree(leaves))
    verify_inclusion(leaves[index], index, size, proof, root)
    other = (index + 1) % size
    wrong: list[tuple[bytes, int, int, list[bytes], bytes]] = [
        (leaf_hash(b"other"), index, size, proof, root),
        (leaves[index], index, size, proof, bytes(32)),
        (leaves[index], size, size, proof, root),
        (leaves[index], -1, size, proof, root),
        (leaves[index], index, size, [*proof, bytes(32)], root),
        (leaves[index], index, size, [bytes(32), *proof], root),
        (leaves[index], index, size, [each[:-1] for each in proof] or [b""], root),
    ]
    if other != index:
        wrong += [(leaves[index], other, size, proof, root), (leaves[index], index, size, proof[:-1], root)]
    for at in range(len(proof)):
        wrong.append((leaves[index], index, size, [*proof[:at], bytes(32), *proof[at + 1 :]], root))
    for each in wrong:
        with pytest.raises(NotProven):
            verify_inclusion(*each)


@given(SIZES, SIZES)
def test_every_tree_begins_with_every_smaller_one(one: int, other: int) -> None:
    """The proof from any size to any later one holds; with a root or hash changed it does not."""
    old, new = sorted((one, other))
    old_root, new_root = root_of(TREE[:old]), root_of(TREE[:new])
    proof = prove_consistency(old, new, Tree(TREE[:new]))
    verify_consistency(old, old_root, new, new_root, proof)
    wrong = [
        (old, bytes(32), new, new_root, proof),
        (old, old_root, new, bytes(32), proof),
        (old, old_root, new, new_root, [*proof, bytes(32)]),
        (new + 1, old_root, new, new_root, proof),
        (-1, old_root, new, new_root, proof),
        (old, old_root, new, new_root, [each + b"\0" for each in proof] or [b""]),
    ]
    if proof:
        wrong += [(old, old_root, new, new_root, proof[:-1]), (old, old_root, new, new_root, [])]
    for at in range(len(proof)):
        wrong.append((old, old_root, new, new_root, [*proof[:at], bytes(32), *proof[at + 1 :]]))
    for each in wrong:
        with pytest.raises(NotProven):
            verify_consistency(*each)


def test_edges_on_which_implementations_differ() -> None:
    """From the empty tree only the empty proof and the true root count; empty hashes never pass."""
    root = root_of(LEAVES)
    verify_consistency(0, EMPTY_ROOT, 8, root, [])
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    for wrong in (
        (0, bytes(32), 8, root, []),
        (0, EMPTY_ROOT, 8, root, [root]),
        (8, root, 8, bytes(32), []),
        (8, root, 8, root, [root]),
        (0, b"", 0, b"", []),
        (1, LEAVES[0], 2, root_of(LEAVES[:2]), []),
    ):
        with pytest.raises(NotProven):
            verify_consistency(*wrong)
    for leaf, index, size, proof, end in (
        (b"", 0, 1, [], b""),
        (LEAVES[0], 0, 0, [], EMPTY_ROOT),
        (LEAVES[0], 0, 2, [LEAVES[1][:31]], root_of(LEAVES[:2])),
    ):
        with pytest.raises(NotProven):
            verify_inclusion(leaf, index, size, proof, end)
    verify_inclusion(LEAVES[0], 0, 1, [], LEAVES[0])
    with pytest.raises(ValueError, match="not in a tree of 8"):
        prove_inclusion(8, 8, Tree(LEAVES))
    with pytest.raises(ValueError, match="no proof from size 0"):
        prove_consistency(0, 8, Tree(LEAVES))
    with pytest.raises(ValueError, match="nothing to fold"):
        fold([])
