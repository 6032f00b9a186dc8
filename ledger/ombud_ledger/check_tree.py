# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check the Merkle tree: entries against tiles, tiles and entries against every checkpoint there is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice, pairwise
from typing import Any, Final

from ombud_ledger.account import BROKEN, INCOMPLETE, Finding
from ombud_ledger.errors import LedgerUnreadable, NotProven
from ombud_ledger.hashing import LEAF
from ombud_ledger.layout import LogLayout
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.note import VerifierKey
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import WIDTH, Edge, Tile, split_tile, tile_of

_AT_ONCE: Final = 4_096  # leaves


@dataclass(slots=True)
class TreeResult:
    """What one check found."""

    checkpoint: str | None = None  # the newest published, as it is
    covered: int = 0  # entries under it
    signed_by: list[str] = field(default_factory=list)  # of the keys given
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A checkpoint, and whose: the log's own, or one that the caller demands."""

    signed: Signed
    whose: str
    file: str | None


def leaf_in(layout: LogLayout, seq: int, size: int) -> bytes:
    """Return the leaf of an entry as the tiles of a tree of `size` have it. Raises LedgerUnreadable."""
    return split_tile(Pub(layout.pub).tile(tile_of(0, seq // WIDTH, size)))[seq % WIDTH]


class TreeCheck:
    """Checks the tree of one log. Make it before the snapshot, or a live log's checkpoint may be newer."""

    def __init__(self, layout: LogLayout, vkeys: Sequence[VerifierKey]) -> None:
        self.result = TreeResult()
        self._pub = Pub(layout.pub)
        self._vkeys = vkeys
        self._origin = ""
        self._size = 0
        self._published = 0
        # 1. Which checkpoints the log has: the published one, and those kept.
        self._claims = [*self._read_published(), *self._read_kept()]

    @property
    def published_size(self) -> int | None:
        """How many entries the published checkpoint covers; None without one, as of an unsigned log."""
        sizes = [each.signed.checkpoint.size for each in self._claims if each.whose == "published"]
        return sizes[0] if sizes else None

    @property
    def origin(self) -> str | None:
        """The origin that the log's own checkpoints name, None without any."""
        return self._claims[0].signed.checkpoint.origin if self._claims else None

    def check(
        self,
        shot: Snapshot,
        *,
        origin: str,
        size: int,
        demanded: Sequence[Signed],
        progress: Callable[[int], None],
    ) -> TreeResult:
        """Check the tree of the log of `size` entries and return the account of it.

        `demanded` are checkpoints that the caller holds.
        """
        self._origin, self._size = origin, size
        claims = [*self._claims, *(_Claim(one, "demanded", None) for one in demanded)]
        # 2. Each names this log, and no more entries than it has. With keys given, one of them signed the
        #    published and the demanded ones. (Those kept may be of a key that is retired.)
        claims = [claim for claim in claims if self._admits(claim)]
        # 3. Along the entries: each tile has the hashes of what it covers, each checkpoint the root.
        if claims or self._pub.folder.is_dir():
            self._walk(shot, claims, progress)
        return self.result

    def _read_published(self) -> Iterator[_Claim]:
        try:
            data = self._pub.checkpoint()
            if data is None:
                if self._vkeys or self._pub.kept():
                    self._find(INCOMPLETE, "no checkpoint is published", file="pub/checkpoint")
                return
            yield _Claim(parse_checkpoint(data), "published", "pub/checkpoint")
            self.result.checkpoint = data.decode()
        except LedgerUnreadable as error:
            self._find(BROKEN, str(error), file="pub/checkpoint")

    def _read_kept(self) -> Iterator[_Claim]:
        cosigned = self._pub.folder / "cosigned"
        for path in [*self._pub.kept(), *([cosigned] if cosigned.exists() else [])]:
            name = f"pub/{path.relative_to(self._pub.folder)}"
            try:
                yield _Claim(parse_checkpoint(path.read_bytes()), "kept", name)
            except (LedgerUnreadable, OSError) as error:
                self._find(BROKEN, str(error), file=name)

    def _admits(self, claim: _Claim) -> bool:
        checkpoint = claim.signed.checkpoint
        if checkpoint.origin != self._origin:
            what = (
                f"the checkpoint {claim.whose} is of {checkpoint.origin[:80]!r}, the log is {self._origin!r}"
            )
            self._find(BROKEN, what, file=claim.file)
            return False
        if self._vkeys and claim.whose != "kept":
            try:
                signed_by = [str(key) for key in claim.signed.verify(self._vkeys)]
            except NotProven as error:
                self._find(BROKEN, f"the checkpoint {claim.whose}: {error}", file=claim.file)
                return False
            if claim.whose == "published":
                self.result.signed_by = signed_by
        if checkpoint.size > self._size:
            what = f"the log has {self._size} entries; the checkpoint {claim.whose} says there were"
            self._find(BROKEN, f"{what} {checkpoint.size}", file=claim.file)
            return False
        if claim.whose == "published":
            self.result.covered = self._published = checkpoint.size
        return True

    def _walk(self, shot: Snapshot, claims: list[_Claim], progress: Callable[[int], None]) -> None:
        by_size: dict[int, list[_Claim]] = {}
        for claim in claims:
            by_size.setdefault(claim.signed.checkpoint.size, []).append(claim)
        edge = Edge()
        stops = sorted({0, *by_size, self._size})
        try:
            leaves = self._leaves(shot)
            for here, there in pairwise([0, *stops]):
                for start in range(here, there, _AT_ONCE):
                    count = min(_AT_ONCE, there - start)
                    for tile in edge.extend(list(islice(leaves, count))):
                        self._compare(tile, needed=(tile.id.number + 1) * WIDTH <= self._published)
                    progress(count)
                if edge.size == self._published:
                    for tile in edge.partial():
                        self._compare(tile, needed=True)
                root = edge.root()
                for claim in by_size.get(there, []):
                    if claim.signed.checkpoint.root != root:
                        what = (
                            f"the checkpoint {claim.whose}, of size {there}, has root"
                            f" {claim.signed.checkpoint.root.hex()}; the log's first {there} entries have"
                            f" {root.hex()}"
                        )
                        self._find(BROKEN, what, file=claim.file)
        except LedgerUnreadable as error:
            self._find(INCOMPLETE, f"the tree cannot be computed further than entry {edge.size}: {error}")

    def _leaves(self, shot: Snapshot) -> Iterator[bytes]:
        """Yield the leaf hash of every entry; where one is missing, the one that its tile holds."""
        at = 0
        for entry in stretch(shot, 0, self._size):
            yield from self._from_tiles(at, entry.seq)
            yield sha256(LEAF + entry.record).digest()
            at = entry.seq + 1
        yield from self._from_tiles(at, self._size)

    def _from_tiles(self, first: int, end: int) -> Iterator[bytes]:
        while first < end:
            number = first // WIDTH
            if number * WIDTH >= self._published:
                raise LedgerUnreadable(f"entries {first} to {end - 1} are missing, and no tile covers them")
            hashes = split_tile(self._pub.tile(tile_of(0, number, self._published)))
            part = hashes[first % WIDTH : first % WIDTH + end - first]
            if not part:
                raise LedgerUnreadable(f"entries {first} to {end - 1} are missing, and no tile covers them")
            yield from part
            first += len(part)

    def _compare(self, tile: Tile, *, needed: bool) -> None:
        full = self._pub.folder / tile.id._replace(width=WIDTH).path
        found = False
        # The full one last: where a live log drops the partial ones, it is there.
        for path in [*sorted(full.with_name(f"{full.name}.p").glob("*")), full]:
            width = WIDTH if path is full else int(path.name) if path.name.isdecimal() else 0
            if not width or not path.is_file():
                continue
            name = f"pub/{path.relative_to(self._pub.folder)}"
            try:
                data = path.read_bytes()
            except FileNotFoundError:  # a live log drops partial tiles
                continue
            found = found or width in (WIDTH, tile.id.width)
            count = min(width, tile.id.width)
            if len(data) != width * 32 or data[: count * 32] != tile.data[: count * 32]:
                span = WIDTH ** (tile.id.level)
                first = tile.id.number * WIDTH * span
                what = "its hashes are not those of the entries it covers"
                self._find(BROKEN, what, file=name, first=first, last=first + tile.id.width * span - 1)
        if needed and not found:
            self._find(INCOMPLETE, "the tile is missing", file=f"pub/{tile.id.path}")

    def _find(self, level: str, what: str, **where: Any) -> None:
        self.result.findings.append(Finding(level, what, **where))
