# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a signed log does in its life, in a process whose system calls are made to fail.

Run as `python injected.py`: it imports once and then, for every line `WORK FOLDER` on standard input, forks a
child that waits for a line in a FIFO `FOLDER/go`, and does its work. Of "life" the child notes in
`FOLDER/acknowledged` what the ledger told it: a line `seq leaf` for an entry, `checkpoint` and base64 for
what was published. "erase" and "prune" work on what was prepared under `FOLDER/ledger`.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pyarrow.compute
import pyarrow.parquet  # noqa: F401 - imported once, before the fork

from ledger import retained, samples
from ledger.test_erase import ANN
from ledger.test_erase_faults import open_both
from ombud_ledger import Ledger, LedgerError, LedgerUnavailable

_PATIENCE = 2.0  # seconds for a failed commit to be recovered from
_TRIES = 3


class Life:
    """One opening of the log: every step is tried, and what fails is left for the next."""

    def __init__(self, root: Path, said: Callable[[str], None]) -> None:
        self._said = said
        self._serving = threading.Event()
        self._ledger = _opened(root)
        self._ledger.on_state = self._note_state
        self._contract = self._ledger.put_object(samples.CONTRACT)

    def live(self) -> None:
        """Append, publish, seal, append, publish, close."""
        self._append(1)
        self._append(2)
        self._publish()
        try:
            self._ledger.seal_blocking()
        except LedgerError:
            self._recover()
        self._append(3)
        self._publish()
        self._ledger.close()

    def _append(self, number: int) -> None:
        body, facts = samples.decision(number), samples.facts(self._contract, number)
        for _ in range(_TRIES):
            try:
                position = self._ledger.append_blocking("decision", body, facts)
            except LedgerUnavailable:
                self._recover()
                continue
            self._said(f"{position.seq} {position.leaf.hex()}")
            return

    def _publish(self) -> None:
        try:
            note = self._ledger.publish()
        except LedgerError:
            return
        if note is not None:
            self._said(f"checkpoint {base64.b64encode(note).decode()}")

    def _note_state(self, state: str) -> None:
        if state == "serving":
            self._serving.set()
        else:
            self._serving.clear()

    def _recover(self) -> None:
        if self._ledger.state != "serving":
            self._serving.wait(_PATIENCE)


def _opened(root: Path) -> Ledger:
    for _ in range(_TRIES - 1):
        try:
            return samples.open_log(root, signers=[samples.KEY])
        except LedgerError:
            continue
    return samples.open_log(root, signers=[samples.KEY])


def _live(folder: Path) -> None:
    note = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def said(line: str) -> None:
        os.pwritev(note, [f"{line}\n".encode()], os.fstat(note).st_size)

    for _ in range(2):
        Life(folder / "ledger", said).live()


def _erase(folder: Path) -> None:
    ledger, vault = open_both(folder / "ledger")
    with closing(vault), closing(ledger), suppress(LedgerError):
        ledger.erase(ANN)


def _prune(folder: Path) -> None:
    ledger = retained.at(folder / "ledger", retained.LATER, signers=(samples.KEY,))
    with closing(ledger), suppress(LedgerError):
        ledger.prune_blocking(by="t")


_WORK = {"life": _live, "erase": _erase, "prune": _prune}


def main() -> None:
    """Fork a child for every line."""
    while line := os.read(0, 4096).decode():
        pid = os.fork()
        if not pid:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            status = 1
            try:
                work, _, folder = line.strip().partition(" ")
                (Path(folder) / "go").read_text()
                _WORK[work](Path(folder))
                status = 0
            finally:
                os._exit(status)
        os.write(1, f"{pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    main()
