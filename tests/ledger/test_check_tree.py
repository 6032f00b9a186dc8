# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The tree of a log of several blocks: the same whoever walks them, and no tile or checkpoint is left out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger import Finding, verify
from ombud_ledger.check_tree import TreeCheck
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.hot import Row
from ombud_ledger.layout import LogLayout, log_layout
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ombud_ledger.tlog.tiles import Edge
from ombud_ledger.tree_block import BLOCK

SIZE = 2 * BLOCK + 300
KEPT = (1, 300, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, SIZE - 1)


def record(seq: int) -> bytes:
    """Return what stands for a record."""
    return b"%d" % seq


def rows(start: int = 0) -> Iterator[Row]:
    """Yield all entries from one on."""
    return (Row(seq, record(seq), b"", None, None) for seq in range(max(start, 0), SIZE))


SHOT = Snapshot([], [], [], 0, rows, lambda: iter(()))


def write(path: Path, data: bytes) -> None:
    """Write a file, folders and all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> LogLayout:
    """Publish a tree, and a checkpoint of each of some sizes, computed entry by entry."""
    layout = log_layout(tmp_path_factory.mktemp("tree"), "r-0")
    edge, at = Edge(), 0
    for stop in (*KEPT, SIZE):
        for tile in edge.extend([leaf_hash(record(seq)) for seq in range(at, stop)]):
            write(layout.pub / tile.id.path, tile.data)
        at = stop
        note = sign_checkpoint(Checkpoint(samples.ORIGIN, stop, edge.root()), [samples.KEY])
        write(layout.pub / "checkpoints/2023-11" / f"14T22-{stop}", note)
    for tile in edge.partial():
        write(layout.pub / tile.id.path, tile.data)
    write(layout.pub / "checkpoint", note)
    return layout


@pytest.fixture
def layout(original: LogLayout, tmp_path: Path) -> LogLayout:
    """Return a copy to damage."""
    copy = log_layout(tmp_path, "r-0")
    shutil.copytree(original.folder, copy.folder)
    return copy


def findings(layout: LogLayout) -> list[Finding]:
    """Check the tree; all entries have to be gone through."""
    told: list[int] = []
    check = TreeCheck(layout, [samples.KEY.key])
    result = check.check(SHOT, origin=samples.ORIGIN, size=SIZE, demanded=(), progress=told.append)
    assert sum(told) == SIZE
    return result.findings


def test_blocks_make_the_tree(original: LogLayout) -> None:
    """Every tile and every checkpoint, inside a block and at its end, is what the entries make."""
    assert findings(original) == []


def test_a_tile_of_any_level_is_held_to_the_entries(layout: LogLayout) -> None:
    """One byte changed in it is named with the entries it covers; without it, it is missing."""
    tiles = {
        "tile/0/257": (BLOCK + 256, BLOCK + 511),
        "tile/0/513.p/44": (2 * BLOCK + 256, SIZE - 1),
        "tile/1/001": (BLOCK, 2 * BLOCK - 1),
        "tile/1/002.p/1": (2 * BLOCK, 2 * BLOCK + 255),
        "tile/2/000.p/2": (0, 2 * BLOCK - 1),
    }
    for tile in tiles:
        data = bytearray((layout.pub / tile).read_bytes())
        data[5] ^= 1
        (layout.pub / tile).write_bytes(data)
    found = findings(layout)
    assert {each.level for each in found} == {"broken"}
    assert {each.file: (each.first, each.last) for each in found} == {
        f"pub/{tile}": span for tile, span in tiles.items()
    }
    for tile in tiles:
        (layout.pub / tile).unlink()
    found = findings(layout)
    assert {(each.level, each.what) for each in found} == {("incomplete", "the tile is missing")}
    assert sorted(str(each.file) for each in found) == sorted(f"pub/{tile}" for tile in tiles)


def test_a_checkpoint_of_any_size_is_held_to_the_entries(layout: LogLayout) -> None:
    """One with another root is named, wherever in a block its size lies."""
    root = sha256(b"other").digest()
    for size in KEPT:
        note = sign_checkpoint(Checkpoint(samples.ORIGIN, size, root), [samples.KEY])
        write(layout.pub / f"checkpoints/2023-11/14T22-{size}", note)
    said = [each.what.partition(";")[0] for each in findings(layout)]
    assert said == [f"the checkpoint kept, of size {size}, has root {root.hex()}" for size in KEPT]


def test_tiles_past_the_published_size_need_not_be_there(layout: LogLayout) -> None:
    """A log that is no longer signed has full tiles, of upper levels too, that it never published."""
    kept = layout.pub / "checkpoints/2023-11"
    shutil.copy(kept / "14T22-300", layout.pub / "checkpoint")
    shutil.rmtree(kept)
    first = (layout.pub / "tile/1/000").read_bytes()[:32]
    for level in (1, 2):
        shutil.rmtree(layout.pub / f"tile/{level}")
    write(layout.pub / "tile/1/000.p/1", first)
    assert findings(layout) == []


def test_other_processes_find_the_same(tmp_path: Path) -> None:
    """In one process or in two, with a segment missing or without, the account is the same."""
    ledger = samples.open_log(tmp_path, signers=[samples.KEY])
    for start in range(0, 300, 100):
        samples.fill(ledger, 100, start=start)
        ledger.seal_blocking()
    ledger.close()
    vkeys = [str(samples.KEY.key)]
    files = log_layout(tmp_path, "r-0").entries_files()
    tile = log_layout(tmp_path, "r-0").pub / "tile/0/000"
    data = bytearray(tile.read_bytes())
    data[40] ^= 1
    tile.write_bytes(data)
    assert verify(tmp_path, processes=2, vkeys=vkeys) == verify(tmp_path, processes=1, vkeys=vkeys)
    files[1].path.unlink()
    two, one = (verify(tmp_path, processes=count, vkeys=vkeys) for count in (2, 1))
    assert (two, one.exit_code) == (one, 1)
