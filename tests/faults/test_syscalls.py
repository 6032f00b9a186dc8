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

from ledger import samples
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
STRIDE = int(os.environ.get("OMBUD_FAULT_STRIDE", "25"))


class Subject:
    """Processes that live a log's life, one after the other, each under strace."""

    def __init__(self, launcher: subprocess.Popen[str]) -> None:
        self._launcher = launcher

    def run(self, folder: Path, *options: str) -> str:
        """Let one live, with strace's `options`, to its end; return what strace wrote."""
        folder.mkdir()
        os.mkfifo(folder / "go")
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        self._launcher.stdin.write(f"{folder}\n")
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


def test_nothing_acknowledged_is_lost_whatever_the_kernel_refuses(subject: Subject, tmp_path: Path) -> None:
    """Every kind of call that changes a disk, each fault, at every place a thread makes it."""
    trace = subject.run(tmp_path / "clean", "-e", f"trace={','.join(CALLS)},renameat,renameat2")
    _holds(tmp_path / "clean", "undisturbed")
    leaves, checkpoints = _acknowledged(tmp_path / "clean")
    assert (len(leaves), len(checkpoints)) == (6, 4)
    cases = [
        (call, fault, at)
        for call, pattern in CALLS.items()
        for at in range(1, _most_calls(trace, pattern) + 1)
        for fault in FAULTS
    ]
    assert {call for call, _, _ in cases} >= {"write", "pwrite64", "fsync", "fdatasync", "rename", "unlink"}
    for call, fault, at in cases[::STRIDE]:
        folder = tmp_path / f"{call}-{fault}-{at}"
        trace = subject.run(
            folder, "-e", f"trace={CALLS[call]}", "-e", f"inject={CALLS[call]}:{FAULTS[fault]}:when={at}"
        )
        assert "INJECTED" in trace or "SIGKILL" in trace, (call, fault, at, "strace refused nothing")
        _holds(folder, f"{fault} at {call} {at}")
        shutil.rmtree(folder)
