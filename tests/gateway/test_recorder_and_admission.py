# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is counted rather than recorded, and how many calls are let in at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.scene import scene, until
from ombud_gateway.admission import Admission
from ombud_gateway.errors import Overloaded
from ombud_gateway.recorder import Recorder


def test_counts_become_one_entry(tmp_path: Path) -> None:
    """However many refusals there were, they are one entry; without any there is none."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            start = one.now[0]
            await one.recorder.flush_refused()
            for number in range(1_000):
                one.recorder.count("OVERLOADED" if number % 4 else "UNAUTHENTICATED")
            one.now[0] += 500
            await one.recorder.flush_refused()
            await one.recorder.flush_refused()
            assert one.records("refused") == [
                {
                    "kind": "refused",
                    "counts": {"overloaded": 750, "unauthenticated": 250},
                    "from_ts": start,
                    "to_ts": start + 500,
                }
            ]

    asyncio.run(run())


def test_at_most_one_entry_a_second(tmp_path: Path) -> None:
    """While a flood lasts the recorder writes once per interval, however often it is asked to count."""
    naps: list[float] = []
    turn = asyncio.Event()

    async def pause(seconds: float) -> None:
        naps.append(seconds)
        await turn.wait()
        turn.clear()

    async def run() -> None:
        async with scene(tmp_path) as one:
            recorder = Recorder(one.ledger, lambda: one.now[0], pause=pause)
            running = asyncio.ensure_future(recorder.run())
            await until(lambda: bool(naps))
            for _ in range(3):
                for _ in range(100):
                    recorder.count("OVERLOADED")
                before = len(naps)
                turn.set()
                await until(lambda: len(naps) > before)  # noqa: B023 - awaited at once
            running.cancel()
            assert [entry["counts"] for entry in one.records("refused")] == [{"overloaded": 100}] * 3
            assert set(naps) == {1.0}

    asyncio.run(run())


def test_counts_outlast_a_ledger_that_is_down(tmp_path: Path) -> None:
    """What could not be written is added to what follows, from the moment of the first."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            start = one.now[0]
            one.recorder.count("OVERLOADED")
            one.disk.full = True
            await one.recorder.flush_refused()
            one.now[0] += 7
            one.recorder.count("UNAUTHENTICATED")
            one.disk.full = False
            await until(lambda: one.ledger.state == "serving")
            await one.recorder.flush_refused()
            assert one.records("refused") == [
                {
                    "kind": "refused",
                    "counts": {"overloaded": 1, "unauthenticated": 1},
                    "from_ts": start,
                    "to_ts": start + 7,
                }
            ]

    asyncio.run(run())


def test_drain_waits_for_records_under_way(tmp_path: Path) -> None:
    """Draining finishes what callers left behind, what that starts in turn, and the counts."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            done: list[str] = []

            async def first(recorder: Recorder) -> None:
                await asyncio.sleep(0)
                recorder.later(second())
                done.append("first")

            async def second() -> None:
                await asyncio.sleep(0)
                done.append("second")

            async def fails() -> None:
                raise RuntimeError("told to the log by whoever raised it")

            one.recorder.later(first(one.recorder))
            one.recorder.later(fails())
            one.recorder.count("OVERLOADED")
            await one.recorder.drain()
            assert done == ["first", "second"]
            assert len(one.records("refused")) == 1

    asyncio.run(run())


async def enter(admission: Admission, order: list[int], number: int, leave: asyncio.Event) -> None:
    """Come in, note the order, stay until told to leave."""
    async with admission:
        order.append(number)
        await leave.wait()


def test_exact_limit() -> None:
    """So many calls at once, so many waiting, and not one more."""

    async def run() -> None:
        admission, order, leave = Admission(3, 2), list[int](), asyncio.Event()
        tasks = [asyncio.create_task(enter(admission, order, number, leave)) for number in range(5)]
        await asyncio.sleep(0)
        assert (admission.active, admission.waiting, order) == (3, 2, [0, 1, 2])
        with pytest.raises(Overloaded, match="the gateway is at its limit of calls in flight and waiting"):
            await enter(admission, order, 5, leave)
        leave.set()
        await asyncio.gather(*tasks)
        assert (admission.active, admission.waiting, order) == (0, 0, [0, 1, 2, 3, 4])

    asyncio.run(run())


def test_first_come_first_served() -> None:
    """Those who wait come in by the order of their arrival, before those who come later."""

    async def run() -> None:
        admission, order = Admission(1, 100), list[int]()
        leave = [asyncio.Event() for _ in range(20)]
        tasks = [asyncio.create_task(enter(admission, order, number, leave[number])) for number in range(20)]
        for number in range(20):
            await until(lambda: bool(order) and order[-1] == number)  # noqa: B023 - awaited at once
            leave[number].set()
        await asyncio.gather(*tasks)
        assert order == list(range(20))

    asyncio.run(run())


def test_leaving_the_queue_makes_room() -> None:
    """A caller cancelled while it waits gives its place in the queue, and takes no place in flight."""

    async def run() -> None:
        admission, order, leave = Admission(1, 1), list[int](), asyncio.Event()
        first = asyncio.create_task(enter(admission, order, 0, leave))
        waiting = asyncio.create_task(enter(admission, order, 1, leave))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (admission.active, admission.waiting) == (1, 0)
        third = asyncio.create_task(enter(admission, order, 2, leave))
        leave.set()
        await asyncio.gather(first, third)
        assert (admission.active, admission.waiting, order) == (0, 0, [0, 2])

    asyncio.run(run())


def test_a_failing_call_gives_its_place_back() -> None:
    """Whatever ends a call, its place is free afterwards."""

    async def run() -> None:
        admission = Admission(1, 0)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="failed"):
                async with admission:
                    raise RuntimeError("failed")
        async with admission:
            assert admission.active == 1

    asyncio.run(run())
