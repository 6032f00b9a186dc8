# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Walk one block of a log's tree: 65,536 entries, whose tiles of the two lowest levels are its own.

So blocks can be walked apart, each in any process; what is above them is made of one hash of each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice, pairwise
from typing import Final

from ombud_ledger.account import BROKEN, INCOMPLETE, Finding
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.hashing import LEAF
from ombud_ledger.layout import SealedFile
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import WIDTH, Edge, Tile, TileId

OWN_LEVELS: Final = 2
BLOCK: Final = WIDTH**OWN_LEVELS
_AT_ONCE: Final = 4_096  # leaves


@dataclass(frozen=True, slots=True)
class BlockJob:
    """What one walk needs to know; plain values, so that it can be sent to another process.

    `stops` are the sizes, up to `end`, whose edges are asked for; `published` the size that tiles must cover.
    """

    pub: Pub
    first: int
    end: int
    stops: Sequence[int]
    published: int
    files: Sequence[SealedFile] = ()


@dataclass(slots=True)
class BlockResult:
    """What one walk found: by stop, the hashes of the own levels' last tiles; of a whole block, its hash."""

    size: int
    edges: dict[int, list[list[bytes]]] = field(default_factory=dict)
    whole: bytes | None = None
    findings: list[Finding] = field(default_factory=list)
    why: str = ""  # the walk ended at `size` instead of at the end


def walk_sealed(job: BlockJob) -> BlockResult:
    """Walk a block by its sealed files. Where an entry is missing in them, it ends there and says why."""

    def none(_start: int = 0) -> Iterator[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        return iter(())

    def leaves() -> Iterator[bytes]:
        shot = Snapshot(list(job.files), [], [], None, none, none)  # type: ignore[arg-type]
        for at, entry in enumerate(stretch(shot, job.first, job.end), job.first):
            if entry.seq != at:
                return
            yield sha256(LEAF + entry.record).digest()

    return walk(job, leaves(), _nobody)


def walk(job: BlockJob, leaves: Iterator[bytes], progress: Callable[[int], None]) -> BlockResult:
    """Walk a block by its leaf hashes: each tile has the hashes of what it covers."""
    edge, result = Edge(), BlockResult(job.first)
    try:
        for here, there in pairwise((job.first, *job.stops, job.end)):
            for start in range(here, there, _AT_ONCE):
                count = min(_AT_ONCE, there - start)
                taken = list(islice(leaves, count))
                for tile in edge.extend(taken):
                    compare(job.pub, _placed(tile, job.first), job.published, result.findings)
                result.size += len(taken)
                if len(taken) < count:
                    raise LedgerUnreadable(f"entry {result.size} is missing")
                progress(count)
            result.edges[there] = (edge.levels + [[]] * OWN_LEVELS)[:OWN_LEVELS]
    except LedgerUnreadable as error:
        result.why = str(error)
        return result
    if job.end - job.first == BLOCK:
        result.whole = edge.levels[OWN_LEVELS][0]
    return result


def compare(pub: Pub, tile: Tile, published: int, findings: list[Finding]) -> None:
    """Demand that the tile, in all forms that are stored, has these hashes; and that it is there.

    It has to be where the published tree is larger than what it covers, or just as large.
    """
    span = WIDTH**tile.id.level
    end = tile.id.number * WIDTH * span + tile.id.width * span
    full = pub.folder / tile.id._replace(width=WIDTH).path
    found = False
    # The full one last: where a live log drops the partial ones, it is there.
    for path in [*sorted(full.with_name(f"{full.name}.p").glob("*")), full]:
        width = WIDTH if path is full else int(path.name) if path.name.isdecimal() else 0
        if not width or not path.is_file():
            continue
        name = f"pub/{path.relative_to(pub.folder)}"
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # a live log drops partial tiles
            continue
        found = found or width in (WIDTH, tile.id.width)
        count = min(width, tile.id.width)
        if len(data) != width * 32 or data[: count * 32] != tile.data[: count * 32]:
            what = "its hashes are not those of the entries it covers"
            first = tile.id.number * WIDTH * span
            findings.append(Finding(BROKEN, what, file=name, first=first, last=end - 1))
    if end <= published and not found:
        findings.append(Finding(INCOMPLETE, "the tile is missing", file=f"pub/{tile.id.path}"))


def _placed(tile: Tile, first: int) -> Tile:
    level, number, width = tile.id
    return Tile(TileId(level, number + first // WIDTH ** (level + 1), width), tile.data)


def _nobody(_entries: int) -> None:
    """Tell nobody: the process that asked counts blocks."""
