# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find records of a kind in one log, the newest first, from the tail backwards."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ombud_ledger import hot
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.of_kinds import of_kinds
from ombud_ledger.opened import open_parquet


def latest(layout: LogLayout, kind: str, where: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest record of `kind` whose top-level fields equal `where`, or None."""
    for _, record in backwards(layout, kind):
        if all(record.get(key) == value for key, value in where.items()):
            return record
    return None


def backwards(layout: LogLayout, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (seq, record) of all entries of `kind`, the newest first; checks nothing.

    Raises LedgerUnreadable.
    """
    return ((seq, parsed) for seq, _, parsed in stored(layout, kind))


def stored(layout: LogLayout, kind: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield (seq, record as it is stored, record) likewise."""
    for seq, record in _candidates(layout, kind):
        parsed = json.loads(record)
        if parsed.get("kind") == kind:
            yield seq, record.decode(), parsed


def _candidates(layout: LogLayout, kind: str) -> Iterator[tuple[int, bytes]]:
    mark = f'"kind":"{kind}"'.encode()  # may also match inside a nested object: the caller looks again
    sealed = layout.entries_files()
    end = sealed[-1].last if sealed else -1
    for file in reversed(layout.hot_files()):
        with hot.reading(file.path) as db:
            cursor = db.execute("SELECT seq, record FROM entries WHERE seq > ? ORDER BY seq DESC", (end,))
            for seq, record in cursor:
                if mark in record:
                    yield seq, record
    if not sealed:
        return
    for sealed_file in reversed(sealed):
        yield from _sealed(sealed_file, kind)


def _sealed(file: SealedFile, kind: str) -> Iterator[tuple[int, bytes]]:
    away = file.away()
    if away is not None and kind not in away.kinds:
        return
    if away is not None and kind in away.records:
        yield from ((seq, record.encode()) for seq, record in reversed(away.records[kind]))
        return

    import pyarrow as pa  # here: a process that only appends does without Arrow

    try:
        with open_parquet(file) as parquet:
            yield from of_kinds(parquet, (kind,), newest_first=True)
    except (pa.ArrowException, OSError, KeyError, AttributeError) as error:
        raise LedgerUnreadable(f"{file.name}: cannot be read: {error}") from error
