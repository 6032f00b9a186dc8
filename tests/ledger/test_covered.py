# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting for a checkpoint to cover an entry: many waiters, one wake-up, and nobody is kept in vain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import samples, witnessed
from ombud_ledger import Ledger, LedgerUnavailable
from ombud_ledger.covering import Reached
from ombud_ledger.tlog.witness_memory import WitnessMemory

SECONDS = 20.0


async def turns(count: int = 3) -> None:
    """Let other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_size_wakes_all_that_it_covers_in_one_go() -> None:
    """Whoever it covers goes on; the others wait on; the loop is woken once."""

    async def run() -> None:
        reached = Reached(2)
        woken: list[int] = []
        loop = asyncio.get_running_loop()
        call = loop.call_soon_threadsafe

        def counted(*given: object) -> asyncio.Handle:
            woken.append(len(given[1]))  # type: ignore[arg-type]
            return call(*given)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign,assignment]
        assert await reached.covers(1) == 2
        waiting = [asyncio.ensure_future(reached.covers(seq)) for seq in (2, 3, 4, 9)]
        await turns()
        reached.tell(5)
        assert await asyncio.gather(*waiting[:3]) == [5, 5, 5]
        assert (woken, waiting[3].done(), reached.size) == ([3], False, 5)
        reached.tell(4)
        assert reached.size == 5
        reached.end("closed")
        with pytest.raises(LedgerUnavailable, match="closed"):
            await waiting[3]
        with pytest.raises(LedgerUnavailable, match="closed"):
            await reached.covers(7)
        assert await reached.covers(4) == 5

    asyncio.run(run())


def test_who_stops_waiting_is_forgotten() -> None:
    """While no checkpoint comes, waits that run out leave nothing behind."""

    async def run() -> None:
        reached = Reached()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reached.covers(0), 0.001)
        assert not reached._waiting

    asyncio.run(run())


def open_signed(folder: Path, pace: float) -> Ledger:
    """Open a log that publishes by itself, not often."""
    options = replace(samples.QUIET, publish_automatically=True, publish_seconds=pace, publish_hurried=0.01)
    return samples.open_log(folder, signers=[samples.KEY], options=options)


def test_who_waits_hurries_the_publisher(tmp_path: Path) -> None:
    """With an hour between checkpoints, one comes at once where somebody waits, and only there."""

    async def run() -> None:
        ledger = open_signed(tmp_path, 3_600.0)
        try:
            for number in range(3):
                position = await ledger.append("decision", samples.decision(number))
                async with asyncio.timeout(SECONDS):
                    size = await ledger.covered(position.seq)
                assert ledger.signed_size == size == position.seq + 1
            await ledger.append("decision", samples.decision(9))
            assert ledger.signed_size == size
        finally:
            await asyncio.to_thread(ledger.close)
        assert await ledger.covered(position.seq + 1) > position.seq + 1  # closing has published it

    asyncio.run(run())


def test_many_wait_for_one_checkpoint(tmp_path: Path) -> None:
    """A thousand that wait at once are all covered, by few checkpoints."""

    async def one(ledger: Ledger, number: int) -> int:
        position = await ledger.append("decision", samples.decision(number))
        return await ledger.covered(position.seq)

    async def run() -> None:
        ledger = open_signed(tmp_path, 3_600.0)
        try:
            async with asyncio.timeout(SECONDS):
                sizes = await asyncio.gather(*(one(ledger, number) for number in range(1_000)))
            assert len(set(sizes)) < 100
        finally:
            await asyncio.to_thread(ledger.close)

    asyncio.run(run())


def test_witnessed_is_more_than_signed(tmp_path: Path) -> None:
    """While only one of two witnesses has cosigned, the wait goes on; the second one's line ends it."""

    async def run() -> None:
        stub = witnessed.Stub(lambda _: (503, "text/plain", b""))
        with (
            witnessed.serving(stub) as dead,
            witnessed.served(witnessed.make_witness(WitnessMemory(tmp_path / "w1"))) as first,
        ):
            log = witnessed.Log(tmp_path / "log", witnessed.at(first, dead))
            try:
                position = await log.ledger.append("decision", samples.decision(1))
                waiting = asyncio.ensure_future(log.ledger.covered(position.seq, witnessed=True))
                await asyncio.to_thread(log.ledger.publish)
                await asyncio.to_thread(log.ledger.ask_witnesses)
                assert await log.ledger.covered(position.seq) == position.seq + 1
                await turns()
                assert not waiting.done()
                second = witnessed.make_witness(WitnessMemory(tmp_path / "w2"), witnessed.OTHER_KEY)

                def answer(body: bytes) -> tuple[int, str, bytes]:
                    given = second.add_checkpoint(body)
                    return given.status, "text/plain", given.body

                stub.answer = answer
                witnessing = log.ledger._signing.witnessing
                assert witnessing is not None
                witnessing._monotonic = lambda: 1e12  # whoever failed is due again
                await asyncio.to_thread(log.ledger.ask_witnesses)
                async with asyncio.timeout(SECONDS):
                    assert await waiting == position.seq + 1
            finally:
                await asyncio.to_thread(log.ledger.close)

    asyncio.run(run())


def test_what_will_never_come_is_not_waited_for(tmp_path: Path) -> None:
    """An unsigned log, a log without witnesses, a log that closes: the wait ends, and it is said why."""

    async def run() -> None:
        unsigned = samples.open_log(tmp_path / "unsigned")
        with pytest.raises(LedgerUnavailable, match="is not signed"):
            await unsigned.covered(0)
        await asyncio.to_thread(unsigned.close)
        signed = samples.open_log(tmp_path / "signed", signers=[samples.KEY])
        with pytest.raises(LedgerUnavailable, match="has no witnesses"):
            await signed.covered(0, witnessed=True)
        never = asyncio.ensure_future(signed.covered(99))
        await turns()
        await asyncio.to_thread(signed.close)
        with pytest.raises(LedgerUnavailable, match="is closed"):
            await never

    asyncio.run(run())
