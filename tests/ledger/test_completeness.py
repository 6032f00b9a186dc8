# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a log was always there: told apart from whether what it holds is true."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import retained, samples
from ombud_ledger import Completeness, Ledger, Options, verify
from ombud_ledger.account import Pause
from ombud_ledger.completeness import _Reading

HOUR = 3_600_000_000
START = 1_700_000_000_000_000


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        """Return the time, microseconds UTC."""
        return self.now


def open_log(root: Path, clock: Callable[[], int]) -> Ledger:
    """Open a log that promises to beat every hour, but seals in months."""
    options = Options(publish_automatically=False, beat_seconds=3_600, segment_age=1e9)
    return Ledger.open(root, log="r-0", origin=samples.ORIGIN, clock=clock, options=options)


@pytest.mark.parametrize("sealed", [False, True])
def test_closed_is_no_break(tmp_path: Path, sealed: bool) -> None:
    """A log that said that it closes may be away for as long as it likes."""
    clock = Clock()
    for _ in range(2):
        ledger = open_log(tmp_path, clock)
        samples.fill(ledger, 3)
        ledger.close(seal=sealed)
        clock.now += 100 * HOUR
    said = samples.completeness_of(samples.assert_sound(tmp_path))
    (pause,) = said.pauses
    assert (said.unbroken, said.openings, said.closed_seconds) == (True, 2, 360_000)
    assert (pause.why, pause.to_ts - pause.from_ts) == ("closed", 100 * HOUR)


@pytest.mark.parametrize("sealed", [False, True])
def test_silence_shows(tmp_path: Path, sealed: bool) -> None:
    """An open log that was silent for longer than it promised was not there, whatever it says."""
    clock = Clock()
    ledger = open_log(tmp_path, clock)
    ledger.append_blocking("label", {"id": "before"})
    ledger._closing.set()  # its keeper, who beats, has stopped, as in a machine put to sleep
    ledger._upkeep._keeper.join()
    clock.now += 3 * HOUR
    ledger.append_blocking("label", {"id": "after"})
    ledger._closing.clear()
    ledger.close(seal=sealed)
    said = samples.completeness_of(samples.assert_sound(tmp_path))
    assert (said.unbroken, said.silences) == (False, 1)
    assert [(pause.why, pause.after) for pause in said.pauses] == [("silent", 1)]


def test_nothing_is_found_across_a_hole(tmp_path: Path) -> None:
    """Where entries are missing, a time longer than between two beats is no silence, and is counted apart."""
    clock = Clock()
    ledger = open_log(tmp_path, clock)
    ledger._closing.set()
    ledger._upkeep._keeper.join()
    for number in range(4):
        samples.fill(ledger, 3, start=number * 10)
        ledger.seal_blocking()
        clock.now += HOUR * 9 // 10
    ledger._closing.clear()
    ledger.close()
    assert samples.completeness_of(samples.assert_sound(tmp_path)) == Completeness(openings=1)
    files = sorted((tmp_path / "logs" / "r-0" / "entries").glob("*"))
    files[1].unlink()
    account = verify(tmp_path)
    assert account.exit_code == 3
    assert samples.completeness_of(account) == Completeness(openings=1, holes=1)


def test_a_pruned_log_invents_nothing(tmp_path: Path) -> None:
    """The first entry left is no genesis: its time is not counted from nowhere; what it says still counts."""
    retained.record(tmp_path)
    whole = samples.completeness_of(samples.assert_sound(tmp_path))
    retained.prune(tmp_path)
    said = samples.completeness_of(samples.assert_sound(tmp_path))
    assert (said.unbroken, said.crashes, said.silences, said.holes) == (True, 0, 0, 1)
    assert (said.openings, whole.openings, whole.holes) == (3, 4, 0)
    assert {pause.from_ts >= retained.us("2024-01-01") for pause in said.pauses} == {True}


def test_a_crash_that_is_said_after_a_hole() -> None:
    """An opening that finds no close counts; since when the log was away is not known, so no time is told."""
    reading = _Reading()
    reading.follow(7, START, "boot", {"clean": False})
    assert reading.found == Completeness(
        unbroken=False, holes=1, openings=1, crashes=1, pauses=[Pause("crashed", 6, START, START)]
    )


def test_without_a_promise_silence_means_nothing(tmp_path: Path) -> None:
    """A log whose writer promised no beat is taken as it is."""
    clock = Clock()
    options = Options(seal_automatically=False, publish_automatically=False)
    ledger = Ledger.open(tmp_path, log="r-0", origin=samples.ORIGIN, clock=clock, options=options)
    clock.now += 100 * HOUR
    ledger.close()
    assert samples.completeness_of(samples.assert_sound(tmp_path)) == Completeness(openings=1)
