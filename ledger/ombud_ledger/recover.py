# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Recovery, at start-up and after a failed commit: find the log's end, put it in a file to be trusted."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ombud_ledger import canonical, hot
from ombud_ledger.durable import Durable, make_folder, retire
from ombud_ledger.errors import LedgerBroken, LedgerUnreadable, OriginMismatch, RecordInvalid
from ombud_ledger.hashing import chain_next, chain_start, facts_commit, leaf_hash, payload_commit
from ombud_ledger.hot import PayloadRow, Row
from ombud_ledger.kinds import FORMAT, IDLE
from ombud_ledger.layout import HotFile, LogLayout
from ombud_ledger.opened import open_parquet
from ombud_ledger.pruned import newest_prune
from ombud_ledger.tail import Tail


@dataclass(slots=True)
class _Scan:
    """What reading a hot file told."""

    size: int
    head: bytes
    last_ts: int = 0
    substantive: int = 0
    stored: int = 0
    kind: str = ""
    payloads: dict[int, str] = field(default_factory=dict)  # commitments, by entry


def recover(layout: LogLayout, *, origin: str, durable: Durable) -> tuple[Tail, HotFile | None]:
    """Return the log's tail, open for writing in a new durable file, and the frozen file still to be sealed.

    Raises LedgerBroken if stored entries contradict each other, OriginMismatch, LedgerUnreadable, or
    OSError and sqlite3.Error when the disk refuses.
    """
    # 1. Leftovers that never bore their name count for nothing: drop them.
    for folder in (layout.hot, layout.staging, layout.folder / "entries", layout.folder / "facts"):
        make_folder(folder)
    for path in layout.hot.glob("*.tmp*"):
        path.unlink()
    # 2. Where the sealed part ends. An entries file bears its name only after its seal entry was durable.
    size, head = _sealed_end(layout, origin)
    # 3. The hot files that go on from there. Empty ones and older generations mean nothing; those wholly
    #    sealed were about to be retired.
    files = _unsealed(layout, size)
    if not files and size:
        raise LedgerBroken(f"{layout.folder.name}: the hot tail after sealed entry {size - 1} is missing")
    if len(files) > 2:
        raise LedgerBroken(f"{layout.folder.name}: {len(files)} hot files, at most 2 can be")
    # 4. Read each whole, checking every link, and copy it to a new generation. After a failed fsync the
    #    page cache may show what the disk does not hold, so only a file written and fsynced now is trusted.
    #    A crash between copies leaves the old ones: the next recovery starts over.
    scan = _Scan(size, head)
    copies: list[HotFile] = []
    for file in files:
        scan = _Scan(scan.size, scan.head, scan.last_ts)
        copy = HotFile(scan.size, file.generation + 1, layout.hot_path(scan.size, file.generation + 1))
        with hot.reading(file.path) as db:
            rows, payloads = _checked(hot.rows(db), scan, origin), _checked_payloads(hot.payloads(db), scan)
            hot.create(copy.path, rows, durable, payloads)
        copies.append(copy)
    # 5. A log without entries gets its first file.
    if not copies:
        copies.append(HotFile(0, 0, layout.hot_path(0, 0)))
        hot.create(copies[0].path, (), durable)
    # 6. The copies are durable: retire all else. A crash in here only leaves files that step 3 drops.
    for old in layout.all_hot_files():
        if old not in copies:
            for suffix in ("-wal", "-shm", ""):
                retire(old.path.with_name(old.path.name + suffix), durable, "hot")
    live = copies[-1]
    tail = Tail(
        layout=layout,
        durable=durable,
        db=hot.open_writer(live.path),
        path=live.path,
        first=live.first,
        size=scan.size,
        head=scan.head,
        last_ts=scan.last_ts,
        substantive=scan.substantive,
        stored=scan.stored,
        born=time.monotonic(),
        clean=scan.kind == "close",
    )
    return tail, copies[0] if len(copies) == 2 else None


def _sealed_end(layout: LogLayout, origin: str) -> tuple[int, bytes]:
    files = layout.entries_files()
    if not files:
        return 0, chain_start(origin)
    import pyarrow as pa  # here: a log without sealed entries is opened without Arrow

    try:
        if files[0].first:
            _check_pruned(layout, origin)
        elif (said := files[0].away()) is not None and said.genesis is not None:
            _check_genesis(said.genesis, origin)
        else:
            with open_parquet(files[0]) as parquet:
                first = parquet.read_row_group(0, columns=["record"])
            _check_genesis(first.slice(0, 1).to_pylist()[0]["record"].encode(), origin)
        with open_parquet(files[-1]) as parquet:  # here, as a rule: the newest segment is never put elsewhere
            end = parquet.read_row_group(parquet.num_row_groups - 1, columns=["seq", "chain"])
        tip = end.slice(end.num_rows - 1).to_pylist()[0]
    except (pa.ArrowException, OSError, IndexError) as error:
        raise LedgerUnreadable(f"{files[-1].name}: {error}") from error
    if tip["seq"] != files[-1].last:
        raise LedgerBroken(f"{files[-1].name}: ends at entry {tip['seq']}, its name says {files[-1].last}")
    return tip["seq"] + 1, tip["chain"]


def _check_pruned(layout: LogLayout, origin: str) -> None:
    # The genesis entry went by declaration: the prune entry says whose log it is.
    prune = newest_prune(layout)
    if prune is not None and prune.origin != origin:
        raise OriginMismatch(f"this log's origin is {prune.origin!r}, not {origin!r}")


def _unsealed(layout: LogLayout, size: int) -> list[HotFile]:
    found = []
    for file in layout.hot_files():
        with hot.reading(file.path) as db:
            (last,) = db.execute("SELECT max(seq) FROM entries").fetchone()
        if last is not None and last >= size:
            found.append(file)
    return found


def _checked(rows: Iterable[Row], scan: _Scan, origin: str) -> Iterator[Row]:
    for row in rows:
        if row.seq != scan.size:
            raise LedgerBroken(f"entry {scan.size} is missing; entry {row.seq} follows entry {scan.size - 1}")
        if row.seq == 0:
            _check_genesis(row.record, origin)
        scan.head = chain_next(scan.head, leaf_hash(row.record))
        if scan.head != row.chain:
            raise LedgerBroken(f"entry {row.seq}: its chain value does not follow from its record")
        try:
            record = canonical.parse(row.record, limit=canonical.MAX_RECORD)
        except RecordInvalid as error:
            raise LedgerBroken(f"entry {row.seq}: {error}") from error
        if row.salt is not None and row.facts is not None:
            if facts_commit(row.salt, row.facts).hex() != record.get("facts_commit"):
                raise LedgerBroken(f"entry {row.seq}: its facts are not those it commits to")
        elif "facts_commit" in record:
            raise LedgerBroken(f"entry {row.seq}: the facts it commits to are missing")
        if "payload_commit" in record:
            scan.payloads[row.seq] = record["payload_commit"]
        scan.kind, scan.last_ts = record["kind"], record["ts"]
        scan.substantive += scan.kind not in IDLE
        scan.stored += len(row.record) + len(row.facts or b"")
        scan.size += 1
        yield row


def _checked_payloads(rows: Iterable[PayloadRow], scan: _Scan) -> Iterator[PayloadRow]:
    due = iter(scan.payloads.items())
    for row in rows:
        if (row.seq, payload_commit(row.salt, row.ciphertext).hex()) != next(due, None):
            raise LedgerBroken(
                f"entry {row.seq}: its payload is not the one it commits to, or one is missing"
            )
        scan.stored += len(row.ciphertext)
        yield row
    for seq, _ in due:
        raise LedgerBroken(f"entry {seq}: the payload it commits to is missing")


def _check_genesis(record: bytes, origin: str) -> None:
    genesis = canonical.parse(record, limit=canonical.MAX_RECORD)
    if genesis.get("kind") != "genesis":
        raise LedgerBroken("entry 0 is not a genesis entry")
    if genesis.get("format") != FORMAT:
        raise LedgerUnreadable(f"format {genesis.get('format')} is not known here, only {FORMAT}")
    if genesis.get("origin") != origin:
        raise OriginMismatch(f"this log's origin is {genesis.get('origin')!r}, not {origin!r}")
