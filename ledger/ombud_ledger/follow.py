# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Follow a log's entries one after the other: sequence, hashes, canonical form, what each kind must hold."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ombud_ledger import bulk, canonical
from ombud_ledger.errors import LedgerBroken, LedgerUnreadable, RecordInvalid
from ombud_ledger.hashing import chain_links, chain_next, chain_start, facts_commit, leaf_hash
from ombud_ledger.kinds import FORMAT, KINDS
from ombud_ledger.pruned import prune_of
from ombud_ledger.shapes import Shapes

_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_HEX: Final = re.compile(r"[0-9a-f]*")
_SPECIAL: Final = frozenset(
    {"boot", "gap", "genesis", "prune", "seal"}
)  # kinds that say something of the log


class EntryBroken(LedgerBroken):
    """An entry that does not hold; `seq` says which."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq


class EntryUnreadable(LedgerUnreadable):
    """An entry of a format or kind not known here; `seq` says which."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal entry says of one file."""

    entry: int
    path: str
    sha256: str
    size: int
    rows: int
    first: int
    last: int
    segment_first: int
    segment_last: int
    chain: str


@dataclass(frozen=True, slots=True)
class Told:
    """What following asks of entries, one by one in their order."""

    kinds: list[str]
    times: list[int]
    commits: list[str | None]
    contracts: list[str | None]


@dataclass(slots=True)
class Follower:
    """Follows entries from `size` on; `head` is the chain value before it, None if that is not known.

    `wanted` is the number of an entry whose chain value the caller asks for.
    """

    size: int = 0
    head: bytes | None = None
    wanted: int = -1
    wanted_chain: bytes | None = None
    origin: str | None = None
    first_ts: int = 0
    last_ts: int = 0
    gaps: int = 0
    unclean_boots: int = 0
    commits: dict[str, dict[int, str]] = field(default_factory=dict)  # by contract digest or "", then seq
    seals: list[Seal] = field(default_factory=list)
    _records: Shapes = field(default_factory=lambda: Shapes(canonical.MAX_RECORD))

    def follow(self, seq: int, record: bytes, chain: bytes) -> dict[str, Any]:
        """Check the next entry and return its record. Raises EntryBroken, EntryUnreadable."""
        # 1. It is the next one.
        if seq != self.size:
            raise EntryBroken(seq, f"entry {self.size} should come here")
        # 2. It is canonical. (First, because the chain of entry 0 starts from what it says.)
        try:
            fields = self._records.parse(record)
        except RecordInvalid as error:
            raise EntryBroken(seq, f"the record is not canonical: {error}") from error
        self._check_fields(seq, fields)
        self._note(seq, fields)
        # 3. Its chain value follows from its bytes and all before them.
        if seq == 0:
            self.head = chain_start(fields["origin"])
        if self.head is not None and chain_next(self.head, leaf_hash(record)) != chain:
            raise EntryBroken(
                seq, "the chain value does not follow from the record and the entries before it"
            )
        self.head = chain
        if seq == self.wanted:
            self.wanted_chain = chain
        self.size += 1
        return fields

    def accept(self, seqs: list[int], records: list[bytes], chains: list[bytes]) -> bulk.Objects | None:
        """Follow all of the next entries; None, and nothing changed, if `follow` has to look at each."""
        parsed = bulk.parse(records, limit=canonical.MAX_RECORD)
        if parsed is None or not fields_hold(parsed.blocks):
            return None
        return parsed if self.accept_told(seqs, records, chains, told_by(parsed.each)) else None

    def accept_told(self, seqs: list[int], records: list[bytes], chains: list[bytes], told: Told) -> bool:
        """Follow all of the next entries, canonical ones that tell this; False if `accept` would not."""
        # The demands of `follow`, each made of all entries at once. Nothing is noted before all are met.
        # 1. They are the next ones.
        size = self.size + len(seqs)
        if not seqs or seqs != list(range(self.size, size)):
            return False
        # 2. They hold what their kinds must.
        kinds, times = told.kinds, told.times
        if not KINDS.issuperset(kinds) or times[0] < self.last_ts or times != sorted(times):
            return False
        if None in told.commits and any(
            commit is None and contract is not None
            for commit, contract in zip(told.commits, told.contracts, strict=True)
        ):
            return False
        special = {at: orjson.loads(records[at]) for at, kind in enumerate(kinds) if kind in _SPECIAL}
        if [at for at in special if kinds[at] == "genesis"] != ([0] if self.size == 0 else []):
            return False
        # 3. Their chain values follow.
        head = self.head
        if self.size == 0 and type(origin := special[0].get("origin")) is str:
            head = chain_start(origin)
        if head is None or chain_links(head, records)[1] != chains:
            return False
        noted = Follower()
        try:
            for at, fields in special.items():
                noted._note(seqs[at], fields)
        except (EntryBroken, EntryUnreadable):
            return False
        # 4. All demands are met: go on from the last.
        self.seals += noted.seals
        self.gaps += noted.gaps
        self.unclean_boots += noted.unclean_boots
        self.origin = self.origin or noted.origin
        if self.size <= self.wanted < size:
            self.wanted_chain = chains[self.wanted - self.size]
        for seq, commit, contract in zip(seqs, told.commits, told.contracts, strict=True):
            if commit is not None:
                self.commits.setdefault(contract or "", {})[seq] = commit
        self.first_ts = self.first_ts or times[0]
        self.last_ts, self.size, self.head = times[-1], size, chains[-1]
        return True

    def _check_fields(self, seq: int, fields: dict[str, Any]) -> None:
        kind, ts = fields.get("kind"), fields.get("ts")
        if type(kind) is not str or type(ts) is not int:
            raise EntryBroken(seq, "a record must have a string `kind` and an integer `ts`")
        if (kind == "genesis") != (seq == 0):
            raise EntryBroken(seq, "entry 0, and only entry 0, is the genesis entry")
        if kind not in KINDS:
            raise EntryUnreadable(seq, f"kind {kind[:80]!r} is not known here")
        if ts < self.last_ts:
            raise EntryBroken(seq, f"ts {ts} is before that of the entry before, {self.last_ts}")
        self.first_ts = self.first_ts or ts
        self.last_ts = ts
        commit, contract = fields.get("facts_commit"), fields.get("facts_contract", "")
        if commit is not None:
            if type(commit) is not str or not _HEX64.fullmatch(commit):
                raise EntryBroken(seq, "`facts_commit` is not a SHA-256 in hex")
            if type(contract) is not str or (contract and not _HEX64.fullmatch(contract)):
                raise EntryBroken(seq, "`facts_contract` is not a SHA-256 in hex")
            self.commits.setdefault(contract, {})[seq] = commit
        elif contract != "":
            raise EntryBroken(seq, "`facts_contract` without `facts_commit`")

    def _note(self, seq: int, fields: dict[str, Any]) -> None:
        kind = fields["kind"]
        if kind == "genesis":
            self._check_genesis(seq, fields)
        elif kind == "seal":
            self.seals += seals_of(seq, fields)
        elif kind == "gap":
            self.gaps += 1
        elif kind == "boot":
            self.unclean_boots += fields.get("clean") is not True
        elif kind == "prune":
            self._check_prune(seq, fields)

    def _check_prune(self, seq: int, fields: dict[str, Any]) -> None:
        try:
            prune_of(seq, fields)
        except LedgerBroken as error:
            raise EntryBroken(seq, str(error)) from error
        except LedgerUnreadable as error:
            raise EntryUnreadable(seq, str(error)) from error

    def _check_genesis(self, seq: int, fields: dict[str, Any]) -> None:
        if fields.get("format") != FORMAT:
            raise EntryUnreadable(
                seq, f"format {str(fields.get('format'))[:80]} is not known here, only {FORMAT}"
            )
        if type(fields.get("origin")) is not str:
            raise EntryBroken(seq, "the genesis entry names no origin")
        self.origin = fields["origin"]


def told_by(records: Sequence[dict[str, Any]]) -> Told:
    """Return what records tell whose `fields_hold`."""
    return Told(
        [each["kind"] for each in records],
        [each["ts"] for each in records],
        [each.get("facts_commit") for each in records],
        [each.get("facts_contract") for each in records],
    )


def fields_hold(blocks: Iterable[bulk.Block]) -> bool:
    """Say whether all records have a kind and a time, and digests where digests belong."""
    return all(map(_fields_hold, blocks))


def _fields_hold(block: bulk.Block) -> bool:
    types = block.types
    if types.get("kind") != {str} or types.get("ts") != {int} or not KINDS.issuperset(block.columns["kind"]):
        return False
    digests = [name for name in ("facts_commit", "facts_contract") if name in types]
    if digests == ["facts_contract"]:
        return False
    return all(types[name] == {str} and are_digests(block.columns[name]) for name in digests)


def are_digests(texts: Sequence[str]) -> bool:
    """Say whether each of the texts is a SHA-256 in hex."""
    return {64}.issuperset(map(len, texts)) and _HEX.fullmatch("".join(texts)) is not None


def seals_of(seq: int, fields: dict[str, Any]) -> Iterable[Seal]:
    """Return what a seal entry says of each file. Raises EntryBroken if it is malformed."""
    try:
        first, last, chain = fields["first"], fields["last"], fields["chain"]
        seals = [
            Seal(
                seq,
                each["path"],
                each["sha256"],
                each["bytes"],
                each["rows"],
                each["first"],
                each["last"],
                first,
                last,
                chain,
            )
            for each in fields["files"]
        ]
    except (KeyError, TypeError) as error:
        raise EntryBroken(seq, f"the seal entry is malformed: {error!r}") from error
    for seal in seals:
        texts = (seal.path, seal.sha256, seal.chain)
        numbers = (seal.size, seal.rows, seal.first, seal.last, first, last)
        if any(type(text) is not str for text in texts) or any(type(number) is not int for number in numbers):
            raise EntryBroken(seq, "the seal entry is malformed: a field is of another type")
        if not _HEX64.fullmatch(seal.sha256) or not _HEX64.fullmatch(chain) or not first <= last < seq:
            raise EntryBroken(seq, "the seal entry is malformed: digest, chain or range")
    return seals


def check_facts(
    shapes: Shapes, seq: int, commit: str | None, salt: bytes | None, facts: bytes | None
) -> dict[str, Any] | None:
    """Check one entry's facts against its commitment; return them parsed, None if there are none to be.

    `shapes` parses facts, remembering across calls. Raises EntryBroken.
    """
    if commit is None:
        if salt is not None or facts is not None:
            raise EntryBroken(seq, "there are facts that the record does not commit to")
        return None
    if salt is None or facts is None:
        raise EntryBroken(seq, "the facts that the record commits to are missing")
    if facts_commit(salt, facts).hex() != commit:
        raise EntryBroken(seq, "the facts are not those that the record commits to")
    try:
        parsed = shapes.parse(facts)
    except RecordInvalid as error:
        raise EntryBroken(seq, f"the facts are not canonical: {error}") from error
    if type(parsed.get("values")) is not dict:
        raise EntryBroken(seq, "the facts have no `values` object")
    return parsed


def facts_match(commits: Sequence[str], salts: Sequence[bytes], facts: Sequence[bytes]) -> bool:
    """Say whether all facts are those committed to."""
    return list(commits) == [facts_commit(*each).hex() for each in zip(salts, facts, strict=True)]


def values_of(facts: list[bytes]) -> list[bulk.Block] | None:
    """Return the `values` of facts; None if `check_facts` has to decide."""
    parsed = bulk.parse(facts, limit=canonical.MAX_FACTS)
    if parsed is None or any("values" not in block.inner for block in parsed.blocks):
        return None
    return [
        bulk.Block([block.rows[at] for at in inner.rows], inner.columns, inner.types, inner.inner)
        for block in parsed.blocks
        for inner in block.inner["values"]
    ]
