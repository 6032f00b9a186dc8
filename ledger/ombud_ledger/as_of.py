# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Hold a log to a checkpoint before it is read as of it: same log, enough entries, same root."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

from ombud_ledger.errors import LedgerUnreadable, NotProven
from ombud_ledger.hashing import LEAF
from ombud_ledger.origin import origin_of
from ombud_ledger.place import Place
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import Edge

_AT_ONCE: Final = 4_096


def match_logs(place: Place, names: Sequence[str], notes: Iterable[bytes]) -> dict[str, Checkpoint]:
    """Return, by log, the checkpoint that names its origin. Verifies no signature.

    Raises LedgerUnreadable for what is no checkpoint, or a log whose first entry is not there; NotProven for
    a checkpoint of no log here, or of two, or of one that has another checkpoint already.
    """
    checkpoints = [parse_checkpoint(note).checkpoint for note in notes]
    origins = {name: origin_of(place.layout(name)) for name in names} if checkpoints else {}
    found: dict[str, Checkpoint] = {}
    for checkpoint in checkpoints:
        logs = [name for name, origin in origins.items() if origin == checkpoint.origin]
        if not logs:
            known = ", ".join(sorted(set(origins.values())))
            raise NotProven(f"the checkpoint is of {checkpoint.origin[:80]!r}, the logs here are of {known}")
        if len(logs) > 1:
            raise NotProven(f"the checkpoint is of {checkpoint.origin[:80]!r}, and so are logs {logs}")
        if logs[0] in found:
            raise NotProven(f"log {logs[0]} has two checkpoints: one is wanted")
        found[logs[0]] = checkpoint
    return found


def demand(shot: Snapshot, log: str, checkpoint: Checkpoint, pub: Pub, begins: int = 0) -> None:
    """Demand that the log begins with what the checkpoint covers: every record is hashed.

    Those before entry `begins` were pruned: their hashes are taken from tiles, and the root shows whether
    these are true. Raises NotProven where it does not, LedgerUnreadable where an entry is missing.
    """
    begins = min(begins, checkpoint.size)
    edge = Edge.load(begins, pub.tile) if begins else Edge()
    stored = stretch(shot, begins, checkpoint.size)
    while entries := list(islice(stored, _AT_ONCE)):
        for at, entry in enumerate(entries, edge.size):
            if entry.seq != at:
                raise LedgerUnreadable(f"log {log}: entry {at} is missing, which the checkpoint covers")
        edge.extend([sha256(LEAF + entry.record).digest() for entry in entries])
    if edge.size != checkpoint.size:
        raise NotProven(f"log {log} has {edge.size} entries, the checkpoint covers {checkpoint.size}")
    if edge.root() != checkpoint.root:
        raise NotProven(
            f"log {log}: its first {edge.size} entries have root {edge.root().hex()},"
            f" the checkpoint says {checkpoint.root.hex()}"
        )
