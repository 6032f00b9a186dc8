# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Pruning that fails at each durable step, or is killed there: doing it again finishes it."""

import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import retained, samples
from ombud_ledger import Ledger, LedgerError, query, verify
from ombud_ledger.durable import act_now

SIGNERS = (samples.KEY,)
DECISIONS = "SELECT seq, record FROM decisions WHERE seq >= ? ORDER BY seq"


class Armed:
    """Lets the first steps pass, those of opening, and hands the others to what it is armed with."""

    def __init__(self) -> None:
        self.by: Callable[[str, Callable[[], object]], None] = act_now

    def __call__(self, step: str, act: Callable[[], object]) -> None:
        self.by(step, act)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed log of four years, of which two are over."""
    root = tmp_path_factory.mktemp("years")
    retained.record(root, signers=SIGNERS, count=2)
    return root


def refuse_deletion(step: str, act: Callable[[], object]) -> None:
    """Fail every deletion, and nothing else."""
    if step == "prune.retire":
        raise OSError(5, "Input/output error")
    act()


def opened(root: Path, armed: Armed) -> Ledger:
    """Open the log as of the day of pruning."""
    return retained.at(root, retained.LATER, signers=SIGNERS, durable=armed)


def decisions(root: Path, before: int) -> list[tuple[int, str]]:
    """Return what is acknowledged and not over."""
    with query.connect(root) as sql:
        return sql.execute(DECISIONS, [before]).fetchall()


def copy(recorded: Path, root: Path) -> Path:
    """Return a copy of the log of its own."""
    shutil.copytree(recorded, root)
    return root


def chosen(steps: list[str]) -> list[int]:
    """Return the first and the last step of each name."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(steps):
        places[name].append(place)
    return sorted({each[at] for each in places.values() for at in (0, -1)})


def test_every_durable_step(recorded: Path, tmp_path: Path) -> None:
    """Each step fails once, stored or not: verify stays content, and the next prune ends like a clean one."""
    armed, clean = Armed(), samples.Faulty(at=10**9, stored=False)
    root = copy(recorded, tmp_path / "clean")
    ledger = opened(root, armed)
    armed.by = clean
    ledger.prune_blocking(by="t")
    armed.by = act_now
    ledger.close()
    expected, before = retained.parquet(root), samples.assert_sound(root).logs[0].pruned_before
    kept = decisions(root, before)
    assert {"hot.commit", "prune.retire", "publish.checkpoint.rename"} <= set(clean.steps)
    assert decisions(recorded, before) == kept
    for at in chosen(clean.steps):
        for stored in (False, True):
            root = copy(recorded, tmp_path / f"{at}-{stored}")
            armed, faulty = Armed(), samples.Faulty(at=at, stored=stored)
            ledger = opened(root, armed)
            armed.by = faulty
            with pytest.raises(LedgerError):
                ledger.prune_blocking(by="t")
            armed.by = act_now
            ledger.close()
            where = (at, stored, faulty.failed)
            assert verify(root).exit_code == 0, (where, verify(root).all_findings())
            assert decisions(root, before) == kept, where
            retained.prune(root, signers=SIGNERS)
            assert retained.parquet(root) == expected, where
            account = verify(root, vkeys=[str(samples.KEY.key)])
            assert (account.exit_code, account.logs[0].pruned_before) == (0, before), where
            shutil.rmtree(root)


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger import retained, samples
deleted = 0
def durable(step, act):
    global deleted
    if step == "prune.retire":
        if deleted == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        deleted += 1
    act()
retained.prune(Path(sys.argv[1]), signers=[samples.KEY], durable=durable)
"""


@pytest.mark.parametrize("at", [0, 1, 4])
def test_killed_while_deleting(recorded: Path, tmp_path: Path, at: int) -> None:
    """A process killed between two deletions leaves a ledger that verifies; opening it finishes the prune."""
    root = copy(recorded, tmp_path / "log")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(root), str(at)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    account = verify(root)
    assert (account.exit_code, len(account.logs[0].pruned_files)) == (0, at)
    opened(root, Armed()).close()
    samples.assert_sound(root)
    whole = copy(recorded, tmp_path / "whole")
    retained.prune(whole, signers=SIGNERS)
    assert retained.parquet(root) == retained.parquet(whole)


def test_a_hold_reaches_what_a_crash_left(recorded: Path, tmp_path: Path) -> None:
    """What a prune entry names and a crash left stays, if its system came under a hold since."""
    root = copy(recorded, tmp_path / "log")
    armed = Armed()
    ledger = opened(root, armed)
    armed.by = refuse_deletion
    with pytest.raises(LedgerError):
        ledger.prune_blocking(by="t")
    ledger.append_blocking("system", {"event": "held", "system": "credit", "by": "t"})
    armed.by = act_now
    ledger.close()
    opened(root, Armed()).close()
    ledger = opened(root, Armed())
    assert {each.why for each in ledger.prune_blocking(by="t").left} == {"credit is held, as log r-0 says"}
    assert retained.parquet(root) == retained.parquet(recorded)
    ledger.append_blocking("system", {"event": "released", "system": "credit", "by": "t"})
    assert ledger.prune_blocking(by="t").left == ()
    ledger.close()
    assert len(retained.parquet(root)) < len(retained.parquet(recorded))
    samples.assert_sound(root)
