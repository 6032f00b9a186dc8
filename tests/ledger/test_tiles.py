# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Tiles: paths, what a size needs, bytes equal to those of other implementations, the growing edge."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.test_merkle import some_leaves
from ombud_ledger import LedgerUnreadable
from ombud_ledger.tlog.merkle import (
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ombud_ledger.tlog.tiles import (
    Edge,
    Tile,
    TileId,
    entry_bundle,
    parse_path,
    split_tile,
    subtrees,
    tile_of,
    tiles_of,
)

LEAVES = some_leaves(70_000)
STORE: dict[TileId, bytes] = {}
EDGE = Edge()
STORE.update(EDGE.extend(LEAVES))
STORE.update(EDGE.partial())


def fetch(tile: TileId) -> bytes:
    """Return a tile of the tree of 70,000, cut where a smaller tree is meant."""
    for width in range(tile.width, 257):
        found = STORE.get(tile._replace(width=width))
        if found is not None:
            return found[: tile.width * 32]
    raise LedgerUnreadable(tile.path)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TileId(0, 0, 256), "tile/0/000"),
        (TileId(0, 273, 112), "tile/0/273.p/112"),
        (TileId(2, 0, 1), "tile/2/000.p/1"),
        (TileId(1, 1_234_067, 256), "tile/1/x001/x234/067"),
        (TileId(7, 1_000, 255), "tile/7/x001/000.p/255"),
        (TileId(-1, 999, 256), "tile/entries/999"),
        (TileId(-1, 1_000_000, 5), "tile/entries/x001/x000/000.p/5"),
    ],
)
def test_paths(tile: TileId, path: str) -> None:
    """A tile's path is that of tlog-tiles, and says which tile it is."""
    assert (tile.path, parse_path(path)) == (path, tile)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/00/000",
        "tile/8/000",
        "tile/63/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/../000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/Entries/000",
        "tile/-1/000",
        "tile/0/" + "x001/" * 20 + "000",
        "checkpoint",
        "tile/0/٠٠٠",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    """What is not the one spelling of a tile's path is refused."""
    with pytest.raises(ValueError, match="not the path of a tile"):
        parse_path(path)


def test_tiles_of_a_tree_of_70_000() -> None:
    """The tiles and roots of 70,000 entries are those that another implementation made."""
    assert EDGE.root().hex() == "a3920fba7f239a071a9bd10721f1341addefbaededb41c7e24437a9d16bdf00a"
    assert set(STORE) == set(tiles_of(70_000))
    partial = {tile.path for tile in STORE if tile.width < 256}
    assert partial == {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    assert len(STORE) == 274 + 3
    digest = sha256(STORE[TileId(0, 0, 256)]).hexdigest()
    assert digest == "b0f6ca2ff42508faf8c6bb4ea8bb9c74243b19d4174fdc4fd17bdad9099e605e"
    top = STORE[TileId(2, 0, 1)].hex()
    assert top == "07b1a377960a4e12e3348d6e9329ae6316a95b02fb1c22e909231b3aa44861a7"


@pytest.mark.parametrize(
    ("size", "root"),
    [
        (256, "da6596d95369f5fef322ab8e4e0da3b0b50236aa9c8a3b1d246f7411c9e2e32e"),
        (1_000, "346c6b9cb89c4b76fac9dcb20cda86e3a01c0a57417c139028eacd4538fde95b"),
    ],
)
def test_roots_that_others_computed(size: int, root: str) -> None:
    """Roots of earlier sizes are those that another implementation computed."""
    edge = Edge()
    edge.extend(LEAVES[:size])
    assert root == edge.root().hex() == root_of(LEAVES[:size]).hex() == Edge.load(size, fetch).root().hex()


def test_a_full_tile_has_a_parent() -> None:
    """A tree of 256 has a full tile and, above it, one hash."""
    assert [tile.path for tile in tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_of(0)) == []
    with pytest.raises(ValueError, match="is empty in a tree of 256"):
        tile_of(0, 1, 256)


@given(st.lists(st.integers(0, 700), max_size=8))
def test_an_edge_grows_alike_in_any_steps(steps: list[int]) -> None:
    """However the leaves arrive, full tiles, partial tiles and root are the same; so is an edge read back."""
    edge, full = Edge(), list[Tile]()
    for step in steps:
        full += edge.extend(LEAVES[edge.size : edge.size + step])
    at_once = Edge()
    made = at_once.extend(LEAVES[: sum(steps)])
    assert sorted(made) == sorted(full)
    assert at_once.partial() == edge.partial()
    assert root_of(LEAVES[: edge.size]) == edge.root() == Edge.load(edge.size, fetch).root()
    assert {tile.id for tile in (*full, *edge.partial())} == set(tiles_of(edge.size))


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.data())
def test_proofs_come_from_tiles(one: int, other: int, data: st.DataObject) -> None:
    """Any entry and any earlier size is provable from the tiles of any size."""
    old, new = sorted((one, other))
    index = data.draw(st.integers(0, new - 1))
    tree = subtrees(new, fetch)
    root = Edge.load(new, fetch).root()
    verify_inclusion(LEAVES[index], index, new, prove_inclusion(index, new, tree), root)
    proof = prove_consistency(old, new, tree)
    verify_consistency(old, Edge.load(old, fetch).root(), new, root, proof)


def test_what_is_no_tile_is_refused() -> None:
    """Bytes that are no hashes, or too many, or too few for the tile, are refused."""
    for data in (b"", bytes(31), bytes(257 * 32)):
        with pytest.raises(LedgerUnreadable, match="a tile of"):
            split_tile(data)
    with pytest.raises(LedgerUnreadable, match=r"tile/0/000\.p/2 holds 1 hashes"):
        Edge.load(2, lambda _: bytes(32))
    with pytest.raises(LedgerUnreadable, match=r"tile/0/000\.p/2 holds 1 hashes"):
        subtrees(2, lambda _: bytes(32))(0, 1)


def test_entry_bundles() -> None:
    """A bundle is each entry after its length in two bytes."""
    assert entry_bundle([b"entry 0", b""]).hex() == "0007656e74727920300000"
    assert len(entry_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(ValueError, match="65536 bytes"):
        entry_bundle([bytes(65_536)])
