# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Entries share a commit where their callers let them wait, and wait for nothing where they do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ledger.samples import decision, open_log
from ombud_ledger import Ledger
from ombud_ledger.pace import Pace

AGES = 3_600.0


class Clocked(asyncio.SelectorEventLoop):
    """An event loop whose time is moved by hand."""

    now = 0.0

    def time(self) -> float:
        """Return the time it was set to."""
        return self.now


class Held:
    """A writer: entries held back, and the batches they were handed over in."""

    def __init__(self, *, idle: bool = False, quick: bool = True) -> None:
        self.idle = idle
        self.quick = quick
        self.held = 0
        self.batches: list[int] = []
        self.loop = Clocked()
        self.pace = Pace(self)

    def release(self) -> None:
        """Take all."""
        self.batches.append(self.held)
        self.held = 0

    def admit(self, linger: float, company: int) -> None:
        """Hold one more."""
        self.held += 1
        self.pace.admitted(self.loop, linger, company)

    def turn(self) -> list[int]:
        """Run what is due; return the batches so far."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        return self.batches


def test_entries_of_one_turn_go_together() -> None:
    """Who may not linger is handed over at the end of the turn, with all that were made in it."""
    one = Held()
    for _ in range(3):
        one.admit(0.0, 1)
    assert one.batches == []
    assert one.turn() == [3]
    one.loop.close()


def test_an_entry_lingers_until_its_time_is_up() -> None:
    """No sooner, and only once."""
    one = Held()
    one.admit(2.0, 5)
    one.loop.now = 1.9
    assert one.turn() == []
    one.admit(2.0, 5)  # it came later, and goes with the first
    one.loop.now = 2.1
    assert one.turn() == [2]
    one.loop.now = 10.0
    assert one.turn() == [2]
    one.loop.close()


def test_enough_company_ends_the_wait() -> None:
    """The entry that is one of `company` takes all along."""
    one = Held()
    for _ in range(3):
        one.admit(AGES, 3)
    assert one.turn() == [3]
    one.admit(AGES, 3)
    assert one.turn() == [3]
    one.loop.close()


def test_one_that_cannot_wait_takes_the_others_along() -> None:
    """An entry without time ends the wait of those before it."""
    one = Held()
    one.admit(AGES, 9)
    one.admit(0.0, 1)
    assert one.turn() == [2]
    one.loop.close()


def test_an_idle_writer_begins_while_the_rest_is_made() -> None:
    """Eight are worth a commit; what comes after them in the same turn goes at its end."""
    one = Held(idle=True)
    for _ in range(11):
        one.admit(0.0, 1)
    assert one.batches == [8]
    assert one.turn() == [8, 3]
    one.loop.close()


def test_a_slow_disk_is_given_all_at_once() -> None:
    """Where a commit takes long, two half batches would take twice as long as one."""
    one = Held(idle=True, quick=False)
    for _ in range(11):
        one.admit(0.0, 1)
    assert one.turn() == [11]
    one.loop.close()


def test_an_idle_writer_waits_for_those_that_linger() -> None:
    """They said that more will come."""
    one = Held(idle=True)
    for _ in range(11):
        one.admit(AGES, 12)
    assert one.turn() == []
    one.admit(AGES, 12)
    assert one.turn() == [12]
    one.loop.close()


def test_another_loop_waits_for_nobody(tmp_path: Path) -> None:
    """A ledger may be used from several event loops, one after the other; none is left waiting."""
    ledger: Ledger = open_log(tmp_path)
    for number in range(3):
        position = asyncio.run(ledger.append("decision", decision(number)))
        assert position.seq == number + 1
    ledger.close()


def test_lingering_entries_are_durable_in_one_commit(tmp_path: Path) -> None:
    """Four callers that may wait for one another are acknowledged together, none before the fourth."""
    ledger = open_log(tmp_path)

    async def run() -> list[int]:
        first = [
            asyncio.ensure_future(ledger.append("decision", decision(number), linger=AGES, company=4))
            for number in range(3)
        ]
        await asyncio.sleep(0)
        assert ledger.size == 1
        last = await ledger.append("decision", decision(3), linger=AGES, company=4)
        return [*[position.seq for position in await asyncio.gather(*first)], last.seq]

    assert asyncio.run(run()) == [1, 2, 3, 4]
    ledger.close()
