# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Hold a log to a checkpoint, or a head, before it is read as of it: same log, enough entries, same hash."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

from ombud_ledger.entry import Head
from ombud_ledger.errors import LedgerUnreadable, NotProven
from ombud_ledger.hashing import LEAF, chain_links
from ombud_ledger.origin import origin_of
from ombud_ledger.place import Place
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import Snapshot
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import Edge

_AT_ONCE: Final = 4_096


def newest_notes(place: Place, names: Iterable[str]) -> list[bytes]:
    """Return the newest published checkpoint of each log that publishes any. Raises LedgerUnreadable."""
    found = (Pub(place.layout(name).pub).checkpoint() for name in names)
    return [note for note in found if note is not None]


def match_logs(
    place: Place, names: Sequence[str], notes: Iterable[bytes]
) -> dict[str, tuple[Checkpoint, bytes]]:
    """Return, by log, the checkpoint that names its origin, and its note. Verifies no signature.

    Raises LedgerUnreadable for what is no checkpoint, or a log whose first entry is not there; NotProven for
    a checkpoint of no log here, or of two, or of one that has another checkpoint already.
    """
    signed = [(parse_checkpoint(note).checkpoint, note) for note in notes]
    origins = {name: origin_of(place.layout(name)) for name in names} if signed else {}
    found: dict[str, tuple[Checkpoint, bytes]] = {}
    for checkpoint, note in signed:
        logs = [name for name, origin in origins.items() if origin == checkpoint.origin]
        if not logs:
            known = ", ".join(sorted(set(origins.values())))
            raise NotProven(f"the checkpoint is of {checkpoint.origin[:80]!r}, the logs here are of {known}")
        if len(logs) > 1:
            raise NotProven(f"the checkpoint is of {checkpoint.origin[:80]!r}, and so are logs {logs}")
        if logs[0] in found:
            raise NotProven(f"log {logs[0]} has two checkpoints: one is wanted")
        found[logs[0]] = checkpoint, note
    return found


def check_heads(names: Sequence[str], heads: Mapping[str, Head], signed: Iterable[str]) -> None:
    """Demand that each head is of a log here, and of none that has a checkpoint as well. Raises NotProven."""
    for log in heads:
        if log not in names:
            raise NotProven(f"the head is of log {log[:80]!r}, the logs here are {', '.join(names)}")
        if log in signed:
            raise NotProven(f"log {log} has a checkpoint and a head: one is wanted")


def demand_head(shot: Snapshot, log: str, head: Head, before: bytes, begins: int = 0) -> None:
    """Demand that the log's first entries lead to the head: every record is hashed.

    `before` is the chain value before entry `begins`, those before which were pruned. Raises NotProven where
    they do not, LedgerUnreadable where an entry is missing.
    """
    at, chain = begins, before
    stored = stretch(shot, begins, head.size)
    while entries := list(islice(stored, _AT_ONCE)):
        for seq, entry in enumerate(entries, at):
            if entry.seq != seq:
                raise LedgerUnreadable(f"log {log}: entry {seq} is missing, which the head covers")
        at += len(entries)
        chain = chain_links(chain, [entry.record for entry in entries])[1][-1]
    if at != head.size:
        raise NotProven(f"log {log} has {at} entries, the head is of {head.size}")
    if chain != head.chain:
        raise NotProven(f"log {log}: its first {at} entries lead to {chain.hex()}, not {head.chain.hex()}")


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
