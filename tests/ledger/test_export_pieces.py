# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Evidence of a log that goes on meanwhile, read in pieces; and a log that is closed amid a prune."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ledger import retained, samples
from ombud_ledger import LedgerUnavailable, export, verify

SIGNERS = (samples.KEY,)


def test_appends_go_on_while_evidence_is_found_and_read(tmp_path: Path) -> None:
    """Entries, checkpoints and tiles that come meanwhile are left out; what is there verifies."""
    retained.record(tmp_path / "l", signers=SIGNERS, count=2)
    ledger = retained.at(tmp_path / "l", retained.LATER, signers=SIGNERS)
    samples.fill(ledger, 200, start=7_000)
    stop = threading.Event()

    def append() -> None:
        number = 8_000
        while not stop.is_set():
            ledger.append_blocking("decision", samples.decision(number))
            ledger.publish()
            number += 1

    other = threading.Thread(target=append)
    other.start()
    try:
        evidence = export.gather([ledger], export.Wanted("credit"), by="t")
        assert evidence is not None
        with export.new_folder(tmp_path / "e") as folder:
            for piece in evidence.pieces():
                folder.write(piece)
    finally:
        stop.set()
        other.join()
    ledger.close()
    account = verify(tmp_path / "e", vkeys=[str(samples.KEY.key)])
    assert (account.exit_code, account.all_findings()) == (0, [])
    assert account.logs[0].covered == account.logs[0].size
    assert folder.digest == evidence.digest


def test_what_is_pruned_meanwhile_ends_the_reading(tmp_path: Path) -> None:
    """A file that went after it was found is missed, not skipped: nobody gets a folder that does not hold."""
    retained.record(tmp_path / "l", count=2)
    ledger = retained.at(tmp_path / "l", retained.LATER)
    evidence = export.gather([ledger], export.Wanted("credit"), by="t")
    assert evidence is not None
    pieces = iter(evidence.pieces())
    assert next(pieces).name == export.MANIFEST
    ledger.prune_blocking(by="t")
    with pytest.raises(LedgerUnavailable, match="while it was handed out: ask again"):
        list(pieces)
    with (  # noqa: PT012 - the with block is what fails
        pytest.raises(LedgerUnavailable, match="ask again"),
        export.new_folder(tmp_path / "e") as folder,
    ):
        for piece in evidence.pieces():
            folder.write(piece)
    ledger.close()
    assert [path.name for path in tmp_path.iterdir()] == ["l"]


def test_a_log_that_closes_ends_a_prune_that_the_next_opening_finishes(tmp_path: Path) -> None:
    """Closing waits for the prune to stop between two deletions: none comes after the lock is gone."""
    retained.record(tmp_path, signers=SIGNERS, count=2)
    ledger = retained.at(tmp_path, retained.LATER, signers=SIGNERS)
    closer = threading.Thread(target=ledger.close)

    def close_amid(step: str, done: int, _total: int) -> None:
        if step == "deleting" and done == 1:
            closer.start()
            while not ledger._closing.is_set():  # the moment that matters
                pass

    with pytest.raises(LedgerUnavailable, match="is closing: its next opening goes on"):
        ledger.prune_blocking(by="t", progress=close_amid)
    closer.join()
    left = retained.parquet(tmp_path)
    assert verify(tmp_path).exit_code == 0
    retained.at(tmp_path, retained.LATER, signers=SIGNERS).close()
    assert set(retained.parquet(tmp_path)) < set(left)
    samples.assert_sound(tmp_path)
