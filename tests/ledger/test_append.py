# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Appending: what is durable on return, what is refused, and what the log says of itself."""

import asyncio
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import samples
from ombud_ledger import (
    Facts,
    Ledger,
    LedgerBroken,
    LedgerClosed,
    LedgerLocked,
    LedgerOverloaded,
    ObjectMissing,
    Options,
    OriginMismatch,
    Position,
    RecordInvalid,
    query,
)
from ombud_ledger.hashing import chain_next, chain_start, leaf_hash


def test_positions_chain(tmp_path: Path) -> None:
    """Each position's chain follows from the one before and the leaf, from the origin on."""
    ledger = samples.open_log(tmp_path)
    positions = samples.fill(ledger, 20)
    ledger.close()
    assert [position.seq for position in positions] == list(range(1, 21))
    with query.connect(tmp_path) as sql:
        stored = sql.execute("SELECT record, chain FROM entries ORDER BY seq").fetchall()
    head = chain_start(samples.ORIGIN)
    for record, chain in stored:
        head = chain_next(head, leaf_hash(record.encode()))
        assert head == chain
    assert [stored[position.seq][1] for position in positions] == [position.chain for position in positions]


def test_log_tells_of_itself(tmp_path: Path) -> None:
    """Genesis first, then a close and a boot per opening; an opening after a crash says that it is one."""
    samples.open_log(tmp_path).close()
    ledger = samples.open_log(tmp_path)
    os.close(ledger._lock._handle)  # as a killed process leaves it: no close entry, the lock gone
    ledger._closing.set()
    samples.open_log(tmp_path).close()
    with query.connect(tmp_path) as sql:
        told = sql.execute("SELECT kind, record->'$.clean' FROM entries ORDER BY seq").fetchall()
    assert told == [("genesis", None), ("close", None), ("boot", "true"), ("boot", "false"), ("close", None)]
    account = samples.assert_sound(tmp_path)
    assert samples.completeness_of(account).crashes == 1


def test_a_log_that_has_nothing_to_say_says_so(tmp_path: Path) -> None:
    """After `beat_seconds` without an entry there is one, so that silence does not look like a stop."""
    options = Options(beat_seconds=1, publish_automatically=False)
    ledger = Ledger.open(tmp_path, log="r-0", origin=samples.ORIGIN, options=options)
    give_up = time.monotonic() + 30
    while ledger.size < 3 and time.monotonic() < give_up:
        time.sleep(0.05)
    ledger.close()
    with query.connect(tmp_path) as sql:
        beats = sql.execute("SELECT count(*) FROM beats").fetchone()
        told = sql.execute("SELECT (record->>'$.beat_seconds')::INT FROM genesis").fetchone()
    assert beats is not None
    assert beats[0] >= 2
    assert told == (1,)
    samples.assert_sound(tmp_path)


@pytest.mark.parametrize(
    ("kind", "body", "facts", "reason"),
    [
        ("decison", {}, None, "not one of format 1"),
        ("decision", {"ts": 1}, None, "ts: written by the ledger"),
        ("decision", {"facts_commit": "00"}, None, "facts_commit: written by the ledger"),
        ("decision", {"id": None}, None, "id: NoneType"),
        ("decision", {"id": "x" * 1_025}, None, "at most 1024 allowed"),
        ("decision", {f"k{n}": "x" * 1_000 for n in range(17)}, None, "at most 16384 allowed"),
        ("decision", {}, Facts(None, {"a": 1.0}), "a: float"),
        ("decision", {}, Facts(None, {}, {"values": {}}), "may not hold the key"),
        ("decision", {}, Facts(None, {"a": "x" * 300_000}), "at most 262144 allowed"),
        ("decision", {}, Facts("ab" * 32, {}), "not in objects/"),
        ("decision", {}, Facts("../../etc/passwd", {}), "not a SHA-256"),
    ],
)
def test_bad_records_fail_alone(
    tmp_path: Path, kind: str, body: dict[str, Any], facts: Facts | None, reason: str
) -> None:
    """A bad record is refused to its caller only; those beside it are stored."""
    ledger = samples.open_log(tmp_path)

    async def run() -> list[Position | BaseException]:
        good = ledger.append("decision", samples.decision(1))
        bad = ledger.append(kind, body, facts)
        return list(await asyncio.gather(good, bad, return_exceptions=True))

    good, bad = asyncio.run(run())
    ledger.close()
    assert isinstance(good, Position)
    with pytest.raises(RecordInvalid, match=reason):
        raise bad if isinstance(bad, BaseException) else AssertionError(bad)
    assert samples.assert_sound(tmp_path).logs[0].size == 3


def test_full_queue_sheds(tmp_path: Path) -> None:
    """Past its bound the queue refuses at once, and what it took is stored."""
    ledger = samples.open_log(tmp_path, options=replace(samples.QUIET, queue_entries=2))

    async def run() -> list[Position | BaseException]:
        tasks = [ledger.append("decision", samples.decision(n)) for n in range(2_000)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(run())
    ledger.close()
    stored = [each for each in results if isinstance(each, Position)]
    shed = [each for each in results if isinstance(each, LedgerOverloaded)]
    assert len(stored) + len(shed) == 2_000
    assert shed
    assert samples.assert_sound(tmp_path).logs[0].size == len(stored) + 2


def test_time_never_goes_back(tmp_path: Path) -> None:
    """A clock that steps back gives entries of equal ts, in order."""
    times = iter([50, 100, 90, 10, 120, 130])
    ledger = Ledger.open(
        tmp_path, log="r-0", origin=samples.ORIGIN, options=samples.QUIET, clock=lambda: next(times)
    )
    given = [ledger.append_blocking("label", {"id": str(n)}).ts for n in range(4)]
    ledger.close()
    assert given == [100, 100, 100, 120]
    samples.assert_sound(tmp_path)


def test_one_writer(tmp_path: Path) -> None:
    """A second opener is told who holds the log; after close it gets it; a closed ledger refuses."""
    ledger = samples.open_log(tmp_path)
    with pytest.raises(LedgerLocked, match=f"held by pid {os.getpid()}"):
        samples.open_log(tmp_path)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerClosed, match="is closed"):
        ledger.append_blocking("label", {})
    samples.open_log(tmp_path).close()


def test_origin_is_bound(tmp_path: Path) -> None:
    """A folder with another log's entries is not written to, hot or sealed."""
    samples.build(tmp_path, sealed=())
    with pytest.raises(OriginMismatch, match="origin is 'acme"):
        Ledger.open(tmp_path, log="r-0", origin="other.example/x")
    ledger = samples.open_log(tmp_path)
    ledger.seal_blocking()
    ledger.close()
    with pytest.raises(OriginMismatch, match="origin is 'acme"):
        Ledger.open(tmp_path, log="r-0", origin="other.example/x")
    samples.assert_sound(tmp_path)


def test_missing_tail_stops_the_writer(tmp_path: Path) -> None:
    """A sealed log whose hot tail is gone is not written on."""
    samples.build(tmp_path)
    for path in (tmp_path / "logs/r-0/hot").iterdir():
        path.unlink()
    with pytest.raises(LedgerBroken, match="hot tail after sealed entry 12 is missing"):
        samples.open_log(tmp_path)


def test_private_files(tmp_path: Path) -> None:
    """Every file is its owner's alone."""
    root = tmp_path / "ledger"
    samples.build(root)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert {path: 0o700 if path.is_dir() else 0o600 for path in modes} == modes


def test_sealing(tmp_path: Path) -> None:
    """A tail of mere housekeeping is not sealed; another is, once, and appends go on."""
    ledger = samples.open_log(tmp_path)
    assert ledger.seal_blocking() is None
    samples.fill(ledger, 9)
    seen: list[tuple[str, int, int]] = []
    sealed = ledger.seal_blocking(progress=lambda *told: seen.append(told))
    assert sealed is not None
    assert (sealed.first, sealed.last) == (0, 9)
    assert len(sealed.files) == 3
    assert ledger.seal_blocking() is None
    ledger.append_blocking("label", {"id": "after"})
    ledger.close(seal=True)
    account = samples.assert_sound(tmp_path)
    assert account.logs[0].sealed_files == 4


def test_seals_by_itself(tmp_path: Path) -> None:
    """The log seals at its bound in a process apart, while it serves, and closes in good order."""
    options = replace(samples.QUIET, seal_automatically=True, segment_entries=30)
    sealed = threading.Event()

    def durable(step: str, act: Callable[[], object]) -> None:
        act()
        if step == "seal.retire":
            sealed.set()

    ledger = Ledger.open(tmp_path, log="r-0", origin=samples.ORIGIN, options=options, durable=durable)
    done = len(samples.fill(ledger, 40))
    assert sealed.wait(120)
    done += len(samples.fill(ledger, 5, start=done))
    ledger.close()
    with query.connect(tmp_path) as sql:
        assert (done, done) == sql.execute("SELECT count(*), count(DISTINCT id) FROM decisions").fetchone()
    samples.assert_sound(tmp_path)


def test_latest(tmp_path: Path) -> None:
    """The newest record of a kind is found in the tail and in segments, by its fields."""
    ledger = samples.open_log(tmp_path)
    for number in range(3):
        ledger.append_blocking("policy", {"event": "activated", "new": str(number)})
    ledger.append_blocking("policy", {"event": "rejected", "new": "9"})
    before = ledger.latest("policy", {"event": "activated"})
    ledger.seal_blocking()
    after = ledger.latest("policy", {"event": "activated"})
    ledger.append_blocking("policy", {"event": "activated", "new": "7", "kind_of": '"kind":"review"'})
    newest = ledger.latest("policy", {"event": "activated"})
    assert before is not None
    assert newest is not None
    assert (before, "2", "7") == (after, before["new"], newest["new"])
    assert ledger.latest("review") is None
    ledger.close()


def test_objects(tmp_path: Path) -> None:
    """Objects come back by digest; a torn one is written again; a missing or altered one is refused."""
    ledger = samples.open_log(tmp_path)
    digest = ledger.put_object(b"bundle")
    path = tmp_path / "objects" / digest
    path.write_bytes(b"bun")
    with pytest.raises(LedgerBroken, match="hash to something else"):
        ledger.get_object(digest)
    assert digest == ledger.put_object(b"bundle")
    assert ledger.get_object(digest) == b"bundle"
    with pytest.raises(ObjectMissing, match="is not in objects/"):
        ledger.get_object("0" * 64)
    ledger.close()


def test_cancelled_waiter_is_harmless(tmp_path: Path) -> None:
    """A caller that stops waiting changes nothing for the others."""
    ledger = samples.open_log(tmp_path)

    async def run() -> Position:
        task = asyncio.create_task(ledger.append("decision", samples.decision(1)))
        other = asyncio.create_task(ledger.append("decision", samples.decision(2)))
        await asyncio.sleep(0)
        task.cancel()
        return await other

    assert asyncio.run(run()).seq == 2
    ledger.close()
    samples.assert_sound(tmp_path)


def test_contracts_are_checked(tmp_path: Path) -> None:
    """Facts of a contract that types nothing properly are refused before anything is stored."""
    ledger = samples.open_log(tmp_path)
    for document, reason in (
        ({"columns": [{"name": "a", "type": "float"}]}, "type 'float'"),
        ({"columns": [{"name": "seq", "type": "bigint"}]}, "malformed or reserved"),
        ({"columns": [{"name": "a", "type": "bigint"}] * 2}, "distinct"),
        ({}, "without a proper"),
    ):
        contract = ledger.put_object(json.dumps(document).encode())
        with pytest.raises(RecordInvalid, match=reason):
            ledger.append_blocking("decision", {}, Facts(contract, {}))
    ledger.close()
