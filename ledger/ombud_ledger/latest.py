# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find the newest record of a kind in one log, from the tail backwards."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ombud_ledger import hot
from ombud_ledger.layout import LogLayout


def latest(layout: LogLayout, kind: str, where: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest record of `kind` whose top-level fields equal `where`, or None."""
    for record in _backwards(layout, kind):
        if record.get("kind") == kind and all(record.get(key) == value for key, value in where.items()):
            return record
    return None


def _backwards(layout: LogLayout, kind: str) -> Iterator[dict[str, Any]]:
    mark = f'"kind":"{kind}"'.encode()  # may also match inside a nested object: the caller looks again
    sealed = layout.entries_files()
    end = sealed[-1].last if sealed else -1
    for file in reversed(layout.hot_files()):
        with hot.reading(file.path) as db:
            cursor = db.execute("SELECT record FROM entries WHERE seq > ? ORDER BY seq DESC", (end,))
            for (record,) in cursor:
                if mark in record:
                    yield json.loads(record)
    if not sealed:
        return
    import pyarrow.compute as pc  # here: a process that only appends does without Arrow
    import pyarrow.parquet as pq

    for sealed_file in reversed(sealed):
        with pq.ParquetFile(sealed_file.path) as parquet:
            for group in reversed(range(parquet.num_row_groups)):
                kinds = parquet.read_row_group(group, columns=["kind"])["kind"]
                # Not `equal`: to make a scalar pyarrow imports pandas, if it is there; that takes a second.
                mine = pc.match_substring(kinds, kind)
                if not pc.any(mine).as_py():
                    continue
                table = parquet.read_row_group(group, columns=["record"])
                records = table.filter(mine)["record"].to_pylist()
                yield from (json.loads(record) for record in reversed(records))
