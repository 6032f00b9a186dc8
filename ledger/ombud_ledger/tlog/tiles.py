# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Tiles of C2SP tlog-tiles: their paths and bytes, and the right edge of a growing tree. No I/O.

A tile holds up to 256 hashes of one level, 32 bytes each; levels are 8 tree levels apart.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.hashing import HASH_BYTES
from ombud_ledger.tlog.merkle import EMPTY_ROOT, Subtrees, fold

WIDTH: Final = 256
HEIGHT: Final = 8
MOST_LEVEL: Final = 7  # 2^63 leaves need no more
MOST_ENTRY: Final = 65_535
_PATH: Final = re.compile(r"tile/([0-9]|entries)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class TileId(NamedTuple):
    """Which tile: its level, number and width. Of level -1, an entry bundle."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """Path under the prefix: `tile/<L>/<N>[.p/<W>]`, or `tile/entries/<N>[.p/<W>]`."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_digits(self.number)}{partial}"


class Tile(NamedTuple):
    """A tile and its bytes."""

    id: TileId
    data: bytes


ENTRIES: Final = -1

Fetch = Callable[[TileId], bytes]
"""Gives the bytes of a tile. Raises LedgerUnreadable."""


def parse_path(path: str) -> TileId:
    """Return the tile that a path names; raise ValueError for every other spelling."""
    match = _PATH.fullmatch(path) if len(path) <= 64 else None
    if match is None:
        raise ValueError(f"{path[:64]!r} is not the path of a tile")
    level, groups, last, width = match.groups()
    index = int(groups.replace("x", "").replace("/", "") + last)
    tile = TileId(ENTRIES if level == "entries" else int(level), index, int(width) if width else WIDTH)
    if tile.path != path or tile.level > MOST_LEVEL or tile.width > WIDTH:
        raise ValueError(f"{path[:64]!r} is not the path of a tile")
    return tile


def tile_of(level: int, index: int, size: int) -> TileId:
    """Return the tile in the form it has in a tree of `size`. Raises ValueError where it is empty."""
    count = (size >> (HEIGHT * max(level, 0))) - index * WIDTH
    if count <= 0:
        raise ValueError(f"tile {index} of level {level} is empty in a tree of {size}")
    return TileId(level, index, min(count, WIDTH))


def tiles_of(size: int) -> Iterator[TileId]:
    """Name every hash tile of a tree of `size`."""
    for level in range(MOST_LEVEL + 1):
        count = size >> (HEIGHT * level)
        for index in range(-(-count // WIDTH)):
            yield tile_of(level, index, size)


def split_tile(data: bytes) -> list[bytes]:
    """Return the hashes of a tile. Raises LedgerUnreadable for bytes that are no hashes."""
    if len(data) % HASH_BYTES or not 0 < len(data) <= WIDTH * HASH_BYTES:
        raise LedgerUnreadable(f"a tile of {len(data)} bytes: must hold 1 to {WIDTH} hashes")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def entry_bundle(records: Iterable[bytes]) -> bytes:
    """Return an entry bundle: each record after its length, a big-endian uint16."""
    parts = []
    for record in records:
        if len(record) > MOST_ENTRY:
            raise ValueError(f"an entry of {len(record)} bytes: at most {MOST_ENTRY} fit a bundle")
        parts.append(len(record).to_bytes(2, "big") + record)
    return b"".join(parts)


def subtrees(size: int, fetch: Fetch) -> Subtrees:
    """Return what tells subtree hashes of the tree of `size` from its tiles, each fetched once."""
    seen: dict[TileId, list[bytes]] = {}

    def subtree(level: int, index: int) -> bytes:
        above, within = divmod(level, HEIGHT)
        first = index << within
        tile = tile_of(above, first // WIDTH, size)
        if tile not in seen:
            hashes = split_tile(fetch(tile))
            if len(hashes) != tile.width:
                raise LedgerUnreadable(f"{tile.path} holds {len(hashes)} hashes")
            seen[tile] = hashes
        return fold(seen[tile][first % WIDTH : first % WIDTH + (1 << within)])

    return subtree


class Edge:
    """The right edge of a growing tree: of each level, the hashes of its last tile while that is partial.

    What RFC 6962 implementations keep as a compact range, at the tiles' granularity: enough to extend the
    tree, to tell its root, and to write its partial tiles.
    """

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self._levels = [list(level) for level in levels]

    @classmethod
    def load(cls, size: int, fetch: Fetch) -> "Edge":
        """Return the edge of the tree of `size` from its partial tiles. Raises LedgerUnreadable."""
        levels = []
        for level in range(MOST_LEVEL + 1):
            count = size >> (HEIGHT * level)
            if not count:
                break
            hashes: list[bytes] = []
            if count % WIDTH:
                tile = tile_of(level, count // WIDTH, size)
                hashes = split_tile(fetch(tile))
                if len(hashes) != tile.width:
                    raise LedgerUnreadable(f"{tile.path} holds {len(hashes)} hashes")
            levels.append(hashes)
        return cls(size, levels)

    @property
    def levels(self) -> list[list[bytes]]:
        """The hashes of each level's last tile while that is partial, the lowest level first."""
        return [list(level) for level in self._levels]

    def extend(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Add leaf hashes; return the tiles that became full, lower levels first."""
        full: list[Tile] = []
        at = 0
        while at < len(leaves):
            part = leaves[at : at + WIDTH - self.size % WIDTH]
            self.size += len(part)
            self._add(0, part, full)
            at += len(part)
        return full

    def partial(self) -> list[Tile]:
        """Return the partial tiles of the tree as it is."""
        return [
            Tile(TileId(level, self.size >> (HEIGHT * (level + 1)), len(hashes)), b"".join(hashes))
            for level, hashes in enumerate(self._levels)
            if hashes
        ]

    def root(self) -> bytes:
        """Return the root of the tree as it is."""
        carried: list[bytes] = []
        for hashes in self._levels:
            below = [*hashes, *carried]
            carried = [fold(below)] if below else []
        return carried[0] if carried else EMPTY_ROOT

    def copy(self) -> "Edge":
        """Return an edge that goes its own way from here."""
        return Edge(self.size, self._levels)

    def _add(self, level: int, hashes: Sequence[bytes], full: list[Tile]) -> None:
        if level == len(self._levels):
            self._levels.append([])
        held = self._levels[level]
        held += hashes
        if len(held) == WIDTH:
            index = (self.size >> (HEIGHT * (level + 1))) - 1
            full.append(Tile(TileId(level, index, WIDTH), b"".join(held)))
            self._levels[level] = []
            self._add(level + 1, [fold(held)], full)


def _digits(number: int) -> str:
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
