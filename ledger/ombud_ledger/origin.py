# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whose log it is: what its genesis entry says or, where that was pruned, its newest prune entry."""

from pathlib import Path

from ombud_ledger.canonical import MAX_RECORD, parse
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import LogLayout
from ombud_ledger.place import Place, place_of
from ombud_ledger.pruned import newest_prune
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import Snapshot, snapshot


def origin_of(layout: LogLayout) -> str:
    """Return a log's origin. Raises LedgerUnreadable, LedgerBroken."""
    with snapshot(layout) as shot:
        genesis = _genesis(shot)
    if genesis is not None:
        return str(parse(genesis, limit=MAX_RECORD).get("origin", ""))
    prune = newest_prune(layout)
    if prune is None or not prune.before:
        raise LedgerUnreadable(f"{layout.folder.name}: entry 0 is missing, and no prune entry says why")
    return prune.origin


def _genesis(shot: Snapshot) -> bytes | None:
    said = shot.entries[0].away() if shot.entries else None
    if said is not None and said.genesis is not None:
        return said.genesis
    first = next(stretch(shot, 0, 1), None)
    return None if first is None else first.record


def origins(root: Path | Place) -> dict[str, str]:
    """Return the origin of every log of a ledger, by log. Raises LedgerUnreadable, LedgerBroken."""
    place = place_of(root)
    return {name: origin_of(place.layout(name)) for name in place.logs()}
