# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Time to prove and to verify that an entry is in a log of 1 and of 100 million, and bytes an entry on disk.

A proof reads some tiles and hashes within them, so that it must hardly grow with the log. The trees of
`leaves_1m` and `leaves_100m` have the same leaf everywhere: their tiles are made as they are asked for, and
proofs from them verify like any other. `from_files_1m` reads the tiles of a million different leaves from a
folder, each proof anew. The baseline is `root_us`, the time to hash the leaves of one tile. `bytes_per_entry`
is by part: `hot` of the tail before it is sealed, the rest of the one segment made of it, in which each entry
has a payload. It holds one typical entry again and again, which compresses better than real ones; ciphertext
never does. `raw` is what was recorded.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.ledger_sample import CONTRACT, QUIET, RECORD, open_log
from ombud_ledger import Ledger, Payload, Vault
from ombud_ledger.tlog.keyfile import new_key_file
from ombud_ledger.tlog.merkle import fold, prove_consistency, prove_inclusion, verify_inclusion
from ombud_ledger.tlog.tiles import WIDTH, Edge, Fetch, TileId, subtrees

_SMALL, _LARGE = 1_000_000, 100_000_000
_PROOFS = 300
_ENTRIES = 16_384
_LEAF = sha256(b"\0the same everywhere").digest()


@lru_cache(maxsize=16)
def _hash_at(level: int) -> bytes:
    return _LEAF if level == 0 else fold([_hash_at(level - 1)] * WIDTH)


def _same_everywhere(tile: TileId) -> bytes:
    return _hash_at(tile.level) * tile.width


def _median_us(act: Callable[[int], object], numbers: list[int]) -> float:
    took = []
    for number in numbers:
        start = time.perf_counter()
        act(number)
        took.append(time.perf_counter() - start)
    return round(statistics.median(took) * 1e6, 1)


def _proofs(size: int, fetch: Fetch, leaf: Callable[[int], bytes]) -> dict[str, float]:
    chance = random.Random(size)
    root = _root(size, fetch)
    numbers = [chance.randrange(size) for _ in range(_PROOFS)]
    proofs = {number: prove_inclusion(number, size, subtrees(size, fetch)) for number in numbers}
    return {
        "prove_us": _median_us(lambda at: prove_inclusion(at, size, subtrees(size, fetch)), numbers),
        "verify_us": _median_us(lambda at: verify_inclusion(leaf(at), at, size, proofs[at], root), numbers),
        "consistency_us": _median_us(
            lambda at: prove_consistency(at + 1, size, subtrees(size, fetch)), numbers
        ),
        "hashes": max(map(len, proofs.values())),
    }


def _root(size: int, fetch: Fetch) -> bytes:
    return Edge.load(size, fetch).root()


def _from_files(folder: Path) -> dict[str, float]:
    """Prove from the tiles of a million different leaves, as they lie in a log's `pub/`."""
    leaves = [sha256(b"\0%d" % number).digest() for number in range(_SMALL)]
    edge = Edge()
    for tile in [*edge.extend(leaves), *edge.partial()]:
        path = folder / tile.id.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tile.data)
    return _proofs(_SMALL, lambda tile: (folder / tile.path).read_bytes(), leaves.__getitem__)


def _bytes_per_entry(root: Path) -> dict[str, float]:
    origin = "bench.example/bench/0/1"
    unsigned, facts = open_log(root / "unsigned")
    unsigned.close()
    signers = new_key_file(origin, None).open(bytes)
    with closing(Vault.create(root / "vault", root / "vault-keys")) as vault:
        ledger = Ledger.open(
            root / "signed", log="bench-0", origin=origin, options=QUIET, signers=signers, vault=vault
        )
        ledger.put_object(CONTRACT)
        payload = Payload(None, bytes(RECORD["request_bytes"]), bytes(RECORD["response_bytes"]))
        for _ in range(_ENTRIES):
            ledger.append_blocking("decision", RECORD, facts, payload=payload)
        log = root / "signed" / "logs" / "bench-0"
        size, hot = ledger.size, _bytes_below(log / "hot")
        ledger.seal_blocking()
        ledger.close()
    recorded = len(json.dumps(RECORD, separators=(",", ":"))) + len(facts.encode()) + payload.size
    found: dict[str, float] = {"raw": recorded, "hot": hot / size}
    for part in ("entries", "facts", "payloads", "pub/tile"):
        found[part.rpartition("/")[2]] = _bytes_below(log / part) / size
    return {part: round(value, 1) for part, value in found.items()}


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run() -> dict[str, Any]:
    """Measure; times in microseconds, sizes in bytes."""
    with tempfile.TemporaryDirectory(prefix="ombud-bench-", dir=Path.cwd()) as folder:
        leaves = [sha256(b"\0%d" % number).digest() for number in range(WIDTH)]
        figures: dict[str, Any] = {
            "root_us": _median_us(lambda _: fold(leaves), [0] * _PROOFS),
            "leaves_1m": _proofs(_SMALL, _same_everywhere, lambda _: _LEAF),
            "leaves_100m": _proofs(_LARGE, _same_everywhere, lambda _: _LEAF),
            "from_files_1m": _from_files(Path(folder) / "tiles"),
            "bytes_per_entry": _bytes_per_entry(Path(folder)),
        }
    figures["growth"] = round(figures["leaves_100m"]["prove_us"] / figures["leaves_1m"]["prove_us"], 2)
    return figures


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
