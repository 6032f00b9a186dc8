# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check the Merkle tree: entries against tiles, tiles and entries against every checkpoint there is."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ombud_ledger.account import BROKEN, INCOMPLETE, Finding
from ombud_ledger.errors import LedgerUnreadable, NotProven
from ombud_ledger.hashing import LEAF
from ombud_ledger.layout import LogLayout
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.note import VerifierKey
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import WIDTH, Edge, split_tile, tile_of
from ombud_ledger.tree_block import BLOCK, OWN_LEVELS, BlockJob, BlockResult, compare, walk, walk_sealed

Workers = Callable[[Callable[[BlockJob], BlockResult], BlockJob], "Future[BlockResult]"]
"""Has something done by another process."""


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
        self._progress: Callable[[int], None] = _nobody
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
        workers: Workers | None = None,
    ) -> TreeResult:
        """Check the tree of the log of `size` entries and return the account of it.

        `demanded` are checkpoints that the caller holds; `workers` runs work in other processes.
        """
        self._origin, self._size, self._progress = origin, size, progress
        claims = [*self._claims, *(_Claim(one, "demanded", None) for one in demanded)]
        # 2. Each names this log, and no more entries than it has. With keys given, one of them signed the
        #    published and the demanded ones. (Those kept may be of a key that is retired.)
        claims = [claim for claim in claims if self._admits(claim)]
        # 3. Along the entries: each tile has the hashes of what it covers, each checkpoint the root.
        if claims or self._pub.folder.is_dir():
            self._walk(shot, claims, workers)
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

    def _walk(self, shot: Snapshot, claims: list[_Claim], workers: Workers | None) -> None:
        by_size: dict[int, list[_Claim]] = {}
        for claim in claims:
            by_size.setdefault(claim.signed.checkpoint.size, []).append(claim)
        self._meet(Edge(), by_size)
        above = Edge()  # the tree above the blocks, of which each is a leaf
        stops = sorted(by_size.keys() | {self._size})
        jobs = [
            BlockJob(
                self._pub,
                first,
                end := min(first + BLOCK, self._size),
                [stop for stop in stops if first < stop < end],
                self._published,
                [file for file in shot.entries if file.last >= first and file.first < end],
            )
            for first in range(0, self._size, BLOCK)
        ]
        for job, result in zip(jobs, self._blocks(shot, jobs, workers), strict=False):
            self.result.findings += result.findings
            for stop, own in result.edges.items():
                if stop < job.end or result.whole is None:
                    self._meet(Edge(stop, [*own, *above.levels]), by_size)
            if result.why:
                what = f"the tree cannot be computed further than entry {result.size}: {result.why}"
                self._find(INCOMPLETE, what)
                return
            if result.whole is not None:
                for tile in above.extend([result.whole]):
                    placed = tile._replace(id=tile.id._replace(level=tile.id.level + OWN_LEVELS))
                    compare(self._pub, placed, self._published, self.result.findings)
                self._meet(Edge(job.end, [*([[]] * OWN_LEVELS), *above.levels]), by_size)

    def _meet(self, edge: Edge, by_size: dict[int, list[_Claim]]) -> None:
        """Hold the tree of one size to the checkpoints of that size."""
        if edge.size == self._published:
            for tile in edge.partial():
                compare(self._pub, tile, self._published, self.result.findings)
        for claim in by_size.get(edge.size, []):
            root = edge.root()
            if claim.signed.checkpoint.root != root:
                what = (
                    f"the checkpoint {claim.whose}, of size {edge.size}, has root"
                    f" {claim.signed.checkpoint.root.hex()}; the log's first {edge.size} entries have"
                    f" {root.hex()}"
                )
                self._find(BROKEN, what, file=claim.file)

    def _blocks(self, shot: Snapshot, jobs: list[BlockJob], workers: Workers | None) -> Iterator[BlockResult]:
        """Yield the blocks' results in order; the other processes take sealed ones, this one the rest."""
        sealed = shot.entries[-1].last + 1 if shot.entries else 0
        apart = [job for job in jobs if workers is not None and job.end <= sealed]
        futures = {job.first: workers(walk_sealed, job) for job in apart} if workers is not None else {}
        here: dict[int, BlockResult] = {}
        for job in reversed(apart):  # what none has begun, from the end
            if futures[job.first].cancel():
                here[job.first] = walk(job, self._leaves(shot, job.first, job.end), self._progress)
        leaves: Iterator[bytes] | None = None
        for job in jobs:
            result = here.get(job.first)
            if result is None and job.first in futures:
                done = futures[job.first].result()
                if not done.why:  # else an entry is missing, and its tile may tell the leaf
                    self._progress(job.end - job.first)
                    result = done
            if result is None:
                leaves = leaves or self._leaves(shot, job.first, self._size)
                result = walk(job, leaves, self._progress)
            else:
                leaves = None
            yield result
            if result.why:
                return

    def _leaves(self, shot: Snapshot, first: int, end: int) -> Iterator[bytes]:
        """Yield the leaf hash of each entry; where one is missing, the one that its tile holds."""
        at = first
        for entry in stretch(shot, first, end):
            yield from self._from_tiles(at, entry.seq)
            yield sha256(LEAF + entry.record).digest()
            at = entry.seq + 1
        yield from self._from_tiles(at, end)

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

    def _find(self, level: str, what: str, **where: Any) -> None:
        self.result.findings.append(Finding(level, what, **where))


def _nobody(_entries: int) -> None:
    """Tell nobody."""
