# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Look many decisions up by id, in all logs of a ledger: where they are, whom they concern, their labels."""

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.away import IDS
from ombud_ledger.batches import readable
from ombud_ledger.canonical import JSON
from ombud_ledger.layout import SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.place import Place, place_of
from ombud_ledger.snapshot import Snapshot, snapshot

FactsState = Literal["kept", "none", "erased", "pruned"]
_CALLS: Final = frozenset({"decision", "intent"})
_READ: Final = (
    "seq", "ts", "kind", "id", "decision", "system", "action", "principal", "label_kind", "selection",
    "observed_at", "review", "approval",
)  # fmt: skip
_NAMED: Final = re.compile(rb'"(?:decision|id)":"([^"\\]{1,256})"')


class Case(NamedTuple):
    """A call as its decision or intent tells it; `subject` is the pseudonym in its facts, if it has one.

    `facts` says what became of these: kept, never there, erased with the person, or pruned. `reviews` are the
    ids of the reviews it opened, or used the approval of.
    """

    id: str
    log: str
    seq: int
    system: str
    action: str
    principal: str
    subject: str | None
    facts: FactsState
    reviews: tuple[str, ...] = ()


class Told(NamedTuple):
    """One label in the ledger. `value` is as facts hold it; None where it is erased or pruned."""

    ts: int
    log: str
    seq: int
    kind: str
    selection: str
    observed_at: int | None
    value: JSON | None


@dataclass(frozen=True, slots=True)
class Cases:
    """What was found: calls by id, and the labels of each, by id and kind, the oldest first."""

    calls: dict[str, Case] = field(default_factory=dict)
    labels: dict[tuple[str, str], list[Told]] = field(default_factory=dict)


def look_up(root: Path | Place, ids: Collection[str]) -> Cases:
    """Look decisions up in every log of a ledger; an id that is not in the result is in none of them.

    Reads of sealed files the row groups that may hold one of the ids, and fetches, of those that lie
    elsewhere alone, the ones that may. Raises LedgerUnreadable.
    """
    place, found = place_of(root), Cases()
    wanted = _Wanted(ids)
    for log in place.logs() if wanted.ids else ():
        with snapshot(place.layout(log)) as shot:
            for file in shot.entries:
                _take(found, log, _sealed(shot, file, wanted))
            _take(found, log, _hot(shot, wanted))
    for told in found.labels.values():
        told.sort(key=lambda label: (label.ts, label.log, label.seq))
    return found


class _Wanted:
    def __init__(self, ids: Collection[str]) -> None:
        self.ids = frozenset(ids)
        self.sorted = sorted(self.ids)
        self.array = pa.array(self.sorted, pa.string())
        self.bytes = frozenset(each.encode() for each in self.ids)

    def any_within(self, low: str, high: str) -> bool:
        at = bisect_left(self.sorted, low)
        return at < len(self.sorted) and self.sorted[at] <= high


class _Row(NamedTuple):
    fields: Mapping[str, Any]
    facts: Mapping[str, Any] | None
    state: FactsState


def _take(found: Cases, log: str, rows: Iterable[_Row]) -> None:
    for fields, facts, state in rows:
        if fields["kind"] in _CALLS:
            subject = facts.get("subject") if facts else None
            found.calls[fields["id"]] = Case(
                fields["id"],
                log,
                fields["seq"],
                fields.get("system") or "",
                fields.get("action") or "",
                fields.get("principal") or "",
                subject,
                state,
                tuple(str(fields[name]) for name in ("review", "approval") if fields.get(name)),
            )
        elif fields["kind"] == "label":
            value = next(iter(facts["values"].values()), None) if facts else None
            kind = fields.get("label_kind") or ""
            told = Told(
                fields["ts"],
                log,
                fields["seq"],
                kind,
                fields.get("selection") or "",
                fields.get("observed_at"),
                value,
            )
            found.labels.setdefault((fields["decision"], kind), []).append(told)


def _sealed(shot: Snapshot, file: SealedFile, wanted: _Wanted) -> Iterator[_Row]:
    away = file.away()
    if away is not None and not any(wanted.any_within(*span) for span in away.spans.values()):
        return
    with readable(file.path), open_parquet(file, page_checksum_verification=True) as parquet:
        for group in range(parquet.num_row_groups):
            if not _may_hold(parquet.metadata.row_group(group), wanted):
                continue
            names = parquet.read_row_group(group, columns=list(IDS), use_threads=False)
            here = [pc.is_in(names[name], value_set=wanted.array) for name in IDS]
            either = pc.or_(*here)
            if not pc.any(either).as_py():
                continue
            rows = parquet.read_row_group(group, columns=list(_READ), use_threads=False).filter(either)
            for name in ("ts", "observed_at"):
                at = rows.schema.get_field_index(name)
                rows = rows.set_column(at, name, rows[name].cast(pa.int64()))
            fields = [row for row in rows.to_pylist() if row["kind"] in _CALLS or row["kind"] == "label"]
            facts = facts_of(shot, file, [row["seq"] for row in fields])
            without = {row["seq"] for row in fields if row["seq"] not in facts}
            pruned = _committing(parquet, group, without) if without else frozenset()
            for row in fields:
                yield _told(row, facts, pruned)


def _told(row: Mapping[str, Any], facts: Mapping[int, bytes | None], pruned: Collection[int]) -> _Row:
    if row["seq"] not in facts:
        return _Row(row, None, "pruned" if row["seq"] in pruned else "none")
    held = facts[row["seq"]]
    return _Row(row, None, "erased") if held is None else _Row(row, orjson.loads(held), "kept")


def _may_hold(group: Any, wanted: _Wanted) -> bool:
    """Say whether the statistics of a row group leave room for one of the ids."""
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema not in IDS:
            continue
        statistics = column.statistics
        if statistics is None or not statistics.has_min_max:
            # All null, or nothing is known of it.
            if statistics is None or statistics.null_count != group.num_rows:
                return True
        elif wanted.any_within(str(statistics.min), str(statistics.max)):
            return True
    return False


def facts_of(shot: Snapshot, entries: SealedFile, seqs: list[int]) -> dict[int, bytes | None]:
    """Return the facts of these entries as stored, None where erased; without those that have none there."""
    found: dict[int, bytes | None] = {}
    if not seqs:
        return found
    wanted, low, high = pa.array(seqs, pa.int64()), min(seqs), max(seqs)
    for file in shot.facts:
        if file.first != entries.first:
            continue
        with readable(file.path), open_parquet(file, page_checksum_verification=True) as parquet:
            for group in range(parquet.num_row_groups):
                statistics = parquet.metadata.row_group(group).column(0).statistics  # `seq` comes first
                if statistics is not None and (statistics.max < low or high < statistics.min):
                    continue
                rows = parquet.read_row_group(group, columns=["seq", "facts"], use_threads=False)
                rows = rows.filter(pc.is_in(rows["seq"], value_set=wanted))
                for seq, facts in zip(rows["seq"].to_pylist(), rows["facts"].to_pylist(), strict=True):
                    found[seq] = None if facts is None else facts.encode()
    return found


def _committing(parquet: Any, group: int, seqs: Collection[int]) -> frozenset[int]:
    """Return those of the entries whose records commit to facts: these were there once."""
    rows = parquet.read_row_group(group, columns=["seq", "record"], use_threads=False)
    rows = rows.filter(pc.is_in(rows["seq"], value_set=pa.array(sorted(seqs), pa.int64())))
    return frozenset(row["seq"] for row in rows.to_pylist() if "facts_commit" in json.loads(row["record"]))


def _hot(shot: Snapshot, wanted: _Wanted) -> Iterator[_Row]:
    for row in shot.rows():
        if wanted.bytes.isdisjoint(_NAMED.findall(row.record)):
            continue
        fields = orjson.loads(row.record)
        named = fields.get("decision") if fields["kind"] == "label" else fields.get("id")
        if named in wanted.ids:
            facts = None if row.facts is None else orjson.loads(row.facts)
            yield _Row({**fields, "seq": row.seq}, facts, "none" if facts is None else "kept")
