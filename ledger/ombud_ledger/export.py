# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Export: an evidence folder for an auditor or authority, of whole segments, that verifies by itself."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ombud_ledger.canonical import JSON
from ombud_ledger.durable import create_private, make_folder, sync_folder
from ombud_ledger.errors import LedgerUnavailable, LedgerUnreadable
from ombud_ledger.export_texts import readme, sql_files
from ombud_ledger.exported import EXPORT, FORMAT, parse_export
from ombud_ledger.facts import Facts
from ombud_ledger.latest import backwards
from ombud_ledger.layout import LogLayout, SealedFile, objects_folder
from ombud_ledger.ledger import Ledger
from ombud_ledger.opened import open_parquet
from ombud_ledger.place import Place
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import snapshot

MANIFEST: Final = "MANIFEST"
_HEX64: Final = re.compile(r'"([0-9a-f]{64})"')
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
class Exported:
    """An evidence folder: `digest` is that of its MANIFEST, `counts` the entries in it by system."""

    folder: Path
    digest: str
    files: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment with entries that are asked for; `objects` are digests its records mention."""

    file: SealedFile
    counts: Counter[str]
    objects: frozenset[str]


def export(
    ledgers: Sequence[Ledger], wanted: Wanted, out: Path, *, by: str, recipient: str = "", reason: str = ""
) -> Exported | None:
    """Write the folder `out` from open logs of one ledger; None, and nothing written, if no entry matches.

    The unsealed tail is sealed first. Raises FileExistsError, LedgerError, OSError.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already, and nothing is overwritten")
    place = ledgers[0].place
    # 1. Seal the tail and let a checkpoint cover it, so that all there is lies in whole segments.
    for ledger in ledgers:
        ledger.demand_key()
        ledger.seal_blocking()
        ledger.publish()
    chosen = {ledger.log: _segments(place.layout(ledger.log), wanted) for ledger in ledgers}
    concerned = [ledger for ledger in ledgers if chosen[ledger.log]]
    if not concerned:
        return None
    # 2. Write everything beside the place it will have. A crash leaves a folder of another name.
    staging = out.with_name(f".{out.name}.{os.getpid()}.partial")
    make_folder(staging.absolute().parent)
    try:
        staging.mkdir(mode=0o700)
        writer = _Folder(staging)
        counts = _write(writer, place, concerned, chosen, wanted, by=by, recipient=recipient)
        digest, files = writer.finish()
        # 3. Record the disclosure in each log that is part of it. From here on the logs say it happened; a
        #    crash before the next step leaves a folder that nobody was given under its name.
        body = _disclosure(wanted, digest, by=by, recipient=recipient)
        for ledger in concerned:
            facts = Facts(None, {}, {"reason": reason}) if reason else None
            ledger.append_blocking("report", body, facts)
            ledger.publish()
        # 4. Its name.
        staging.rename(out)
        sync_folder(out.absolute().parent)
    except OSError as error:
        raise LedgerUnavailable(f"{out}: could not be written: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Exported(out, digest, files, counts)


class _Folder:
    """Writes files for their owner alone, durable, and notes what they hash to."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[str, str] = {}

    def put(self, name: str, data: bytes) -> None:
        path = self._root / name
        make_folder(path.parent)
        with os.fdopen(create_private(path), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
        self._digests[name] = sha256(data).hexdigest()

    def copy(self, name: str, source: Path) -> str:
        # A sealed file has at most some hundred megabytes; all else is small.
        data = source.read_bytes()
        self.put(name, data)
        return self._digests[name]

    def finish(self) -> tuple[str, int]:
        """Write the manifest, as `sha256sum -c` reads it; return its digest and how many files it names."""
        lines = "".join(f"{self._digests[name]}  {name}\n" for name in sorted(self._digests))
        self.put(MANIFEST, lines.encode())
        return self._digests[MANIFEST], len(self._digests) - 1


def _write(
    folder: _Folder,
    place: Place,
    ledgers: Sequence[Ledger],
    chosen: dict[str, list[_Segment]],
    wanted: Wanted,
    *,
    by: str,
    recipient: str,
) -> dict[str, int]:
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
            folder.copy(f"objects/{digest}", objects_folder(place.root) / digest)
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
    folder: _Folder, layout: LogLayout, ledger: Ledger, segments: Sequence[_Segment], wanted: Wanted
) -> dict[str, Any]:
    spans = {(each.file.first, each.file.last) for each in segments}
    files = [each.file for each in segments]
    if wanted.facts:
        files += [each for each in layout.facts_files() if (each.first, each.last) in spans]
    if wanted.payloads:
        files += [each for each in layout.payload_files() if (each.first, each.last) in spans]
    digests = {each.name: folder.copy(f"logs/{ledger.log}/{each.name}", each.at_hand()) for each in files}
    for path in sorted(layout.pub.rglob("*")):
        if path.is_file() and path.suffix != ".tmp":
            folder.copy(f"logs/{ledger.log}/pub/{path.relative_to(layout.pub)}", path)
    head = ledger.head
    return {
        "origin": ledger.origin,
        "size": head.size,
        "head": head.chain.hex(),
        "segments": [
            {
                "first": each.file.first,
                "last": each.file.last,
                "before": _chain_before(layout, each.file.first, ledger.origin),
                "entries_by_system": dict(sorted(each.counts.items())),
            }
            for each in segments
        ],
        "files": digests,
        "records": [{"seq": seq, "record": record} for seq, record in _records(layout, spans, digests)],
    }


def _segments(layout: LogLayout, wanted: Wanted) -> list[_Segment]:
    found = []
    for file in layout.entries_files():
        away = file.away()
        if away is not None and not wanted.meets(away.oldest, away.newest):
            continue
        try:
            with open_parquet(file) as parquet:
                rows = parquet.read(columns=_COLUMNS)
        except (pa.ArrowException, OSError) as error:
            raise LedgerUnreadable(f"{file.name}: {error}") from error
        systems = rows["system"].to_pylist()
        times = rows["ts"].cast(pa.int64()).to_pylist()
        if any(
            system == wanted.system
            and (wanted.begin is None or ts >= wanted.begin)
            and (wanted.end is None or ts < wanted.end)
            for system, ts in zip(systems, times, strict=True)
        ):
            objects = frozenset(each for text in rows["record"].to_pylist() for each in _HEX64.findall(text))
            found.append(_Segment(file, Counter(system or "" for system in systems), objects))
    return found


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
    return {each for each in found if re.fullmatch("[0-9a-f]{64}", str(each))}


def _records(layout: LogLayout, spans: set[tuple[int, int]], files: Container[str]) -> list[tuple[int, str]]:
    """Return by number all prune entries, seal entries of exported segments, shred entries of their files."""
    wanted = [seq for seq, _ in backwards(layout, "prune")]
    wanted += [seq for seq, seal in backwards(layout, "seal") if (seal["first"], seal["last"]) in spans]
    wanted += [seq for seq, shred in backwards(layout, "shred") if shred.get("path") in files]
    with snapshot(layout) as shot:
        return [
            (each.seq, each.record.decode()) for seq in sorted(wanted) for each in stretch(shot, seq, seq + 1)
        ]


def _chain_before(layout: LogLayout, first: int, origin: str) -> str:
    from ombud_ledger.hashing import chain_start
    from ombud_ledger.pruned import newest_prune

    if first == 0:
        return chain_start(origin).hex()
    with snapshot(layout) as shot:
        before = next(stretch(shot, first - 1, first), None)
    if before is not None:
        return before.chain.hex()
    prune = newest_prune(layout)
    if prune is None or prune.before != first:
        raise LedgerUnreadable(f"{layout.folder.name}: entry {first - 1} is missing")
    return prune.chain


def _disclosure(wanted: Wanted, digest: str, *, by: str, recipient: str) -> dict[str, JSON]:
    body: dict[str, JSON] = {"event": "disclosed", "system": wanted.system, "digest": digest, "by": by}
    if wanted.begin is not None:
        body["from"] = wanted.begin
    if wanted.end is not None:
        body["to"] = wanted.end
    if recipient:
        body["recipient"] = recipient
    return body


def _iso(ts: int | None) -> str:
    return "" if ts is None else datetime.fromtimestamp(ts / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
