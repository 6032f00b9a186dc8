# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""While a person is being erased: what calls, holds, other logs and damage do meanwhile, and who goes on."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import sleep
from types import SimpleNamespace

import pytest

from ledger import samples
from ledger.test_erase import ANN, BOB, NAME, build, bytes_under, shreds
from ombud_ledger import (
    Facts,
    Ledger,
    LedgerUnavailable,
    LedgerUnreadable,
    Payload,
    Position,
    SubjectErased,
    SubjectHeld,
    SubjectKeyMissing,
    Vault,
    verify,
)
from ombud_ledger.layout import log_layout


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


def between(vault: Vault, act: Callable[[], object], after: Callable[[], object] = lambda: None) -> None:
    """Have something happen in the last moment before keys are destroyed, and right after."""
    destroy = vault.destroy_keys

    def destroyed(erasure: str, log: str) -> None:
        act()
        destroy(erasure, log)
        after()

    vault.destroy_keys = destroyed  # type: ignore[method-assign]


def late(ledger: Ledger, pseudonym: str) -> Position:
    """Append facts about a person, as a call does that has been under way for long."""
    return ledger.append_blocking("decision", {"id": "late"}, Facts(None, {}, {"reason": NAME}, pseudonym))


def said(vault: Vault) -> Event:
    """Return what is set once an erasure is over."""
    over, settle = Event(), vault.end_erasure

    def ended(erasure: str) -> None:
        settle(erasure)
        over.set()

    vault.end_erasure = ended  # type: ignore[method-assign]
    return over


def test_under_way(tmp_path: Path, vault: Vault) -> None:
    """Facts under a pseudonym that is being erased are erased too; once it is erased they are refused."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    pseudonym = vault.pseudonym(ANN)
    vault.begin_erasure(ANN)
    facts = Facts(None, {}, {"reason": f"{NAME}, late"}, pseudonym)
    ledger.append_blocking("decision", {"id": "late"}, facts)
    with pytest.raises(SubjectErased, match="erasing"):
        ledger.append_blocking("decision", {"id": "late"}, payload=Payload(pseudonym, b""))
    assert ledger.erase(ANN).rows == 5
    size = ledger.size
    with pytest.raises(SubjectErased, match="erased, since"):
        ledger.append_blocking("decision", {"id": "too late"}, facts)
    with pytest.raises(SubjectKeyMissing):
        ledger.append_blocking("decision", {"id": "another's"}, Facts(None, {}, {}, "ab" * 16))
    assert ledger.size == size
    assert NAME.encode() not in bytes_under(root)
    ledger.close()
    samples.assert_sound(root)


def test_in_the_last_moment(tmp_path: Path, vault: Vault) -> None:
    """Facts that come between the last look for them and the end of the keys are blanked all the same."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    pseudonym = vault.pseudonym(ANN)
    between(vault, lambda: late(ledger, pseudonym))
    erasure = ledger.erase(ANN)
    assert (erasure.complete, erasure.rows, len(erasure.files)) == (True, 5, 3)
    assert NAME.encode() not in bytes_under(root)
    assert [each["event"] for each in shreds(root)] == ["file", "file", "file", "keys"]
    ledger.close()
    samples.assert_sound(root)


def test_in_the_last_moment_before_a_crash(tmp_path: Path, vault: Vault) -> None:
    """So are they where a crash comes after the end of the keys: the next opening looks for them first."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    pseudonym = vault.pseudonym(ANN)

    def crash() -> None:
        raise OSError(5, "Input/output error")

    between(vault, lambda: late(ledger, pseudonym), crash)
    with pytest.raises(LedgerUnavailable):
        ledger.erase(ANN)
    ledger.close()
    assert NAME.encode() in bytes_under(root)
    samples.open_log(root, vault=vault).close()
    assert NAME.encode() not in bytes_under(root)
    assert [each["event"] for each in shreds(root)] == ["file", "file", "file", "keys"]
    assert vault.pending_erasures("r-0") == {}
    samples.assert_sound(root)


def test_in_the_last_moment_in_another_log(tmp_path: Path, vault: Vault) -> None:
    """Where they come in another log, that one blanks them, and only then is it said that all is over."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    other = samples.open_log(root, vault=vault, log="r-1")
    pseudonym = vault.pseudonym(ANN)
    between(vault, lambda: late(other, pseudonym))
    erasure = ledger.erase(ANN)
    assert not erasure.complete
    assert erasure.remains[0].startswith("facts in log r-1: its own process")
    assert [each["event"] for each in shreds(root)] == ["file", "file"]
    other.close()
    samples.open_log(root, vault=vault, log="r-1").close()  # resumes
    assert NAME.encode() not in bytes_under(root)
    ledger.close()
    samples.open_log(root, vault=vault).close()
    assert [each["event"] for each in shreds(root)] == ["file", "file", "keys"]
    assert vault.pending_erasures("r-0") == vault.pending_erasures("r-1") == {}
    samples.assert_sound(root)


def test_between_asking_and_being_admitted(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append that was told that the person is being erased, and goes on when they are, is waited for."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    pseudonym, demand, asked, destroyed = vault.pseudonym(ANN), vault.demand_known, Event(), Event()

    def slow(pseudonym: str) -> None:
        demand(pseudonym)
        asked.set()
        assert destroyed.wait(30)
        sleep(0.3)  # for as long as the rest of the erasure would take

    monkeypatch.setattr(vault, "demand_known", slow)
    caller = Thread(target=late, args=(ledger, pseudonym))

    def begin() -> None:
        caller.start()
        assert asked.wait(30)

    between(vault, begin, destroyed.set)
    erasure = ledger.erase(ANN)
    caller.join()
    assert (erasure.complete, erasure.rows) == (True, 5)
    assert NAME.encode() not in bytes_under(root)
    ledger.close()
    samples.assert_sound(root)


def test_a_hold_in_the_last_moment(tmp_path: Path, vault: Vault) -> None:
    """A legal hold that is placed while an erasure runs keeps key and payloads; released, it goes on."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    holds: list[str] = []
    between(vault, lambda: holds.append(vault.hold(ANN, "suit")) if not holds else None)
    with pytest.raises(SubjectHeld, match="under legal hold"):
        ledger.erase(ANN)
    assert (vault.account().erasing, vault.account().erased) == (1, 0)
    assert [each["event"] for each in shreds(root)] == ["file", "file"]
    vault.release(holds[0])
    assert ledger.erase(ANN).complete
    ledger.close()
    samples.assert_sound(root)


def test_what_cannot_be_removed(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of facts that an attempt left behind go, of whatever kind; while they cannot, it is not over."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    staging = log_layout(root, "r-0").staging
    ledger.seal_blocking()
    (staging / "attempt").mkdir()
    (staging / "attempt/copy").write_text(NAME)
    (staging / "copy").write_text(NAME)
    remove = shutil.rmtree

    def rmtree(path: Path, *, ignore_errors: bool = False) -> None:
        if path.name != "attempt":
            remove(path, ignore_errors=ignore_errors)
        elif not ignore_errors:
            raise OSError(39, "Directory not empty")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", rmtree)
        with pytest.raises(LedgerUnavailable, match="not empty"):
            ledger.erase(ANN)
    assert ledger.erase(ANN).complete
    assert NAME.encode() not in bytes_under(root)
    assert list(staging.iterdir()) == []
    ledger.close()
    samples.assert_sound(root)


def test_several_logs(tmp_path: Path, vault: Vault) -> None:
    """Keys wait until every log of the ledger has blanked the person's facts; the last one destroys them."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    other = samples.open_log(root, vault=vault, log="r-1")
    samples.about(other, vault, ANN, 50, NAME)
    first = ledger.erase(ANN)
    assert not first.complete
    assert first.remains[0].startswith("facts in log r-1")
    assert len(vault.pending_erasures("r-1")) == 1
    other.close()
    samples.assert_sound(root)
    samples.open_log(root, vault=vault, log="r-1").close()  # resumes
    assert vault.pending_erasures("r-1") == vault.pending_erasures("r-0") == {}
    ledger.close()
    samples.assert_sound(root)
    assert NAME.encode() not in bytes_under(root)


def test_while_it_waits(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure that waits for another log is looked at more and more rarely, and seals nothing then."""
    root = tmp_path / "ledger"
    other = samples.open_log(root, vault=vault, log="r-1")
    samples.about(other, vault, ANN, 1, NAME)
    ledger = build(root, vault)
    assert not ledger.erase(ANN).complete
    samples.fill(ledger, 2)
    segments = len(list(root.glob("logs/r-0/entries/*")))
    eraser, looks = ledger._upkeep.eraser, list[float]()
    assert eraser is not None
    resume, time = eraser.resume, 0.0

    def look() -> bool:
        looks.append(time)
        return resume()

    def wait(seconds: float) -> bool:
        nonlocal time
        time += seconds
        if time == 40:
            other.close()
            samples.open_log(root, vault=vault, log="r-1").close()  # resumes
        return time > 70

    monkeypatch.setattr(eraser, "resume", look)
    monkeypatch.setattr(ledger._upkeep, "_closing", SimpleNamespace(wait=wait, is_set=lambda: False))
    ledger._upkeep._keep()
    assert looks[:6] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert looks[6:9] == [63.5, 64.0, 64.5]  # nothing waits any more
    assert len(list(root.glob("logs/r-0/entries/*"))) == segments
    assert ledger.seal_error is None
    monkeypatch.undo()
    ledger.close()
    samples.assert_sound(root)


def test_the_keeper_resumes(tmp_path: Path, vault: Vault) -> None:
    """A log that seals by itself carries out, by itself, what another process began."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    ledger.close()
    vault.begin_erasure(ANN)
    hold = vault.hold(ANN, "not yet")  # so that opening leaves it
    options = replace(samples.QUIET, seal_automatically=True)
    ledger = samples.open_log(root, vault=vault, options=options)
    assert ledger._upkeep.eraser is not None
    over = said(vault)
    assert ledger.latest("shred") is None
    vault.release(hold)
    assert over.wait(30)
    ledger.close()
    assert NAME.encode() not in bytes_under(root)
    samples.assert_sound(root)


def test_a_cut_payloads_file_meets_an_erasure(tmp_path: Path, vault: Vault) -> None:
    """A pending erasure that cannot look into a payloads file waits: the log opens, and its keeper lives."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    ledger.close()
    cut = min(root.glob("logs/r-0/payloads/*.parquet"))
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-10])
    vault.begin_erasure(ANN)
    ledger = samples.open_log(root, vault=vault, options=replace(samples.QUIET, seal_automatically=True))
    with pytest.raises(LedgerUnreadable, match=cut.name):
        list(ledger.export(BOB).entries)
    with pytest.raises(LedgerUnreadable, match=cut.name):
        ledger.erase(ANN)
    assert vault.account().erasing == 1
    over = said(vault)
    cut.write_bytes(whole)
    assert over.wait(30)
    ledger.close()
    assert NAME.encode() not in bytes_under(root)
    assert verify(root, vault=vault).exit_code == 0
