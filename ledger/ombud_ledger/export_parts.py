# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Which files belong to an evidence folder, and what its EXPORT.json says of them. Reads, changes nothing."""

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.entry import Head
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.export_folder import Item, item
from ombud_ledger.export_texts import readme, sql_files
from ombud_ledger.exported import EXPORT, FORMAT, parse_export
from ombud_ledger.latest import backwards, stored
from ombud_ledger.layout import LogLayout, SealedFile, objects_folder
from ombud_ledger.ledger import Ledger
from ombud_ledger.opened import open_parquet
from ombud_ledger.place import Place
from ombud_ledger.records import chain_at, chain_before
from ombud_ledger.seals import HEX64
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.tiles import WIDTH, tiles_of

_HEX64: Final = "^[0-9a-f]{64}$"
_COLUMNS: Final = ["ts", "system", "record"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: a system, from `begin` up to, not including, `end`; microseconds UTC."""

    system: str
    begin: int | None = None
    end: int | None = None
    facts: bool = True
    payloads: bool = False  # encrypted as they are

    def meets(self, oldest: int, newest: int) -> bool:
        """Say whether its time and that of entries from `oldest` to `newest` meet."""
        return (self.begin is None or newest >= self.begin) and (self.end is None or oldest < self.end)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment with entries that are asked for; `objects` are digests its records mention."""

    file: SealedFile
    counts: Counter[str]
    objects: frozenset[str]


class Gathering:
    """Takes files into the folder."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def put(self, name: str, source: bytes | Path | SealedFile) -> str:
        """Take one in; return its SHA-256 in hex."""
        self.items.append(item(name, source))
        return self.items[-1].sha256


def fill(
    folder: Gathering,
    place: Place,
    ledgers: Sequence[Ledger],
    chosen: Mapping[str, list[Segment]],
    wanted: Wanted,
    *,
    by: str,
    recipient: str,
) -> dict[str, int]:
    """Take in all that belongs to the chosen segments, by log; return the number of entries by system.

    The logs are settled meanwhile. Raises OSError, LedgerError.
    """
    counts: Counter[str] = Counter()
    objects: set[str] = set()
    logs: dict[str, Any] = {}
    for ledger in ledgers:
        layout, segments = place.layout(ledger.log), chosen[ledger.log]
        logs[ledger.log] = _log(folder, layout, ledger, segments, wanted)
        for segment in segments:
            counts += segment.counts
            objects |= segment.objects
        objects |= _said_elsewhere(layout, wanted.system, objects)
        vkeys = {record["vkey"] for _, record in backwards(layout, "key") if "vkey" in record}
        if vkeys:
            folder.put(f"keys/{ledger.log}.vkeys", "".join(f"{each}\n" for each in sorted(vkeys)).encode())
    for digest in sorted(objects):
        if (objects_folder(place.root) / digest).is_file():
            folder.put(f"objects/{digest}", objects_folder(place.root) / digest)
    by_system = dict(sorted(counts.items()))
    described = {
        "format": FORMAT,
        "system": wanted.system,
        "from": _iso(wanted.begin),
        "to": _iso(wanted.end),
        "facts": wanted.facts,
        "payloads": wanted.payloads,
        "recipient": recipient,
        "by": by,
        "entries_by_system": by_system,
        "logs": logs,
    }
    data = (json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    folder.put(EXPORT, data)
    has_facts = any(path.startswith("facts/") for each in logs.values() for path in each["files"])
    for name, text in sql_files(facts=has_facts).items():
        folder.put(f"sql/{name}", text.encode())
    folder.put("README.md", readme(described, parse_export(data)).encode())
    return by_system


def _log(
    folder: Gathering, layout: LogLayout, ledger: Ledger, segments: Sequence[Segment], wanted: Wanted
) -> dict[str, Any]:
    spans = {(each.file.first, each.file.last) for each in segments}
    files = [each.file for each in segments]
    if wanted.facts:
        files += [each for each in layout.facts_files() if (each.first, each.last) in spans]
    if wanted.payloads:
        files += [each for each in layout.payload_files() if (each.first, each.last) in spans]
    digests = {each.name: folder.put(f"logs/{ledger.log}/{each.name}", each) for each in files}
    head = _published(folder, layout) or ledger.head
    return {
        "origin": ledger.origin,
        "size": head.size,
        "head": head.chain.hex(),
        "segments": [
            {
                "first": each.file.first,
                "last": each.file.last,
                "before": chain_before(layout, each.file.first, ledger.origin).hex(),
                "entries_by_system": dict(sorted(each.counts.items())),
            }
            for each in segments
        ],
        "files": digests,
        "records": [{"seq": seq, "record": record} for seq, record in _records(layout, spans, digests)],
    }


def _published(folder: Gathering, layout: LogLayout) -> Head | None:
    """Take in checkpoints and tiles as of the newest checkpoint; return the head it covers, None without one.

    A publisher may go on meanwhile: what it replaces is read once, here, and what it adds is left out.
    """
    pub, prefix = Pub(layout.pub), f"logs/{layout.folder.name}/pub"
    cosigned = pub.cosigned()  # first: no checkpoint that is read after it covers less
    checkpoint = pub.checkpoint()
    if checkpoint is None:
        return None
    size = parse_checkpoint(checkpoint).checkpoint.size
    folder.put(f"{prefix}/checkpoint", checkpoint)
    if cosigned is not None:
        folder.put(f"{prefix}/cosigned", cosigned)
    for tile in tiles_of(size):
        full = tile.width == WIDTH
        folder.put(f"{prefix}/{tile.path}", layout.pub / tile.path if full else pub.tile(tile))
    for kept in pub.kept():
        if int(kept.name.rpartition("-")[2]) <= size:
            folder.put(f"{prefix}/{kept.relative_to(layout.pub)}", kept)
    return Head(size, chain_at(layout, size - 1))


def segments_of(layout: LogLayout, wanted: Wanted) -> list[Segment]:
    """Return the segments of a log with entries that are asked for. Raises LedgerUnreadable."""
    # Arrow looks through the records without holding the interpreter: a gateway may be serving.
    found = []
    for file in layout.entries_files():
        away = file.away()
        if away is not None and not wanted.meets(away.oldest, away.newest):
            continue
        counts: Counter[str] = Counter()
        objects: set[str] = set()
        asked = False
        try:
            with open_parquet(file) as parquet:
                for group in range(parquet.num_row_groups):
                    rows = parquet.read_row_group(group, columns=_COLUMNS)
                    asked = asked or _any_wanted(rows, wanted)
                    for each in rows["system"].value_counts().to_pylist():
                        counts[each["values"] or ""] += each["counts"]
                    texts = pc.list_flatten(pc.split_pattern(rows["record"], '"'))
                    digests = texts.filter(pc.match_substring_regex(texts, _HEX64))
                    objects.update(digests.unique().to_pylist())
        except (pa.ArrowException, OSError) as error:
            raise LedgerUnreadable(f"{file.name}: {error}") from error
        if asked:
            found.append(Segment(file, counts, frozenset(objects)))
    return found


def _any_wanted(rows: pa.Table, wanted: Wanted) -> bool:
    # Not `equal`: to make a scalar pyarrow imports pandas, if it is there; that takes a second.
    of_system = pc.match_substring_regex(rows["system"], f"^{re.escape(wanted.system)}$")
    times = rows["ts"].filter(of_system).cast(pa.int64()).to_pylist()
    return any(wanted.meets(ts, ts) for ts in times)


def _said_elsewhere(layout: LogLayout, system: str, objects: Iterable[str]) -> set[str]:
    """Return the objects of the system's files, and of bundles that calls were judged by."""
    found: set[str] = set()
    for _, record in backwards(layout, "system"):
        if record.get("system") == system:
            found |= {record[key] for key in ("digest", "contract") if key in record}
    bundles = set(objects)
    for _, record in backwards(layout, "policy"):
        if record.get("new") in bundles and "object" in record:
            found.add(record["object"])
    return {each for each in found if HEX64.fullmatch(str(each))}


def _records(layout: LogLayout, spans: set[tuple[int, int]], files: Container[str]) -> list[tuple[int, str]]:
    """Return by number all prune entries, seal entries of exported segments, shred entries of their files."""
    found = [(seq, record) for seq, record, _ in stored(layout, "prune")]
    found += [
        (seq, record)
        for seq, record, seal in stored(layout, "seal")
        if (seal["first"], seal["last"]) in spans
    ]
    found += [(seq, record) for seq, record, shred in stored(layout, "shred") if shred.get("path") in files]
    return sorted(found)


def _iso(ts: int | None) -> str:
    return "" if ts is None else datetime.fromtimestamp(ts / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
