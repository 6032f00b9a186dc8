# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read what the logs of a ledger say of incidents and requests: each has entries that share an `id`."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.batches import readable
from ombud_ledger.cases import facts_of
from ombud_ledger.layout import SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.place import Place, place_of
from ombud_ledger.snapshot import Snapshot, snapshot


class Stated(NamedTuple):
    """One entry; `facts` are None where there were none, or where they are erased or pruned."""

    log: str
    seq: int
    record: dict[str, Any]
    facts: dict[str, Any] | None


def stated(root: Path | Place, kind: str, matter: str | None = None) -> list[Stated]:
    """Return all entries of a kind, or those of one `id`, of every log of a ledger, the oldest first.

    For kinds that are few: each row group that holds one is read. Raises LedgerUnreadable.
    """
    found = []
    place = place_of(root)
    for log in place.logs():
        with snapshot(place.layout(log)) as shot:
            for file in shot.entries:
                found += [Stated(log, *each) for each in _sealed(shot, file, kind, matter)]
            found += [Stated(log, *each) for each in _hot(shot, kind, matter)]
    return sorted(found, key=lambda each: (each.record["ts"], each.log, each.seq))


_Entry = tuple[int, dict[str, Any], dict[str, Any] | None]


def _sealed(shot: Snapshot, file: SealedFile, kind: str, matter: str | None) -> Iterator[_Entry]:
    away = file.away()
    if away is not None and kind not in away.kinds:
        return
    if away is not None and matter is not None and not away.may_name("id", matter, matter):
        return
    wanted = [("kind", pa.array([kind], pa.string()))]
    if matter is not None:
        wanted.append(("id", pa.array([matter], pa.string())))
    with readable(file.path), open_parquet(file, page_checksum_verification=True) as parquet:
        for group in range(parquet.num_row_groups):
            named = parquet.read_row_group(group, columns=[name for name, _ in wanted], use_threads=False)
            here = reduce(pc.and_, (pc.is_in(named[name], value_set=value) for name, value in wanted))
            if pc.any(here).as_py():
                rows = parquet.read_row_group(group, columns=["seq", "record"], use_threads=False)
                held = rows.filter(here).to_pylist()
                facts = facts_of(shot, file, [row["seq"] for row in held])
                for row in held:
                    text = facts.get(row["seq"])
                    yield row["seq"], orjson.loads(row["record"]), orjson.loads(text) if text else None


def _hot(shot: Snapshot, kind: str, matter: str | None) -> Iterator[_Entry]:
    mark = f'"kind":"{kind}"'.encode()
    for row in shot.rows():
        if mark in row.record:
            record = orjson.loads(row.record)
            if record["kind"] == kind and matter in (None, record.get("id")):
                yield row.seq, record, None if row.facts is None else orjson.loads(row.facts)
