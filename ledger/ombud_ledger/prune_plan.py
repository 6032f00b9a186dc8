# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Which sealed files may go by what systems declare, and why the others stay. Reads, changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.errors import LedgerBroken, LedgerUnreadable
from ombud_ledger.hashing import chain_start
from ombud_ledger.in_force import InForce, Record, held_systems, in_force
from ombud_ledger.kinds import HOUSEKEEPING
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.origin import origin_of
from ombud_ledger.place import Place, place_of
from ombud_ledger.retention import PARTS, Declaration
from ombud_ledger.said import Said, said_of_files
from ombud_ledger.seal import digest_of
from ombud_ledger.segment import Progress

_OWN: Final = HOUSEKEEPING | {"key", "prune", "shred"}
"""Kinds that the ledger writes about itself: they outlive nothing and keep nothing."""


@dataclass(frozen=True, slots=True)
class Going:
    """A file whose time is over: `newest` is the time of its newest entry, microseconds UTC.

    `declared` is the declaration it was kept by, the longest of those that count for it; `chain`, of an
    entries file, the chain value of its last entry.
    """

    file: SealedFile
    part: str
    sha256: str
    newest: int
    declared: Declaration
    chain: bytes = b""


@dataclass(frozen=True, slots=True)
class Staying:
    """A file that stays, and why."""

    file: SealedFile
    part: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prune would do. Entries files begin with entry `begins` now, and with entry `before` then.

    `chain` is the chain value before entry `begins`. What goes is ordered by segment, its entries file last.
    """

    going: tuple[Going, ...]
    staying: tuple[Staying, ...]
    begins: int
    chain: bytes
    before: int
    restate: tuple[tuple[int, Record], ...]
    """Entries that go with their files and say what is still in force: they have to be said again."""


class _Judged(NamedTuple):
    """Why a file stays; or, if there is no reason, its newest time and the declaration it was kept by."""

    why: str
    newest: int = 0
    declared: Declaration | None = None


@dataclass(frozen=True, slots=True)
class _Rules:
    """What decides: time, declarations, holds."""

    now: int
    limit: int | None
    force: InForce
    held: Mapping[str, list[str]]

    def too_young(self, file: SealedFile) -> str:
        """Say why nothing of a segment can go that lies elsewhere, without fetching it; nothing if it may."""
        away = file.away()
        every = [each.periods[part] for each in self.force.declarations.values() for part in PARTS]
        if away is None or not every:
            return ""
        first = min(each.over(away.oldest) for each in every)
        return f"until {_day(first - 1)} at least: nothing is kept shorter" if first > self.now else ""

    def judge(self, file: SealedFile, part: str, rows: pa.Table) -> _Judged:
        """Say whether a file may go that belongs to entries with these rows."""
        why = _why_held(rows, self.held)
        if why:
            return _Judged(why)
        declared = self.force.declarations
        if not declared:
            return _Judged("no system declares retention in this log")
        systems = _keepers(rows)
        undeclared = sorted(each for each in systems if each is not None and each not in declared)
        if undeclared:
            return _Judged(f"{undeclared[0]} declares no retention in this log")
        # Entries of no system are kept as long as those of the one that keeps longest.
        names = declared if None in systems or not systems else systems
        newest = pc.max(rows["ts"].cast(pa.int64())).as_py()
        over, longest = max((declared[str(name)].periods[part].over(newest), str(name)) for name in names)
        if over > self.now:
            return _Judged(
                f"until {_day(over - 1)}: {longest} keeps {part} {declared[longest].periods[part]}"
            )
        if self.limit is not None and newest >= self.limit:
            return _Judged(f"its newest entry is of {_day(newest)}, not before {_day(self.limit)}")
        return _Judged("", newest, declared[longest])


def would_prune(root: Path | Place, log: str, *, now: int, before: int | None = None) -> Plan:
    """Return what a prune of a log would do at the time `now`; `before` as in `Ledger.prune_blocking`.

    Changes nothing and takes no lock. Raises LedgerBroken, LedgerUnreadable.
    """
    place = place_of(root)
    layout = place.layout(log)
    return plan(layout, origin=origin_of(layout), now=now, held=held_systems(place), limit=before)


class _Sorted:
    """Puts each file where it belongs."""

    def __init__(self, said: Said) -> None:
        self.going: list[Going] = []
        self.staying: list[Staying] = []
        self._said = said

    def put(self, file: SealedFile, part: str, judged: _Judged) -> bool:
        """Say whether the file goes. Raises LedgerBroken."""
        why = judged.why
        # What counts is what the log said last: a facts file may have been written anew by an erasure.
        sha256 = self._said.digest(file.name)
        if not why and sha256 is None:
            why = "no seal entry names it: `ombud ledger verify`"
        found = "" if why else digest_of(file.at_hand())
        if (
            not why
            and found != sha256
            and found in {each.old for each in self._said.shreds.get(file.name, ())}
        ):
            why = "an erasure was logged but not carried out in it: open the log with its vault"
        if why or judged.declared is None or sha256 is None:
            self.staying.append(Staying(file, part, why))
            return False
        # What is not the sealed file is evidence: it must not go, nor a prune entry name its bytes.
        if found != sha256:
            what = "its bytes are not those that were sealed; nothing is pruned: `ombud ledger verify`"
            raise LedgerBroken(f"{file.name}: {what}")
        chain = _last_chain(file) if part == "entries" else b""
        self.going.append(Going(file, part, sha256, judged.newest, judged.declared, chain))
        return True


def plan(
    layout: LogLayout,
    *,
    origin: str,
    now: int,
    held: Mapping[str, list[str]],
    limit: int | None = None,
    tell: Progress | None = None,
) -> Plan:
    """Judge every sealed file of a log whose lock is held; `limit`: nothing as new as that goes.

    `held` are the systems under a legal hold, with the logs that say so. Times are microseconds UTC.
    `tell` learns how many segments were judged.
    Raises LedgerBroken for a file about to go that is not the one that was sealed, LedgerUnreadable.
    """
    rules = _Rules(now, limit, in_force(layout), held)
    said = said_of_files(layout)
    found = _Sorted(said)
    pruned = said.prunes[0] if said.prunes else None
    begins, chain = (pruned.before, bytes.fromhex(pruned.chain)) if pruned else (0, chain_start(origin))
    before = begins
    others: dict[tuple[int, int], list[tuple[str, SealedFile]]] = {}
    for part, files in (("facts", layout.facts_files()), ("payloads", layout.payload_files())):
        for file in files:
            others.setdefault((file.first, file.last), []).append((part, file))
    entries = layout.entries_files()
    # 1. A segment at a time, the oldest first. Entries go in that order and no other, so that "entries before
    #    N" says all there is to say; facts and payloads go each in their own time.
    for at, file in enumerate(entries):
        if tell is not None:
            tell("judging", at, len(entries))
        segment = others.pop((file.first, file.last), [])
        if why := rules.too_young(file):
            found.staying += [Staying(each, part, why) for part, each in [*segment, ("entries", file)]]
            continue
        rows = _rows(file)
        stays = 0
        for part, other in segment:
            judged = rules.judge(other, part, _rows_of(other, file, rows))
            stays += not found.put(other, part, judged)
        judged = rules.judge(file, "entries", rows)
        if not judged.why and file.first != before:
            judged = _Judged(f"entries go in their order, and those from {before} on stay")
        elif not judged.why and stays:
            judged = _Judged("facts or payloads of its entries stay")
        elif not judged.why and at == len(entries) - 1:
            judged = _Judged("the log goes on from its newest sealed entries")
        if found.put(file, "entries", judged):
            before = file.last + 1
    for part, other in (each for left in others.values() for each in left):
        found.staying.append(Staying(other, part, "no entries file of this range says what is in it"))
    # 2. What is still in force, and would go unsaid.
    restate = [each for each in rules.force.said if each[0] < before]
    restate.sort(key=lambda each: each[0])
    return Plan(tuple(found.going), tuple(found.staying), begins, chain, before, tuple(restate))


def holding(layout: LogLayout, place: Place) -> Callable[[str], str]:
    """Return what says why a hold keeps a file, by its path inside the log; nothing where none does.

    What a file holds is read from the entries file of its segment; where that is gone, any hold keeps it.
    """
    held = held_systems(place)
    entries = {(file.first, file.last): file for file in layout.entries_files()}
    others = {file.name: file for file in (*layout.facts_files(), *layout.payload_files())}

    def why(path: str) -> str:
        if not held:
            return ""
        file = others.get(path) or next(each for each in entries.values() if each.name == path)
        segment = entries.get((file.first, file.last))
        if segment is None:
            return "a system is held, and what is in this file cannot be told any more"
        part = path.partition("/")[0]
        found = _rows(segment)
        return _why_held(found if part == "entries" else _rows_of(file, segment, found), held)

    return why


def _why_held(rows: pa.Table, held: Mapping[str, list[str]]) -> str:
    """Say which hold keeps what has these rows: any row of a held system does, a declaration too."""
    names = sorted(held.keys() & set(rows["system"].unique().to_pylist()))
    return f"{names[0]} is held, as log {', '.join(held[names[0]])} says" if names else ""


def _rows(file: SealedFile) -> pa.Table:
    return _read(file, ["seq", "ts", "kind", "event", "system"])


def _rows_of(other: SealedFile, entries: SealedFile, rows: pa.Table) -> pa.Table:
    """Return the rows of those entries that a file has facts or payloads of, blank or not."""
    places = pc.index_in(_read(other, ["seq"])["seq"], value_set=rows["seq"].combine_chunks())
    if places.null_count:
        raise LedgerUnreadable(f"{other.name}: has rows of entries that {entries.name} has not")
    return rows.take(places)


def _read(file: SealedFile, columns: list[str]) -> pa.Table:
    # A gateway may be serving: Arrow works without holding the interpreter, and nothing here makes it look
    # for pandas, as `read_table` and scalars do, which takes a second.
    try:
        with open_parquet(file) as parquet:
            return parquet.read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise LedgerUnreadable(f"{file.name}: {error}") from error


def _keepers(rows: pa.Table) -> set[str | None]:
    """Return the systems whose periods these rows are kept by; None stands for entries of no system."""
    own = pc.match_substring_regex(rows["kind"], f"^({'|'.join(sorted(_OWN))})$")
    # A declaration is about a system, and said again with every prune: it keeps nothing.
    system = pc.match_substring_regex(rows["kind"], "^system$")
    event = rows["event"]
    declared = pc.and_kleene(pc.is_valid(event), pc.match_substring_regex(event, "^declared$"))
    keeps = pc.invert(pc.or_kleene(own, pc.and_kleene(system, declared)))
    return set(rows["system"].filter(keeps).unique().to_pylist())


def _last_chain(file: SealedFile) -> bytes:
    with open_parquet(file) as parquet:
        last = parquet.read_row_group(parquet.num_row_groups - 1, columns=["chain"])
        chain: bytes = last["chain"][-1].as_py()
    return chain


def _day(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts // 1_000_000, UTC):%Y-%m-%d}"
