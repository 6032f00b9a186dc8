# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Entries about one call, found by its id in sealed files and the tail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger import LedgerUnreadable, by_id
from ombud_ledger.layout import log_layout

START = 1_760_000_000_000_000
HOUR = 3_600_000_000


def uuid7(micros: int, tail: str = "7000-8000-000000000001") -> str:
    """Return an id that was drawn then."""
    text = f"{micros // 1_000:012x}"
    return f"{text[:8]}-{text[8:]}-{tail}"


def test_all_entries_of_a_call_in_order(tmp_path: Path) -> None:
    """Sealed and hot, parts of a stream, a review days later; no entry of an id that only begins alike."""
    call = uuid7(START)
    placed = []
    for day in range(3):
        ledger = samples.open_log(tmp_path, start=START + day * 24 * HOUR)
        ledger.append_blocking("decision", {"id": uuid7(START + day * 24 * HOUR, "7000-8000-00000000000f")})
        ledger.append_blocking("decision", {"id": f"{call}9"})
        ledger.append_blocking("decision", {"id": f"{call}-1", "of": {"id": call}})
        name = (f"{call}.1", call, f"{call}.20")[day]
        placed.append(ledger.append_blocking("review" if day else "outcome", {"id": name}).seq)
        if day < 2:
            ledger.seal_blocking()
        found = ledger.entries_of(call, 10)
        assert [seq for seq, _, _ in found] == placed
        assert [ledger.entry(seq) for seq in placed] == [tuple(each) for each in found]
        ledger.close()
    layout = log_layout(tmp_path, "r-0")
    assert [each.seq for each in by_id.entries_of(layout, call, 2)] == placed[:2]
    assert json.loads(by_id.entries_of(layout, f"{call}.1", 9)[0].record)["kind"] == "outcome"
    assert by_id.entries_of(layout, "none", 9) == []


def test_files_from_before_the_id_are_read_only_if_nothing_was_found(tmp_path: Path) -> None:
    """A clock set back by more than the margin hides nothing: the search goes on through all files."""
    early, late = uuid7(START), uuid7(START + 30 * HOUR)
    recent = uuid7(START + 30 * HOUR, "7000-8000-000000000002")
    for hours, ids in ((0, [late]), (10, [early]), (30, [recent])):
        ledger = samples.open_log(tmp_path, start=START + hours * HOUR)
        for each in ids:
            ledger.append_blocking("decision", {"id": each})
        ledger.seal_blocking()
        ledger.close()
    layout = log_layout(tmp_path, "r-0")
    (found,) = by_id.entries_of(layout, late, 9)
    assert json.loads(found.record)["ts"] < START + HOUR
    assert len(by_id.entries_of(layout, early, 9)) == len(by_id.entries_of(layout, recent, 9)) == 1
    layout.entries_files()[0].path.write_bytes(b"no Parquet")
    assert len(by_id.entries_of(layout, recent, 9)) == 1
    with pytest.raises(LedgerUnreadable, match="cannot be read"):
        by_id.entries_of(layout, late, 9)


@pytest.mark.parametrize("call", ["", "a" * 129, "a b", 'a"', "ä", "a\n"])
def test_what_is_no_id_is_refused(tmp_path: Path, call: str) -> None:
    """An id is bounded, and of characters that JSON and patterns leave as they are."""
    with pytest.raises(ValueError, match="must match"):
        by_id.entries_of(log_layout(tmp_path, "r-0"), call, 1)
