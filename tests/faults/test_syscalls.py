# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The kernel itself says no: EIO, ENOSPC and SIGKILL at each write, fsync, rename and unlink of a log's life.

`strace` makes one system call of a real process fail. Whatever comes of it, the ledger afterwards opens,
holds every entry that was acknowledged, contradicts no checkpoint that was published, and verifies. Which
calls a thread makes, and how many, is taken from a run that nothing disturbs. Every 25th case is tried;
OMBUD_FAULT_STRIDE=1 tries all.
"""

from __future__ import annotations

import base64
import collections
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import retained, samples, test_erase_faults
from ombud_ledger import verify
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.layout import log_layout
from ombud_ledger.records import whole_stretch

STRACE = shutil.which("strace")
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or (STRACE is None and not os.environ.get("CI")),
    reason="needs strace, which is for Linux; CI installs it",
)

CALLS = {
    "write": "write",
    "pwrite64": "pwrite64",
    "fsync": "fsync",
    "fdatasync": "fdatasync",
    "rename": "/^rename(at2?)?$",
    "unlink": "/^(unlink(at)?|rmdir)$",
    "mkdir": "/^mkdir(at)?$",
    "ftruncate": "ftruncate",
}
FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "SIGKILL": "signal=SIGKILL"}
TRACE = ("-e", f"trace={','.join(CALLS)},renameat,renameat2,unlinkat,mkdirat")
STRIDE = int(os.environ.get("OMBUD_FAULT_STRIDE", "25"))


class Subject:
    """Processes that live a log's life, one after the other, each under strace."""

    def __init__(self, launcher: subprocess.Popen[str]) -> None:
        self._launcher = launcher

    def run(self, work: str, folder: Path, *options: str) -> str:
        """Let one do its work, with strace's `options`, to its end; return what strace wrote."""
        folder.mkdir(exist_ok=True)
        os.mkfifo(folder / "go")
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        self._launcher.stdin.write(f"{work} {folder}\n")
        self._launcher.stdin.flush()
        pid = int(self._launcher.stdout.readline())
        trace = folder / "trace"
        assert STRACE is not None
        command = [STRACE, "-f", "-qq", "-o", str(trace), "-p", str(pid), *options]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as tracer:
            while not _traced(pid):
                assert tracer.poll() is None, "strace cannot attach"
                time.sleep(0.002)
            (folder / "go").write_text("go\n")
            assert self._launcher.stdout.readline() == "ended\n"
        return trace.read_text()


def _traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    """Import once."""
    tests = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(tests)}
    command = [sys.executable, str(Path(__file__).with_name("injected.py"))]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as launcher:
        yield Subject(launcher)


def _most_calls(trace: str, pattern: str) -> int:
    """Return how often the busiest thread made a call: strace counts for each thread apart."""
    name = re.compile(pattern.removeprefix("/"))
    made: collections.Counter[str] = collections.Counter()
    for line in trace.splitlines():
        thread, _, rest = line.partition(" ")
        if name.fullmatch(rest.strip().partition("(")[0]):
            made[thread] += 1
    return max(made.values(), default=0)


def _acknowledged(folder: Path) -> tuple[dict[int, str], list[bytes]]:
    leaves: dict[int, str] = {}
    checkpoints: list[bytes] = []
    for line in (folder / "acknowledged").read_text().splitlines():
        first, _, second = line.partition(" ")
        if first == "checkpoint":
            checkpoints.append(base64.b64decode(second))
        else:
            leaves[int(first)] = second
    return leaves, checkpoints


def _holds(folder: Path, what: str) -> None:
    """Fail unless the log opens, and all that was acknowledged and published still stands."""
    root = folder / "ledger"
    leaves, checkpoints = _acknowledged(folder)
    ledger = samples.open_log(root, signers=[samples.KEY])
    assert ledger.state == "serving", (what, ledger.why)
    last = ledger.append_blocking("label", {"id": "after"})
    note = ledger.publish()
    ledger.close(seal=True)
    assert note is not None
    leaves[last.seq] = last.leaf.hex()
    account = verify(root, vkeys=[str(samples.KEY.key)], checkpoints=[*checkpoints, note])
    assert account.exit_code == 0, (what, [str(finding) for finding in account.all_findings()])
    stored = _leaves(root)
    assert leaves.items() <= stored.items(), what


def _leaves(root: Path) -> dict[int, str]:
    layout = log_layout(root, "r-0")
    size = sum(file.last - file.first + 1 for file in layout.entries_files())
    return {entry.seq: leaf_hash(entry.record).hex() for entry in whole_stretch(layout, 0, size)}


def _cases(trace: str) -> list[tuple[str, str, int]]:
    """Return every kind of call, each fault, at every place where a thread of an undisturbed run makes it."""
    return [
        (call, fault, at)
        for call, pattern in CALLS.items()
        for at in range(1, _most_calls(trace, pattern) + 1)
        for fault in FAULTS
    ]


def _disturbed(subject: Subject, work: str, folder: Path, case: tuple[str, str, int]) -> bool:
    """Say whether it was: threads take turns, so that one may make a call less than in the clean run."""
    call, fault, at = case
    inject = f"inject={CALLS[call]}:{FAULTS[fault]}:when={at}"
    trace = subject.run(work, folder, "-e", f"trace={CALLS[call]}", "-e", inject)
    return "INJECTED" in trace or "SIGKILL" in trace


def test_nothing_acknowledged_is_lost(subject: Subject, tmp_path: Path) -> None:
    """Append, seal, publish, close and open again, whatever the kernel refuses."""
    trace = subject.run("life", tmp_path / "clean", *TRACE)
    _holds(tmp_path / "clean", "undisturbed")
    leaves, checkpoints = _acknowledged(tmp_path / "clean")
    assert (len(leaves), len(checkpoints)) == (6, 4)
    cases = _cases(trace)
    assert {call for call, _, _ in cases} >= {"write", "pwrite64", "fsync", "fdatasync", "rename", "unlink"}
    hits: list[bool] = []
    for case in cases[::STRIDE]:
        folder = tmp_path / "disturbed"
        hits.append(_disturbed(subject, "life", folder, case))
        _holds(folder, str(case))
        shutil.rmtree(folder)
    assert sum(hits) >= len(hits) * 0.8


def test_an_erasure_ends_erased(subject: Subject, tmp_path: Path) -> None:
    """Wherever it is interrupted: opened again, nothing is left of the person, and the ledger is sound."""
    prepared = tmp_path / "prepared"
    test_erase_faults.prepare(prepared / "ledger")
    shutil.copytree(prepared, tmp_path / "clean")
    trace = subject.run("erase", tmp_path / "clean", *TRACE)
    hits: list[bool] = []
    for case in _cases(trace)[::STRIDE]:
        folder = tmp_path / "disturbed"
        shutil.copytree(prepared, folder)
        hits.append(_disturbed(subject, "erase", folder, case))
        test_erase_faults.assert_erased(folder / "ledger")
        shutil.rmtree(folder)
    assert sum(hits) >= len(hits) * 0.8


def test_a_prune_ends_pruned(subject: Subject, tmp_path: Path) -> None:
    """Wherever it is interrupted: the next one ends it, and the ledger verifies."""
    prepared = tmp_path / "prepared"
    retained.record(prepared / "ledger", signers=(samples.KEY,), count=2)
    shutil.copytree(prepared, tmp_path / "clean")
    trace = subject.run("prune", tmp_path / "clean", *TRACE)
    expected = retained.parquet(tmp_path / "clean" / "ledger")
    hits: list[bool] = []
    for case in _cases(trace)[::STRIDE]:
        folder = tmp_path / "disturbed"
        shutil.copytree(prepared, folder)
        hits.append(_disturbed(subject, "prune", folder, case))
        retained.prune(folder / "ledger", signers=(samples.KEY,))
        assert retained.parquet(folder / "ledger") == expected, case
        account = verify(folder / "ledger", vkeys=[str(samples.KEY.key)])
        assert account.exit_code == 0, (case, [str(finding) for finding in account.all_findings()])
        shutil.rmtree(folder)
    assert sum(hits) >= len(hits) * 0.8


@pytest.mark.parametrize(("fault", "code"), [("error=EIO", 1), ("error=ENOSPC", 1), ("signal=SIGKILL", -9)])
def test_an_answer_in_a_file_is_whole_or_not_there(tmp_path: Path, fault: str, code: int) -> None:
    """The name that an answer gets by a link, which may fail, never shows a part of it."""
    program = """
import sys
from pathlib import Path
import pyarrow as pa
from ombud_cli.failure import Failure
from ombud_cli.parquet_out import write_parquet
table = pa.table({"n": [1, 2, 3]})
try:
    write_parquet(Path(sys.argv[1]), table.schema, table.to_batches())
except Failure as failure:
    sys.exit(1)
"""
    assert STRACE is not None
    file = tmp_path / "answer.parquet"
    command = [sys.executable, "-c", program, str(file)]
    inject = ("-f", "-qq", "-o", str(tmp_path / "trace"), "-e", f"inject=/^link(at)?$:{fault}")
    done = subprocess.run([STRACE, *inject, "-e", "trace=/^link(at)?$", *command], check=False)
    trace = (tmp_path / "trace").read_text()
    assert "INJECTED" in trace or "SIGKILL" in trace
    assert done.returncode == code
    assert not file.exists()
    # Whoever is killed leaves the part, under a name of its own; it stands in nobody's way.
    assert len(list(tmp_path.glob(".answer.parquet.*.part"))) == (fault == "signal=SIGKILL")
    assert subprocess.run(command, check=False).returncode == 0
    assert file.exists()
