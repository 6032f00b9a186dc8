# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Follow a log's entries one after the other: sequence, hashes, canonical form, what each kind must hold."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ombud_ledger import bulk, canonical
from ombud_ledger.errors import EntryBroken, EntryUnreadable, RecordInvalid
from ombud_ledger.hashing import chain_links, chain_next, chain_start, facts_commit, leaf_hash
from ombud_ledger.kinds import FORMAT, KINDS
from ombud_ledger.pruned import prune_of
from ombud_ledger.seals import HEX64, seals_of
from ombud_ledger.shapes import Shapes
from ombud_ledger.shreds import shred_of

_HEX: Final = re.compile(r"[0-9a-f]*")
_DIGESTS: Final = ("facts_commit", "facts_contract", "payload_commit", "payload_key_commit")
_SPECIAL: Final = frozenset({"genesis", "prune", "seal", "shred"})  # kinds that say something of the log


@dataclass(frozen=True, slots=True)
class Told:
    """What following asks of entries, one by one in their order."""

    kinds: list[str]
    times: list[int]
    commits: list[str | None]
    contracts: list[str | None]
    payloads: dict[int, str]  # commitments of those that have one, by place


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
    commits: dict[str, dict[int, str]] = field(default_factory=dict)  # by contract digest or "", then seq
    payloads: dict[int, str] = field(default_factory=dict)  # commitments, by seq
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
        self.origin = self.origin or noted.origin
        if self.size <= self.wanted < size:
            self.wanted_chain = chains[self.wanted - self.size]
        for seq, commit, contract in zip(seqs, told.commits, told.contracts, strict=True):
            if commit is not None:
                self.commits.setdefault(contract or "", {})[seq] = commit
        self.payloads |= {seqs[at]: commit for at, commit in told.payloads.items()}
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
            if type(commit) is not str or not HEX64.fullmatch(commit):
                raise EntryBroken(seq, "`facts_commit` is not a SHA-256 in hex")
            if type(contract) is not str or (contract and not HEX64.fullmatch(contract)):
                raise EntryBroken(seq, "`facts_contract` is not a SHA-256 in hex")
            self.commits.setdefault(contract, {})[seq] = commit
        elif contract != "":
            raise EntryBroken(seq, "`facts_contract` without `facts_commit`")
        self._check_payload(seq, fields.get("payload_commit"), fields.get("payload_key_commit"))

    def _check_payload(self, seq: int, commit: Any, key_commit: Any) -> None:
        if commit is None and key_commit is None:
            return
        if not all(type(each) is str and HEX64.fullmatch(each) for each in (commit, key_commit)):
            raise EntryBroken(seq, "`payload_commit` and `payload_key_commit` must both be SHA-256 in hex")
        self.payloads[seq] = commit

    def _note(self, seq: int, fields: dict[str, Any]) -> None:
        kind = fields["kind"]
        if kind == "genesis":
            self._check_genesis(seq, fields)
        elif kind == "seal":
            seals_of(seq, fields)
        elif kind == "shred":
            shred_of(seq, fields)
        elif kind == "prune":
            prune_of(seq, fields)

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
        {at: each["payload_commit"] for at, each in enumerate(records) if "payload_commit" in each},
    )


def fields_hold(blocks: Iterable[bulk.Block]) -> bool:
    """Say whether all records have a kind and a time, and digests where digests belong."""
    return all(map(_fields_hold, blocks))


def _fields_hold(block: bulk.Block) -> bool:
    types = block.types
    if types.get("kind") != {str} or types.get("ts") != {int} or not KINDS.issuperset(block.columns["kind"]):
        return False
    if "facts_contract" in types and "facts_commit" not in types:
        return False
    if ("payload_commit" in types) != ("payload_key_commit" in types):
        return False
    digests = [name for name in _DIGESTS if name in types]
    return all(types[name] == {str} and are_digests(block.columns[name]) for name in digests)


def are_digests(texts: Sequence[str]) -> bool:
    """Say whether each of the texts is a SHA-256 in hex."""
    return {64}.issuperset(map(len, texts)) and _HEX.fullmatch("".join(texts)) is not None


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
