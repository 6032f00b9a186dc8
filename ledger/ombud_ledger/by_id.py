# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find all entries about one call, reading of sealed files the few row groups that may hold any."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from ombud_ledger import hot
from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.records import Stored

CALL_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
MARGIN: Final = 3_600 * 1_000_000
"""Microseconds that a clock may be set back between the drawing of an id and the first entry about it."""
_VERSION_7: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-.*")
_HOT: Final = "SELECT seq, record, chain FROM entries WHERE instr(record, ?) ORDER BY seq"


def entries_of(layout: LogLayout, call: str, most: int) -> list[Stored]:
    """Return the first `most` entries whose `id` is that of a call, or of a part of it, `<id>.<n>`; in order.

    An id that is a UUID of version 7 begins with its time, so nothing about it is older. Reading therefore
    ends at the first file that ends `MARGIN` before that, unless nothing was found by then. A file elsewhere
    is fetched where its stub leaves room for the id. Raises ValueError for what is no id, LedgerUnreadable.
    """
    if not CALL_ID.fullmatch(call):
        raise ValueError(f"must match {CALL_ID.pattern}")
    # 1. The hot tail first: what is sealed meanwhile is then seen twice, never missed.
    tail = list(_in_tail(layout, call))
    sealed = layout.entries_files()
    found = [each for each in tail if not sealed or each.seq > sealed[-1].last]
    # 2. Sealed files, the newest first: `ts` never goes back.
    oldest = _drawn(call) - MARGIN
    for file in reversed(sealed):
        newest, stored = _in_file(file, call)
        found = stored + found
        if found and newest < oldest:
            break
    return list(islice(found, most))


def _drawn(call: str) -> int:
    """Return when an id was drawn, microseconds UTC; 0 where it does not say."""
    match = _VERSION_7.fullmatch(call)
    return int(match[1] + match[2], 16) * 1_000 if match else 0


def _in_tail(layout: LogLayout, call: str) -> Iterator[Stored]:
    for file in layout.hot_files():
        with hot.reading(file.path) as db:
            for seq, record, chain in db.execute(_HOT, (f'"id":"{call}'.encode(),)):
                # The text may be that of another key, or of a longer id.
                if _is_of(str(parse(record, limit=MAX_RECORD).get("id")), call):
                    yield Stored(seq, record, chain)


def _in_file(file: SealedFile, call: str) -> tuple[int, list[Stored]]:
    """Return the time of the file's newest entry, and what it holds about the call."""
    away = file.away()
    if away is not None and not away.may_name("id", *_span(call)):
        return away.newest, []

    import pyarrow as pa  # here: a process that only appends does without Arrow
    import pyarrow.compute as pc

    found: list[Stored] = []
    newest = 0
    try:
        with open_parquet(file) as parquet:
            columns = {name: at for at, name in enumerate(parquet.schema_arrow.names)}
            for group in range(parquet.num_row_groups):
                about = parquet.metadata.row_group(group)
                newest = max(newest, _newest(about, columns["ts"]))
                if not _may_hold(about, columns["id"], call):
                    continue
                ids = parquet.read_row_group(group, columns=["id"], use_threads=False)["id"]
                wanted = pc.match_substring_regex(ids, rf"^{re.escape(call)}(\..*)?$")
                if pc.any(wanted).as_py():
                    rows = parquet.read_row_group(group, columns=["seq", "record", "chain"])
                    found += [
                        Stored(row["seq"], row["record"].encode(), row["chain"])
                        for row in rows.filter(wanted).to_pylist()
                    ]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise LedgerUnreadable(f"{file.name}: cannot be read: {error}") from error
    return newest, found


def _newest(group: Any, column: int) -> int:
    said = group.column(column).statistics
    return (1 << 63) if said is None or not said.has_min_max else int(said.max_raw)


def _may_hold(group: Any, column: int, call: str) -> bool:
    """Say whether a row group may hold an id, by the least and the greatest in it."""
    said = group.column(column).statistics
    if said is None:
        return True
    if not said.has_min_max:
        return bool(said.null_count < group.num_rows)
    low, high = _span(call)
    return bool(said.min <= high and said.max >= low)


def _span(call: str) -> tuple[str, str]:
    """Return between which ids those of a call and of its parts are."""
    return call, f"{call}/"  # the parts sort behind it, and before what follows the point in ASCII


def _is_of(found: str, call: str) -> bool:
    return found == call or found.startswith(f"{call}.")
