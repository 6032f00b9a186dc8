# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Verify a ledger offline: trust nothing but the bytes, and give the full account of what does not hold."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from math import inf
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ombud_ledger import canonical
from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding, LogAccount, Verification
from ombud_ledger.check_segment import SegmentJob, SegmentResult, check_segment
from ombud_ledger.check_tail import check_tail, seals_in
from ombud_ledger.check_tree import TreeCheck
from ombud_ledger.errors import LedgerBroken, LedgerError, LedgerUnreadable
from ombud_ledger.follow import EntryBroken, EntryUnreadable, Follower, Seal, seals_of
from ombud_ledger.layout import LogLayout, SealedFile, log_names, objects_folder
from ombud_ledger.lean import COLLECT_EVERY, begin_worker
from ombud_ledger.place import Place, at_place
from ombud_ledger.seal import digest_of
from ombud_ledger.snapshot import Snapshot, snapshot
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.note import parse_vkey

if TYPE_CHECKING:
    from ombud_ledger.remote.address import RemoteAddress

Progress = Callable[[str, int, int], None]
_MANY_ENTRIES: Final = 100_000  # sealed: from here on, starting processes pays


def verify(
    root: "Path | RemoteAddress",
    *,
    head: tuple[int, bytes] | None = None,
    log: str | None = None,
    progress: Progress | None = None,
    processes: int | None = None,
    vkeys: Sequence[str] = (),
    checkpoints: Sequence[bytes] = (),
) -> Verification:
    """Check every log under `root` (or the one named) and return the account.

    `head` is (size, chain value of entry size - 1) noted down earlier: the log must still hold it. With
    several logs it needs `log`. `progress` is called with ("verify", entries done, entries in all).
    `processes` is how many check segments at the same time, this one among them; by default one per core
    where a log has enough sealed entries to repay their start. With `vkeys`, one of them must have signed
    each log's published checkpoint. `checkpoints` are notes kept from earlier: each must be of a log here,
    and that log must still have the same first entries. Raises ValueError for arguments that make no sense,
    KeyUnusable and LedgerUnreadable for keys and checkpoints that are none, LedgerUnreadable for a remote
    place that cannot be reached; what the files cause is in the account.

    Of a ledger that lies elsewhere, tail, tiles and objects are brought to a temporary folder, and each
    sealed file when it is checked.
    """
    demands = _Demands(vkeys, checkpoints)
    with at_place(root, log, proofs=True, progress=progress) as place:
        names = log_names(place.root) if log is None else [log]
        if head is not None and len(names) > 1:
            raise ValueError(f"a head belongs to one log: name one of {', '.join(names)}")
        if head is not None and (head[0] < 1 or len(head[1]) != 32):
            raise ValueError("a head is a size of at least 1 and the 32 bytes of a chain value")
        account = Verification([], _check_objects(objects_folder(place.root)))
        if not names:
            account.findings.append(Finding(UNREADABLE, f"{root}: no log here"))
        with _rare_collections():
            for name in names:
                one = _Log(name, place, head, demands, progress, processes=processes)
                account.logs.append(one.verify())
    for origin in sorted(demands.origins() - {each.origin for each in account.logs}):
        what = f"no log here is {origin[:80]!r}, of which a checkpoint was given"
        account.findings.append(Finding(BROKEN, what))
    return account


@contextmanager
def _rare_collections() -> Iterator[None]:
    # Parsing makes many objects and no cycles; looking for them every 700 objects takes a fifth of the time.
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Demands:
    """What the caller brings along: keys, and checkpoints seen before."""

    def __init__(self, vkeys: Sequence[str], checkpoints: Sequence[bytes]) -> None:
        self.vkeys = [parse_vkey(vkey) for vkey in vkeys]
        self._checkpoints = [parse_checkpoint(data) for data in checkpoints]

    def origins(self) -> set[str]:
        return {signed.checkpoint.origin for signed in self._checkpoints}

    def of(self, origin: str | None) -> list[Signed]:
        return [signed for signed in self._checkpoints if signed.checkpoint.origin == origin]


class _Log:
    """Verifies one log."""

    def __init__(
        self,
        name: str,
        place: Place,
        head: tuple[int, bytes] | None,
        demands: _Demands,
        progress: Progress | None,
        *,
        processes: int | None,
    ) -> None:
        self._place = place
        self._demands = demands
        self._layout: LogLayout = place.layout(name)
        self._head = head
        self._progress = progress
        self._processes = processes
        self._account = LogAccount(name)
        self._seals: dict[str, Seal] = {}
        self._done = 0
        self._total = 0
        self._wanted_chain: bytes | None = None

    def verify(self) -> LogAccount:
        try:
            tree = TreeCheck(self._layout, self._demands.vkeys)
            with snapshot(self._layout) as shot:
                self._verify(shot)
                # 8. The tree: tiles, published checkpoints, and those the caller kept.
                self._check_tree(shot, tree)
        except LedgerUnreadable as error:
            self._find(UNREADABLE, str(error))
        return self._account

    def _verify(self, shot: Snapshot) -> None:
        # 1. Go through the hot tail for seal entries. It holds that of the last segment.
        hot_entries, seals = seals_in(shot.rows())
        for seal in reversed(seals):
            self._seals.setdefault(seal.path, seal)
        # 2. Backwards through the segments: each file is hashed against the newest seal entry that names it
        #    before it is asked for the seal entries it holds itself. So every digest used is vouched for by
        #    what follows.
        for file in reversed(shot.entries):
            self._collect_seals(file)
        # 3. Forwards: which segments there should be, and which are not there.
        follower = Follower(wanted=self._head[0] - 1 if self._head else -1)
        jobs = self._plan(shot, follower, inf if shot.begins is None else shot.begins)
        # 4. Check each segment by itself, against the chain value that the one before is sealed with.
        for job, result in zip(jobs, self._check(jobs), strict=True):
            self._take(job, result, follower)
        # 5. Files nobody sealed and nobody asked for.
        named = {*self._seals, *(job.name for job in jobs)}
        unsealed = {(job.first, job.last) for job in jobs if not job.seals}  # reported with their segment
        for extra in shot.facts:
            if extra.name not in named and (extra.first, extra.last) not in unsealed:
                self._find(BROKEN, "a facts file that no seal entry names", file=extra.name)
        # 6. Follow the hot tail on from there: entries, facts.
        self._total += hot_entries
        self._follow_tail(shot, follower)
        # 7. The head somebody noted down earlier must still be in the log.
        self._account.size = follower.size
        self._account.head = follower.head.hex() if follower.head else None
        self._account.origin = self._account.origin or follower.origin
        if not follower.size and not self._account.findings:
            self._find(UNREADABLE, "the log holds no entry")
        if self._head is not None:
            self._check_head(self._head, follower)

    def _check_tree(self, shot: Snapshot, tree: TreeCheck) -> None:
        account, done = self._account, 0
        # Where the file with entry 0 is missing, the checkpoints say whose log it is.
        account.origin = account.origin or tree.origin
        if account.origin is None:
            return

        def tell(entries: int) -> None:
            nonlocal done
            done += entries
            if self._progress:
                self._progress("tree", done, account.size)

        demanded = self._demands.of(account.origin)
        result = tree.check(shot, origin=account.origin, size=account.size, demanded=demanded, progress=tell)
        account.checkpoint, account.covered = result.checkpoint, result.covered
        account.signed_by = result.signed_by
        account.findings += result.findings

    def _collect_seals(self, file: SealedFile) -> None:
        seal = self._seals.get(file.name)
        try:
            path = file.at_hand()
            if seal is not None and digest_of(path) != seal.sha256:
                return  # not the sealed file: nothing it says counts; step 4 reports it
            with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
                for group in reversed(range(parquet.num_row_groups)):  # of one path the newest counts
                    # Few groups hold a seal entry, and the column `kind` says so in a few bytes.
                    kinds = parquet.read_row_group(group, columns=["kind"], use_threads=False)
                    seals = pc.match_substring(kinds["kind"], "seal")
                    if not pc.any(seals).as_py():
                        continue
                    rows = parquet.read_row_group(group, columns=["seq", "record"], use_threads=False)
                    for row in reversed(rows.filter(seals).to_pylist()):
                        fields = canonical.parse(row["record"].encode(), limit=canonical.MAX_RECORD)
                        for each in seals_of(row["seq"], fields) if fields.get("kind") == "seal" else ():
                            self._seals.setdefault(each.path, each)
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError, LedgerError):
            return  # step 4 reads it again and says what is wrong

    def _plan(self, shot: Snapshot, follower: Follower, hot_first: float) -> list[SegmentJob]:
        spans = {file.name: (file.first, file.last) for file in shot.entries}
        present = set(spans)
        for seal in self._seals.values():
            # A crash between seal entry and rename leaves the entries in the hot tail, where they count.
            if seal.path.startswith("entries/") and seal.segment_first < hot_first:
                spans.setdefault(seal.path, (seal.segment_first, seal.segment_last))
        self._total = sum(last - first + 1 for first, last in spans.values())
        by_segment: dict[tuple[int, int], dict[str, Seal]] = {}
        for seal in self._seals.values():
            by_segment.setdefault((seal.segment_first, seal.segment_last), {})[seal.path] = seal
        jobs: list[SegmentJob] = []
        for name, (first, last) in sorted(spans.items(), key=lambda item: item[1]):
            if first > follower.size:
                what = "no file holds these entries, and no seal entry names one"
                self._find(INCOMPLETE, what, first=follower.size, last=first - 1)
                follower.head = None
            elif first < follower.size:
                self._find(BROKEN, "overlaps the file before", file=name, first=first, last=last)
            own = self._seals.get(name)
            job = SegmentJob(
                folder=self._layout.folder,
                objects=objects_folder(self._place.root),
                name=name,
                first=first,
                last=last,
                head=follower.head,
                last_ts=0,
                seals=by_segment.get((first, last), {}),
                wanted=follower.wanted,
                fetcher=self._place.fetcher(self._account.log, first, last),
            )
            follower.size = last + 1
            follower.head = bytes.fromhex(own.chain) if own else None
            if name in present:
                jobs.append(job)
            elif own is not None:
                what = "the sealed file is missing"
                self._find(INCOMPLETE, what, file=name, first=first, last=last, seal=own.entry)
                if follower.wanted == last:
                    self._wanted_chain = follower.head
        return jobs

    def _check(self, jobs: list[SegmentJob]) -> list[SegmentResult]:
        linked = all(job.head is not None or job.first == 0 for job in jobs)
        processes = self._processes
        if processes is None:
            processes = _cores() if self._total >= _MANY_ENTRIES else 1
        if processes > 1 and len(jobs) > 1 and linked:
            return self._check_together(jobs, min(processes, len(jobs)))
        results = []
        before: SegmentResult | None = None
        for at, job in enumerate(jobs):
            # Without a seal entry for the file before, its own end is what this one must follow from.
            if before is not None and job.head is None and jobs[at - 1].last + 1 == job.first:
                before = check_segment(replace(job, head=before.head), self._tell)
            else:
                before = check_segment(job, self._tell)
            results.append(before)
        return results

    def _check_together(self, jobs: list[SegmentJob], processes: int) -> list[SegmentResult]:
        # The others begin with the first segments. This process takes what none has begun from the end, so
        # that it works while they start.
        results: dict[int, SegmentResult] = {}
        pool = ProcessPoolExecutor(processes - 1, mp_context=get_context("spawn"), initializer=begin_worker)
        with pool:
            futures = [pool.submit(check_segment, job) for job in jobs]
            for at in reversed(range(len(jobs))):
                if futures[at].cancel():
                    results[at] = check_segment(jobs[at], self._tell)
            for at, future in enumerate(futures):
                if at not in results:
                    results[at] = future.result()
                    self._tell(jobs[at].last - jobs[at].first + 1)
        return [results[at] for at in range(len(jobs))]

    def _take(self, job: SegmentJob, result: SegmentResult, follower: Follower) -> None:
        account = self._account
        account.findings += result.findings
        account.sealed_files += result.files
        account.gaps += result.gaps
        account.unclean_boots += result.unclean_boots
        account.origin = account.origin or result.origin
        self._wanted_chain = self._wanted_chain or result.wanted_chain
        if job.last + 1 == follower.size and follower.head is None:
            follower.head = result.head  # unsealed last file: its own end is all there is
        if result.first_ts and result.first_ts < follower.last_ts:
            self._find(BROKEN, "ts goes back from the file before", file=job.name, entry=job.first)
        follower.last_ts = max(follower.last_ts, result.last_ts)

    def _follow_tail(self, shot: Snapshot, follower: Follower) -> None:
        if shot.begins is not None and shot.begins > follower.size:
            last = shot.begins - 1
            self._find(INCOMPLETE, "neither sealed nor in the hot tail", first=follower.size, last=last)
            follower.size, follower.head = shot.begins, None

        def tell(entries: int) -> None:
            self._account.hot_entries += entries
            self._tell(entries)

        try:
            check_tail(shot.rows(), follower, tell)
        except EntryBroken as error:
            self._find(BROKEN, str(error), entry=error.seq, file="hot")
        except EntryUnreadable as error:
            self._find(UNREADABLE, str(error), entry=error.seq, file="hot")
        except LedgerBroken as error:
            self._find(BROKEN, str(error), file="hot")
        except LedgerError as error:
            self._find(UNREADABLE, str(error), file="hot")
        self._account.gaps += follower.gaps
        self._account.unclean_boots += follower.unclean_boots
        self._wanted_chain = self._wanted_chain or follower.wanted_chain

    def _check_head(self, head: tuple[int, bytes], follower: Follower) -> None:
        size, chain = head
        if follower.size < size:
            what = f"the log has {follower.size} entries; the head demanded says there were {size}"
            self._find(BROKEN, what)
        elif self._wanted_chain != chain:
            have = self._wanted_chain.hex() if self._wanted_chain else "not to be found"
            self._find(
                BROKEN, f"its chain value is {have}; the head demanded says {chain.hex()}", entry=size - 1
            )

    def _tell(self, entries: int) -> None:
        self._done += entries
        if self._progress:
            self._progress("verify", self._done, self._total)

    def _find(self, level: str, what: str, **where: Any) -> None:
        self._account.findings.append(Finding(level, what, **where))


def _check_objects(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        return []
    return [
        Finding(BROKEN, "its bytes hash to something else", file=f"objects/{path.name}")
        for path in sorted(folder.iterdir())
        if len(path.name) == 64 and sha256(path.read_bytes()).hexdigest() != path.name
    ]
