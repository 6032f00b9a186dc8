# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Verify a ledger offline: trust nothing but the bytes, and give the full account of what does not hold."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ombud_ledger import canonical
from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding, LogAccount, Verification
from ombud_ledger.check_gone import check_gone, check_said, spans_of
from ombud_ledger.check_tail import check_tail, said_in
from ombud_ledger.check_tree import TreeCheck
from ombud_ledger.completeness import completeness
from ombud_ledger.demands import Demands
from ombud_ledger.errors import EntryBroken, EntryUnreadable, LedgerBroken, LedgerError, LedgerUnreadable
from ombud_ledger.exported import EXPORT, Part, exported
from ombud_ledger.follow import Follower
from ombud_ledger.layout import LogLayout, SealedFile, objects_folder
from ombud_ledger.lean import COLLECT_EVERY
from ombud_ledger.of_kinds import of_kinds
from ombud_ledger.place import Place, at_place
from ombud_ledger.pruned import Gone, gone_by
from ombud_ledger.said import SAYING, Said
from ombud_ledger.seal import digest_of
from ombud_ledger.seals import Seal
from ombud_ledger.segment_job import SegmentJob, SegmentResult
from ombud_ledger.snapshot import Snapshot, snapshot
from ombud_ledger.workers import Workers

if TYPE_CHECKING:
    from ombud_ledger.remote.address import RemoteAddress
    from ombud_ledger.vault.vault import Vault

Progress = Callable[[str, int, int], None]
_UNREADABLE: Final = (
    pa.ArrowException,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    MemoryError,
    LedgerError,
)


def verify(
    root: "Path | RemoteAddress | Place",
    *,
    head: tuple[int, bytes] | None = None,
    log: str | None = None,
    progress: Progress | None = None,
    processes: int | None = None,
    vkeys: Sequence[str] = (),
    checkpoints: Sequence[bytes] = (),
    vault: "Vault | None" = None,
) -> Verification:
    """Check every log under `root` (or the one named) and return the account.

    `head` is (size, chain value of entry size - 1) noted down earlier: the log must still hold it. With
    several logs it needs `log`. `progress` is called with ("verify", entries done, entries in all).
    `processes` is how many check segments, then the tree, at the same time, this one among them; by default
    one per core where a log has enough sealed entries to repay their start. With `vkeys`, one of them must
    have signed each log's published checkpoint. `checkpoints` are notes kept from earlier: each must be of a
    log here, and that log must still have the same first entries. With the `vault`, payloads whose keys it
    has must open under the keys that records commit to. Raises VaultUnusable; ValueError for arguments that
    make no sense, KeyUnusable and LedgerUnreadable for keys and checkpoints that are none, LedgerUnreadable
    for a remote place that cannot be reached; what the files cause is in the account.

    Of a ledger that lies elsewhere, tail, tiles and objects are brought to a temporary folder, and each
    sealed file when it is checked.
    """
    demands = Demands(vkeys, checkpoints)
    with at_place(root, log, proofs=True, progress=progress) as place:
        names = place.logs() if log is None else [log]
        if head is not None and len(names) > 1:
            raise ValueError(f"a head belongs to one log: name one of {', '.join(names)}")
        if head is not None and (head[0] < 1 or len(head[1]) != 32):
            raise ValueError("a head is a size of at least 1 and the 32 bytes of a chain value")
        account = Verification([], _check_objects(objects_folder(place.root)))
        try:
            export = exported(place.root)
        except LedgerUnreadable as error:
            account.findings.append(Finding(UNREADABLE, str(error)))
            return account
        parts = export.parts if export else {}
        if not names:
            account.findings.append(Finding(UNREADABLE, f"{root}: no log here"))
        with _rare_collections():
            for name in names:

                def check(place: Place, name: str = name) -> _Log:
                    part = parts.get(name)
                    return _Log(
                        name, place, head, demands, progress, processes=processes, vault=vault, part=part
                    )

                one = check(place)
                found = one.verify()
                if found.findings:
                    with suppress(LedgerUnreadable), at_place(root, name, proofs=True) as later:
                        # Somebody was erased meanwhile: a file may be newer than what was read of the log. Or
                        # a file was let go here meanwhile, and is elsewhere alone.
                        if one.changed_since(later):
                            found = check(later).verify()
                account.logs.append(found)
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


class _Log:
    """Verifies one log."""

    def __init__(
        self,
        name: str,
        place: Place,
        head: tuple[int, bytes] | None,
        demands: Demands,
        progress: Progress | None,
        *,
        processes: int | None,
        vault: "Vault | None",
        part: Part | None,
    ) -> None:
        self._place = place
        self._part = part
        self._demands = demands
        self._layout: LogLayout = place.layout_found(name)
        self._head = head
        self._progress = progress
        self._vault = vault
        self._account = LogAccount(name)
        self._said = Said()
        self._gone = Gone()
        self._absent: set[str] = set()  # files that are not part of an evidence folder
        self._here: list[Path] = []  # files that may be let go here while they are checked
        self._done = 0
        self._total = 0
        self._wanted_chain: bytes | None = None
        self._workers = Workers(processes)

    def verify(self) -> LogAccount:
        try:
            tree = TreeCheck(self._layout, self._demands.vkeys)
            with self._workers, snapshot(self._layout) as shot:
                # A folder whose files lie elsewhere does not miss them: that comes first.
                self._place.demand_reached((*shot.entries, *shot.facts, *shot.payloads))
                self._verify(shot, inf if tree.published_size is None else tree.published_size)
                # 8. The tree: tiles, published checkpoints, and those the caller kept.
                self._check_tree(shot, tree)
                # 9. What the log says of the times it was there for: a verdict of its own.
                if all(each.level == INCOMPLETE for each in self._account.findings):
                    self._account.completeness = completeness(shot, self._account.size)
                # 10. With the keys at hand: payloads open.
                if self._vault is not None and self._account.origin is not None:
                    from ombud_ledger.vault.check import check_keys  # here: it needs cryptography

                    self._account.findings.extend(check_keys(shot, self._vault, self._account.origin))
        except LedgerUnreadable as error:
            self._find(UNREADABLE, str(error))
        return self._account

    def changed_since(self, place: Place) -> bool:
        """Say whether the log, as it is there now, has shred entries that were not when it was read.

        Or whether files that were here then are not any more.
        """
        if any(not path.exists() for path in self._here):
            return True
        with suppress(LedgerUnreadable), snapshot(place.layout(self._account.log)) as shot:
            _, said = said_in(shot.rows(self._account.size))
            return any(fields.get("kind") == "shred" for _, fields in said)
        return False

    def _verify(self, shot: Snapshot, covered: float) -> None:
        # 1. Go through the hot tail for what it says of files. It holds the seal of the last segment.
        hot_entries, said = said_in(shot.rows())
        for seq, fields in reversed(said):
            self._take_said(seq, fields)
        if self._part is not None:
            self._take_exported(self._part)
        # 2. Backwards through the segments: each file is hashed against the newest seal entry that names it
        #    before it is asked for what its own entries say of files. So every digest used is vouched for by
        #    what follows.
        for file in reversed(shot.entries):
            self._collect_said(file)
        #    Of what is sealed an evidence folder holds a part.
        if self._part is not None:
            self._absent = self._said.seals.keys() - self._part.files
            for path in self._absent:
                del self._said.seals[path]
        #    What a prune entry names may be missing once a checkpoint covers the entry, if the log is signed.
        self._gone = gone_by(each for each in self._said.prunes if each.entry < covered)
        there = (*shot.entries, *shot.facts, *shot.payloads)
        self._here = [file.path for file in there if self._place.elsewhere and file.path.exists()]
        self._account.findings += check_gone(self._gone, self._said, there)
        self._account.pruned_files = sorted(self._gone.files.keys() - {file.name for file in there})
        self._account.pruned_before = min([self._gone.before, *(file.first for file in shot.entries)])
        # 3. Forwards: which segments there should be, and which are not there.
        follower = Follower(wanted=self._head[0] - 1 if self._head else -1)
        jobs = self._plan(shot, follower, inf if shot.begins is None else shot.begins)
        # 4. Check each segment by itself, against the chain value that the one before is sealed with.
        results = self._workers.check(jobs, self._total, self._tell)
        for job, result in zip(jobs, results, strict=True):
            self._take(job, result, follower)
        # 5. Files nobody sealed and nobody asked for.
        named = {*self._said.seals, *(job.name for job in jobs)}
        unsealed = {(job.first, job.last) for job in jobs if not job.seals}  # reported with their segment
        for extra in (*shot.facts, *shot.payloads):
            if extra.name not in named and (extra.first, extra.last) not in unsealed:
                self._find(BROKEN, "a file that no seal entry names", file=extra.name)
        # 6. Follow the hot tail on from there: entries, facts, payloads.
        self._total += hot_entries
        self._follow_tail(shot, follower)
        # 7. The head somebody noted down earlier must still be in the log.
        self._account.size = follower.size
        self._account.head = follower.head.hex() if follower.head else None
        self._account.origin = self._account.origin or follower.origin or self._gone.origin
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
        sealed = shot.entries[-1].last + 1 if shot.entries else 0
        # What lies elsewhere was fetched by this process, which demands the same bytes each time: it walks
        # the tree alone.
        pool = self._workers.pool(sealed) if self._place.is_here else None
        result = tree.check(
            shot,
            origin=account.origin,
            size=account.size,
            demanded=demanded,
            progress=tell,
            workers=pool.submit if pool is not None else None,
        )
        account.checkpoint, account.covered = result.checkpoint, result.covered
        account.signed_by = result.signed_by
        account.findings += result.findings
        if self._part is not None:
            account.findings += check_said(self._part.said, self._layout, account.covered)

    def _take_exported(self, part: Part) -> None:
        """Take what the records say that an evidence folder holds beside its segments."""
        self._account.origin, self._account.export = part.origin, part.tell()
        for each in reversed(part.said):
            try:
                self._said.take(each.seq, canonical.parse(each.record, limit=canonical.MAX_RECORD))
            except LedgerError as error:
                self._find(BROKEN, str(error), file=EXPORT, entry=each.seq)

    def _collect_said(self, file: SealedFile) -> None:
        seal = self._said.seals.get(file.name)
        try:
            path = file.at_hand()
            if seal is not None and digest_of(path) != seal.sha256:
                return  # not the sealed file: nothing it says counts; step 4 reports it
            with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
                for seq, record in of_kinds(
                    parquet, SAYING, newest_first=True
                ):  # of one path the newest counts
                    self._take_said(seq, canonical.parse(record, limit=canonical.MAX_RECORD))
        except _UNREADABLE:
            return  # step 4 reads it again and says what is wrong

    def _take_said(self, seq: int, fields: dict[str, Any]) -> None:
        with suppress(LedgerError):  # followed later, and reported with its number
            self._said.take(seq, fields)

    def _plan(self, shot: Snapshot, follower: Follower, hot_first: float) -> list[SegmentJob]:
        spans = {file.name: (file.first, file.last) for file in shot.entries}
        present = set(spans)
        for seal in self._said.seals.values():
            # A crash between seal entry and rename leaves the entries in the hot tail, where they count.
            if seal.path.startswith("entries/") and seal.segment_first < hot_first:
                spans.setdefault(seal.path, (seal.segment_first, seal.segment_last))
        self._total = sum(last - first + 1 for first, last in spans.values())
        by_segment: dict[tuple[int, int], dict[str, Seal]] = {}
        for seal in self._said.seals.values():
            by_segment.setdefault((seal.segment_first, seal.segment_last), {})[seal.path] = seal
        pruned = spans_of({*self._gone.files, *self._absent})
        jobs: list[SegmentJob] = []
        for name, (first, last) in sorted(spans.items(), key=lambda item: item[1]):
            own = self._said.seals.get(name)
            self._pass_pruned(follower, first)
            self._pass_unexported(follower, first)
            if name not in present and last < self._gone.before:
                follower.size, follower.head = last + 1, bytes.fromhex(own.chain) if own else None
                if follower.wanted == last:
                    self._wanted_chain = follower.head
                continue
            if first > follower.size:
                what = "no file holds these entries, and no seal entry names one"
                self._find(INCOMPLETE, what, first=follower.size, last=first - 1)
                follower.head = None
            elif first < follower.size:
                self._find(BROKEN, "overlaps the file before", file=name, first=first, last=last)
            seals = by_segment.get((first, last), {})
            job = SegmentJob(
                folder=self._layout.folder,
                objects=objects_folder(self._place.root),
                name=name,
                first=first,
                last=last,
                head=follower.head,
                last_ts=0,
                seals=seals,
                shreds={path: self._said.shreds[path] for path in seals if path in self._said.shreds},
                wanted=follower.wanted,
                pruned=pruned.get(name.rpartition("/")[2], frozenset()),
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
        self._pass_pruned(follower, self._gone.before)
        self._pass_unexported(follower, self._part.size if self._part else 0)
        return jobs

    def _pass_unexported(self, follower: Follower, first: int) -> None:
        """Go on to entry `first` of an evidence folder, where that begins a run of entries that it holds."""
        if self._part is not None and follower.size < first and first in self._part.chains:
            follower.size, follower.head = first, self._part.chains[first]

    def _pass_pruned(self, follower: Follower, first: int) -> None:
        """Go on to entry `first`, as far as the files before it are gone by declaration."""
        gone = self._gone
        if follower.size < min(first, gone.before):
            follower.size = min(first, gone.before)
            follower.head = bytes.fromhex(gone.chain) if follower.size == gone.before else None
            if follower.wanted == gone.before - 1:
                self._wanted_chain = bytes.fromhex(gone.chain)
        elif follower.size == gone.before > 0 and follower.head not in (None, bytes.fromhex(gone.chain)):
            what = f"prune entry {gone.entry} says another chain value"
            self._find(BROKEN, what, entry=gone.before - 1)

    def _take(self, job: SegmentJob, result: SegmentResult, follower: Follower) -> None:
        account = self._account
        account.findings += result.findings
        account.sealed_files += result.files
        account.erased += result.erased
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
            check_tail(shot.rows(), shot.payload_rows(), follower, tell)
        except EntryBroken as error:
            self._find(BROKEN, str(error), entry=error.seq, file="hot")
        except EntryUnreadable as error:
            self._find(UNREADABLE, str(error), entry=error.seq, file="hot")
        except LedgerBroken as error:
            self._find(BROKEN, str(error), file="hot")
        except LedgerError as error:
            self._find(UNREADABLE, str(error), file="hot")
        self._wanted_chain = self._wanted_chain or follower.wanted_chain

    def _check_head(self, head: tuple[int, bytes], follower: Follower) -> None:
        size, chain = head
        if follower.size < size:
            what = f"the log has {follower.size} entries; the head demanded says there were {size}"
            self._find(BROKEN, what)
        elif self._wanted_chain is None and (size < self._account.pruned_before or self._part is not None):
            why = (
                "was pruned by declaration" if size < self._account.pruned_before else "is not in this export"
            )
            what = f"{why}: its chain value cannot be shown here; a checkpoint kept from then could be"
            self._find(INCOMPLETE, what, entry=size - 1)
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
