# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Durable steps of an erasure that fail, and a process killed at each: it ends erased, and sound."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ledger import samples
from ledger.test_erase import ANN, NAME, bytes_under, shreds
from ombud_ledger import Ledger, LedgerError, SubjectUnknown, Vault, verify
from ombud_ledger.durable import Durable, act_now


def prepare(root: Path) -> None:
    """Make a vault and a ledger with a sealed segment and a hot tail about two people."""
    with closing(Vault.create(root / "store", root / "keys")) as vault:
        ledger = samples.open_log(root / "ledger", vault=vault)
        samples.about(ledger, vault, ANN, 1, NAME)
        samples.about(ledger, vault, "bob", 2, "Bob")
        ledger.seal_blocking()
        samples.about(ledger, vault, ANN, 3, NAME)
        ledger.close()


def open_both(root: Path, durable: Durable = act_now) -> tuple[Ledger, Vault]:
    """Open ledger and vault, with one seam for both."""
    vault = Vault.open(root / "store", root / "keys", durable=durable)
    try:
        return samples.open_log(root / "ledger", vault=vault, durable=durable), vault
    except BaseException:
        vault.close()
        raise


def assert_erased(root: Path) -> None:
    """Open it again, and demand that the person is gone, once, and the ledger sound."""
    ledger, vault = open_both(root)
    with closing(vault):
        if vault.find(ANN) is not None:  # it failed before anything was marked
            assert vault.pending_erasures("r-0") == {}
            assert ledger.erase(ANN).complete
        with pytest.raises(SubjectUnknown):
            ledger.erase(ANN)
        assert vault.pending_erasures("r-0") == {}
        ledger.close()
        account = verify(root / "ledger", vault=vault)
        assert (account.exit_code, account.logs[0].erased) == (0, 2), account.all_findings()
    assert NAME.encode() not in bytes_under(root)
    assert [each["event"] for each in shreds(root / "ledger")].count("keys") == 1
    assert list((root / "ledger/logs/r-0/staging").iterdir()) == []


def erase(root: Path, durable: samples.Faulty) -> None:
    """Open, erase, close; whatever fails."""
    with suppress(LedgerError, OSError, sqlite3.Error):
        ledger, vault = open_both(root, durable)
        with closing(vault):
            with suppress(LedgerError):
                ledger.erase(ANN)
            ledger.close()


def test_every_durable_step(tmp_path: Path) -> None:
    """Each kind of step of erasing and closing fails once, stored or not; opened again it ends erased."""
    prepare(tmp_path / "prepared")
    shutil.copytree(tmp_path / "prepared", tmp_path / "clean")
    clean = samples.Faulty(at=10**9, stored=False)
    erase(tmp_path / "clean", clean)
    assert_erased(tmp_path / "clean")
    assert {step for step in clean.steps if step.startswith(("erase.", "vault."))} == {
        "vault.truncate",
        "vault.mark",
        "erase.stage",
        "erase.rename",
        "erase.purge",
        "vault.erase",
        "vault.end",
    }
    begun = clean.steps.index("vault.mark")
    names = clean.steps[begun:]
    first = {begun + names.index(name) for name in names}
    commits = {at for at, name in enumerate(clean.steps) if name == "hot.commit" and at > begun}
    for at in sorted(first | commits):
        for stored in (False, True):
            root = tmp_path / f"{at}-{stored}"
            shutil.copytree(tmp_path / "prepared", root)
            faulty = samples.Faulty(at=at, stored=stored)
            erase(root, faulty)
            assert faulty.failed == [clean.steps[at]]
            if (faulty.failed, stored) == (["erase.rename"], False):
                account = verify(root / "ledger")
                assert account.exit_code == 3, account.all_findings()
            assert_erased(root)


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger import samples
from ombud_ledger import Vault

def durable(step, act):
    if step == sys.argv[2] and sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    act()
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

root = Path(sys.argv[1])
vault = Vault.open(root / "store", root / "keys")
ledger = samples.open_log(root / "ledger", vault=vault)
ledger._upkeep.eraser._durable = vault._store._durable = durable
ledger.erase(sys.argv[4])
"""


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("vault.mark", "after"),
        ("erase.rename", "before"),
        ("erase.rename", "after"),
        ("vault.erase", "after"),
    ],
)
def test_killed(tmp_path: Path, step: str, when: str) -> None:
    """Killed in the middle of an erasure, the next start finishes it."""
    prepare(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(tmp_path), step, when, ANN]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert_erased(tmp_path)
