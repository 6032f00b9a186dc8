# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Durable steps that fail, a full disk, a killed process: `verify` decides, nothing acknowledged is lost."""

import asyncio
import collections
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger import Ledger, LedgerError, LedgerUnavailable, Position, query, verify
from ombud_ledger.durable import act_now
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.layout import log_layout
from ombud_ledger.records import whole_stretch
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.merkle import root_of
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.signed_head import SignedHeads


def stored(root: Path) -> dict[int, str]:
    """Return the ids of all labels, by entry."""
    with query.connect(root) as sql:
        return dict(sql.execute("SELECT seq, id FROM labels").fetchall())


def serve_until(ledger: Ledger, state: str) -> None:
    """Wait for a state the ledger is bound to reach."""
    reached = threading.Event()
    ledger.on_state = lambda told: reached.set() if told == state else None
    if ledger.state != state:
        assert reached.wait(20), ledger.state


def work(root: Path, durable: samples.Faulty) -> dict[int, str]:
    """Open, append, seal, append, close, and again; return what was acknowledged."""
    acked: dict[int, str] = {}
    for name in ("a", "b"):
        for _ in range(3):
            try:
                ledger = samples.open_log(root, durable=durable)
                break
            except (LedgerError, OSError, sqlite3.Error):
                continue
        for number in range(3):
            try:
                label = f"{name}{number}"
                acked[ledger.append_blocking("label", {"id": label}).seq] = label
            except LedgerUnavailable:
                serve_until(ledger, "serving")
        try:
            ledger.seal_blocking()
        except LedgerError:
            serve_until(ledger, "serving")
        try:
            label = f"{name}-last"
            acked[ledger.append_blocking("label", {"id": label}).seq] = label
        except LedgerUnavailable:
            serve_until(ledger, "serving")
        ledger.close()
    return acked


def test_every_durable_step(tmp_path: Path) -> None:
    """Each step of opening, appending, sealing, closing fails once, stored or not; the ledger stays sound."""
    clean = samples.Faulty(at=10**9, stored=False)
    acked = work(tmp_path / "clean", clean)
    assert len(acked) == 8
    seen: set[str] = set()
    for at in range(len(clean.steps)):
        for was_stored in (False, True):
            root = tmp_path / f"{at}-{was_stored}"
            faulty = samples.Faulty(at=at, stored=was_stored)
            acked = work(root, faulty)
            seen |= set(faulty.failed)
            account = verify(root)
            assert account.exit_code == 0, (at, was_stored, faulty.failed, account.all_findings())
            assert acked.items() <= stored(root).items(), (at, was_stored, faulty.failed)
    assert seen == set(clean.steps)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")]
)
def test_disk_full(tmp_path: Path, error: Exception) -> None:
    """While the disk is full appends fail; when space returns they work, and the gap is told."""
    full = threading.Event()

    def durable(step: str, act: Callable[[], object]) -> None:
        if full.is_set():
            raise error
        act_now(step, act)

    ledger = Ledger.open(tmp_path, log="r-0", origin=samples.ORIGIN, options=samples.QUIET, durable=durable)
    samples.fill(ledger, 5)
    full.set()
    states: list[str] = []
    ledger.on_state = states.append
    for _ in range(3):
        with pytest.raises(LedgerUnavailable, match=r"commit failed|recovering"):
            ledger.append_blocking("label", {"id": "lost"})
    full.clear()
    serve_until(ledger, "serving")
    position = ledger.append_blocking("label", {"id": "kept"})
    ledger.close()
    assert states[:1] == ["recovering"]
    account = samples.assert_sound(tmp_path)
    assert samples.completeness_of(account).gaps == 1
    assert stored(tmp_path)[position.seq] == "kept"
    with query.connect(tmp_path) as sql:
        assert sql.execute("SELECT (record->>'$.refused')::INT >= 1 FROM gaps").fetchall() == [(True,)]


def test_real_disk_full(tmp_path: Path) -> None:
    """SQLite's own "database or disk is full" poisons the tail, and recovery ends it."""
    ledger = samples.open_log(tmp_path)
    samples.fill(ledger, 3)
    ledger._writer.tail.db.execute("PRAGMA max_page_count = 4")
    large = {f"k{n}": "x" * 1_000 for n in range(12)}
    with pytest.raises(LedgerUnavailable, match="commit failed"):
        collections.deque((ledger.append_blocking("label", large) for _ in range(20)), maxlen=0)
    serve_until(ledger, "serving")
    ledger.append_blocking("label", {"id": "kept"})
    ledger.close()
    assert "kept" in stored(tmp_path).values()
    samples.assert_sound(tmp_path)


def test_failure_while_many_wait(tmp_path: Path) -> None:
    """All waiters of a failed batch are told; none hangs; those acknowledged are stored."""
    faulty = samples.Faulty(at=10**9, stored=True, times=1)
    ledger = samples.open_log(tmp_path, durable=faulty)

    async def client(number: int) -> list[Position]:
        got = []
        for each in range(40):
            if number == 0 and each == 20:
                faulty._at = 0
            try:
                got.append(await ledger.append("label", {"id": f"{number}-{each}"}))
            except LedgerUnavailable:
                await asyncio.sleep(0)
        return got

    async def run() -> list[list[Position]]:
        return await asyncio.wait_for(asyncio.gather(*(client(number) for number in range(20))), 30)

    acked = {position.seq for got in asyncio.run(run()) for position in got}
    serve_until(ledger, "serving")
    ledger.close()
    assert acked <= stored(tmp_path).keys()
    samples.assert_sound(tmp_path)


def work_signed(root: Path, durable: samples.Faulty) -> list[bytes]:
    """Open, append, publish, seal, append, publish, close, and again; return what was published."""
    seen = []
    for _ in range(2):
        for _ in range(3):
            try:
                ledger = samples.open_log(root, durable=durable, signers=[samples.KEY])
                break
            except (LedgerError, OSError, sqlite3.Error):
                continue
        for step in (ledger.publish, ledger.seal_blocking, ledger.publish):
            with contextlib.suppress(LedgerUnavailable):
                ledger.append_blocking("label", {"id": "one"})
            serve_until(ledger, "serving")
            with contextlib.suppress(LedgerError):
                step()
            serve_until(ledger, "serving")
            checkpoint = Pub(log_layout(root, "r-0").pub).checkpoint()
            seen += [checkpoint] if checkpoint else []
        ledger.close()
    return seen


def test_every_step_of_publishing(tmp_path: Path) -> None:
    """Each durable step of publishing fails once, stored or not: no published checkpoint is contradicted."""
    clean = samples.Faulty(at=10**9, stored=False)
    assert len(set(work_signed(tmp_path / "clean", clean))) == 6
    published = [at for at, step in enumerate(clean.steps) if step.startswith("publish.")]
    assert {clean.steps[at] for at in published} == {
        "publish.tile.write",
        "publish.tile.rename",
        "publish.sign",
        "publish.history.write",
        "publish.history.rename",
        "publish.checkpoint.write",
        "publish.checkpoint.rename",
    }
    commits = [at for at, step in enumerate(clean.steps) if step == "hot.commit"]
    for at in [*published, *commits[::3]]:
        for was_stored in (False, True):
            root = tmp_path / f"{at}-{was_stored}"
            faulty = samples.Faulty(at=at, stored=was_stored)
            seen = work_signed(root, faulty)
            last = samples.open_log(root, signers=[samples.KEY])
            assert (last.state, last.publish_error) == ("serving", None), (at, was_stored, last.why)
            last.close()
            samples.assert_sound(root)
            layout = log_layout(root, "r-0")
            leaves = [leaf_hash(entry.record) for entry in whole_stretch(layout, 0, last.size)]
            for data in {*seen, *(path.read_bytes() for path in Pub(layout.pub).kept())}:
                signed = parse_checkpoint(data)
                signed.verify([samples.KEY.key])
                assert signed.checkpoint.root == root_of(leaves[: signed.checkpoint.size]), (at, was_stored)


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger import samples

def durable(step, act):
    if step == sys.argv[2] and armed:
        if sys.argv[3] == "after":
            act()
        os.kill(os.getpid(), signal.SIGKILL)
    act()

armed = False
ledger = samples.open_log(Path(sys.argv[1]), durable=durable, signers=[samples.KEY])
samples.fill(ledger, 3)
ledger.publish()
armed = True
samples.fill(ledger, 3)
ledger.publish()
"""


@pytest.mark.parametrize(
    "step", ["publish.tile.write", "publish.sign", "publish.checkpoint.write", "publish.checkpoint.rename"]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_publishing(tmp_path: Path, step: str, when: str) -> None:
    """Killed at any step of publishing, the next start publishes what was signed, and nothing else."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(tmp_path), step, when]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    layout = log_layout(tmp_path, "r-0")
    heads = SignedHeads(layout.signed, act_now)
    head = heads.load()
    heads.close()
    assert head is not None
    signed_already = step.startswith("publish.checkpoint") or (step == "publish.sign" and when == "after")
    assert head.size == (8 if signed_already else 5)
    told: list[bytes] = []

    def durable(step: str, act: Callable[[], object]) -> None:
        act_now(step, act)
        if step == "publish.checkpoint.rename":
            told.append(Pub(layout.pub).checkpoint() or b"")

    ledger = samples.open_log(tmp_path, durable=durable, signers=[samples.KEY])
    republished = signed_already and (step, when) != ("publish.checkpoint.rename", "after")
    assert told == ([head.note] if republished else [])
    assert Pub(layout.pub).checkpoint() == head.note
    ledger.close()
    samples.assert_sound(tmp_path)


CHILD = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from ledger import samples
from ombud_ledger import Ledger

root, tag = Path(sys.argv[1]), sys.argv[2]
ledger = Ledger.open(
    root,
    log="r-0",
    origin=samples.ORIGIN,
    options=replace(
        samples.QUIET,
        seal_automatically=tag.endswith("0"),
        segment_entries=200,
        publish_automatically=True,
        publish_seconds=0.005,
    ),
    stage=samples.StageHere(),
    signers=[samples.KEY],
)

async def client(number):
    each = 0
    while True:
        position = await ledger.append("label", {"id": f"{tag}-{number}-{each}"}, samples.facts(None, each))
        sys.stdout.write(f"{position.seq} {tag}-{number}-{each}\\n")
        sys.stdout.flush()
        each += 1

async def main():
    await asyncio.gather(*(client(number) for number in range(8)))

asyncio.run(main())
"""


def test_kill_at_random_moments(tmp_path: Path) -> None:
    """Killed 20 times under load, sealing or not: the ledger verifies and holds all it acknowledged."""
    chance = random.Random(20_261_122)
    acked: dict[int, str] = {}
    checkpoints: list[bytes] = []
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    for round_ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), f"t{round_}"],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert child.stdout
        # From the first acknowledgement on, so that the moments fall into the work, not into start-up alone.
        lines = [child.stdout.readline()]
        time.sleep(chance.random() * 0.25)
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate()
        lines += rest.splitlines(keepends=True)
        for line in lines:
            if line.endswith(b"\n"):  # the last may be cut short by the kill
                seq, label = line.decode().split()
                acked[int(seq)] = label
        account = verify(tmp_path)
        assert account.exit_code == 0, (round_, account.all_findings())
        held = stored(tmp_path)
        assert acked.items() <= held.items()
        published = Pub(log_layout(tmp_path, "r-0").pub).checkpoint()
        checkpoints += [published] if published else []
    samples.open_log(tmp_path, signers=[samples.KEY]).close()
    account = samples.assert_sound(tmp_path)
    assert samples.completeness_of(account).crashes == 20
    # No checkpoint that anybody saw is contradicted by the log as it is now.
    entries = whole_stretch(log_layout(tmp_path, "r-0"), 0, account.logs[0].size)
    leaves = [leaf_hash(entry.record) for entry in entries]
    for data in set(checkpoints):
        checkpoint = parse_checkpoint(data).checkpoint
        assert checkpoint.root == root_of(leaves[: checkpoint.size])
    assert len(set(checkpoints)) > 10
