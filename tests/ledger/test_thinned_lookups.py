# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Calls, labels and matters looked up by id in a log whose sealed files lie on other storage alone."""

import shutil
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger import Facts, Ledger, LedgerUnreadable, cases, export, labels, matters, remote
from ombud_ledger.by_id import entries_of
from ombud_ledger.layout import log_layout
from ombud_ledger.remote import RemoteAddress, Thinned
from ombud_ledger.remote.store import Remote

LOG = "logs/r-0"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is fetched whole, as it is fetched."""
    asked: list[str] = []
    real = Remote.fetch

    def fetch(self: Remote, name: str, target: Path) -> str | None:
        asked.append(name.removeprefix(f"{LOG}/"))
        return real(self, name, target)

    monkeypatch.setattr(Remote, "fetch", fetch)
    return asked


def label(ledger: Ledger, decision: str) -> None:
    """Record one label."""
    facts = Facts(ledger.put_object(labels.CONTRACTS["boolean"]), {"value_boolean": True})
    body = {"decision": decision, "label_kind": "observed", "selection": "all"}
    ledger.append_blocking("label", body, facts)


def recorded(tmp_path: Path) -> tuple[Path, Thinned]:
    """Record five segments; return the folder that has them all, and one that let go of four."""
    whole, root = tmp_path / "whole", tmp_path / "ledger"
    there = RemoteAddress(f"file://{tmp_path}/remote")
    ledger = samples.open_log(whole)
    samples.fill(ledger, 9, start=100)  # segment 0
    ledger.seal_blocking()
    samples.fill(ledger, 9, start=200)  # segment 1, with an incident
    opened = Facts(None, {}, {"what": "the model said yes to all"})
    ledger.append_blocking("incident", {"id": "d-299", "event": "opened", "system": "credit"}, opened)
    ledger.seal_blocking()
    samples.fill(ledger, 9, start=300)  # segment 2, with a label of the first, and the incident's end
    label(ledger, "d-101")
    ledger.append_blocking("incident", {"id": "d-299", "event": "closed", "system": "credit"})
    ledger.seal_blocking()
    ledger.append_blocking("refused", {"count": 3})  # segment 3 names no call
    ledger.seal_blocking()
    samples.fill(ledger, 9, start=500)  # segment 4, which stays
    ledger.seal_blocking()
    ledger.close()
    shutil.copytree(whole, root)
    list(remote.push(root, there, keep_local=0))
    return whole, Thinned(root, there)


def segments(place: Path | Thinned) -> list[str]:
    """Return the names of the entries files, in order."""
    layout = place.layout("r-0") if isinstance(place, Thinned) else log_layout(place, "r-0")
    return [file.name for file in layout.entries_files()]


def test_entries_of_a_call_fetch_the_files_that_may_hold_any(tmp_path: Path, fetched: list[str]) -> None:
    """They are those of the whole log; an id that no stub leaves room for fetches nothing."""
    whole, place = recorded(tmp_path)
    names = segments(place)
    assert names == segments(whole)
    fetched.clear()
    for call in ("d-103", "d-208", "d-504"):
        assert entries_of(place.layout("r-0"), call, 9) == entries_of(log_layout(whole, "r-0"), call, 9)
    assert fetched == names[:2]
    fetched.clear()
    assert entries_of(place.layout("r-0"), "nobody", 9) == []
    assert fetched == []
    with pytest.raises(LedgerUnreadable, match="say how that is reached"):
        entries_of(log_layout(place.root, "r-0"), "d-103", 9)


def test_decisions_and_labels_fetch_the_files_that_may_name_them(tmp_path: Path, fetched: list[str]) -> None:
    """What is found is what the whole log has: the call, its facts, the label that came later."""
    whole, place = recorded(tmp_path)
    names = segments(place)
    fetched.clear()
    found = cases.look_up(place, ["d-101", "nobody"])
    assert [each for each in fetched if each.startswith("entries/")] == [names[0], names[2]]
    assert found == cases.look_up(whole, ["d-101", "nobody"])
    assert (list(found.calls), [each.value for each in found.labels["d-101", "observed"]]) == (
        ["d-101"],
        [True],
    )


def test_matters_fetch_the_files_that_have_their_kind(tmp_path: Path, fetched: list[str]) -> None:
    """Of incidents, the segments with any, and of one, those that may be of it; with their facts."""
    whole, place = recorded(tmp_path)
    names = segments(place)
    fetched.clear()
    assert matters.stated(place, "incident") == matters.stated(whole, "incident")
    assert [each for each in fetched if each.startswith("entries/")] == names[1:3]
    assert [each.record["event"] for each in matters.stated(place, "incident", "d-299")] == [
        "opened",
        "closed",
    ]
    fetched.clear()
    assert matters.stated(place, "incident", "a-0") == matters.stated(place, "request") == []
    assert fetched == []


def test_an_export_that_loses_the_storage_midway_says_so(tmp_path: Path, fetched: list[str]) -> None:
    """What was found and cannot be fetched any more ends the export, and leaves no folder."""
    _, place = recorded(tmp_path)
    ledger = samples.open_log(place)
    evidence = export.gather([ledger], export.Wanted("credit"), by="os:tester")
    assert evidence is not None
    assert set(segments(place)[:3]) <= set(fetched)
    assert segments(place)[3] in fetched  # its time is asked for: whose entries it has, only it says
    (tmp_path / "remote").rename(tmp_path / "unplugged")
    shutil.rmtree(place.root / LOG / "fetched")
    with pytest.raises(LedgerUnreadable), export.new_folder(tmp_path / "out") as folder:
        write(folder, evidence)
    ledger.close()
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def write(folder: export.Folder, evidence: export.Evidence) -> None:
    """Write all of it."""
    for piece in evidence.pieces():
        folder.write(piece)


def test_an_export_fetches_what_is_of_its_time(tmp_path: Path, fetched: list[str]) -> None:
    """A segment that the storage has alone, from before or after the time asked for, stays there."""
    _, place = recorded(tmp_path)
    (away,) = [file.away() for file in place.layout("r-0").entries_files()[1:2]]
    assert away is not None
    ledger = samples.open_log(place)
    fetched.clear()
    wanted = export.Wanted("credit", away.oldest, away.newest + 1, facts=False)
    made = export.export([ledger], wanted, tmp_path / "out", by="os:tester")
    ledger.close()
    assert made is not None
    assert [path.name for path in (tmp_path / "out" / LOG / "entries").iterdir()] == [
        Path(segments(place)[1]).name
    ]
    assert set(fetched) <= set(segments(place)[:2])  # the first, for the chain value before the second
