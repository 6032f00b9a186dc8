# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report is computed again from its ledger, and whatever differs is found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud_ledger import Ledger, NotProven, Options, query
from ombud_ledger.stage import StageHere
from ombud_reports import Rendered, Verified, entry_of, make, read_report, render, verify_report
from reports.ledgers import KEY, ORIGIN, story, write


def rendered(root: Path, **more: Any) -> Rendered:
    """The operations report on the whole story."""
    with query.connect(root, published=True) as ledger:
        return render(make("operations", ledger, system="credit", by="test", **more))


def record(root: Path, made: Rendered, *, signed: bool) -> None:
    """Let the ledger tell of a report, and go on with other things."""
    ledger = Ledger.open(
        root,
        log="r0-0",
        origin=ORIGIN,
        options=Options(seal_automatically=False, publish_automatically=False),
        stage=StageHere(),
        signers=[KEY] if signed else [],
    )
    ledger.append_blocking("report", entry_of(made), None)
    ledger.append_blocking("decision", {"id": "later", "system": "credit", "action": "infer"}, None)
    if signed:
        ledger.publish()
    ledger.close()


def grown(root: Path, *, signed: bool) -> tuple[Path, Rendered]:
    """A ledger that has grown since it told of a report, and the report."""
    write(root, story(), signed=signed)
    report = rendered(root)
    record(root, report, signed=signed)
    return root, report


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rendered]:
    """A ledger without signatures, and a report that it tells of."""
    return grown(tmp_path_factory.mktemp("ledger"), signed=False)


@pytest.mark.parametrize(("ending", "signed"), [("json", False), ("html", True)])
def test_the_same_ledger_says_the_same(tmp_path: Path, ending: str, signed: bool) -> None:
    """All figures are as they were, although the log has grown; the entry is found by the digest."""
    root, report = grown(tmp_path, signed=signed)
    verified = verify_report(read_report(report.files[ending]), root)
    assert verified.differences == ()
    assert [(each.log, each.by) for each in verified.entries] == [("r0-0", "test")]
    assert verified.same
    assert verified.figures > 100


def changed(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A report's JSON with something else in it."""
    document = json.loads(data)
    change(document)
    return json.dumps(document).encode()


def figure(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A figure of a document."""
    return next(each for each in document["figures"] if each["name"] == name)


def test_a_changed_figure_is_named(made: tuple[Path, Rendered]) -> None:
    """By name, with what the file says and what the ledger says; and the ledger does not know the file."""
    root, report = made

    def change(document: dict[str, Any]) -> None:
        figure(document, "calls.calls")["value"] += 1
        figure(document, "calls.failed_share")["value"] *= 1 + 1e-9
        figure(document, "cases.straight_share")["value"] *= 1 + 1e-14  # within what sums may differ

    verified = verify_report(read_report(changed(report.files["json"], change)), root)
    assert [each.name for each in verified.differences] == ["calls.calls", "calls.failed_share"]
    assert (verified.differences[0].recorded, verified.differences[0].recomputed) == (
        "101 (101 calls)",
        "100 (100 calls)",
    )
    assert verified.entries == ()
    assert not verified.same
    assert any("no entry of the ledger tells" in note for note in verified.notes)


@pytest.mark.parametrize("what", ["notice", "title", "missing"])
def test_changed_words_are_found(made: tuple[Path, Rendered], what: str) -> None:
    """A notice that was toned down, another title, a figure left out."""
    root, report = made

    def change(document: dict[str, Any]) -> None:
        blocks = document["sections"][0]["blocks"]
        if what == "notice":
            blocks[0]["text"] = "All is well."
        elif what == "title":
            document["title"] = "Everything is fine"
        else:
            document["sections"] = document["sections"][:-1]

    verified = verify_report(read_report(changed(report.files["json"], change)), root)
    assert verified.differences
    assert not verified.same


def test_a_changed_page_is_found(made: tuple[Path, Rendered]) -> None:
    """The data are as they were, and what the page shows is not what they say."""
    root, report = made
    page = report.files["html"].replace(b">100 calls<", b">999 calls<", 1)
    assert page != report.files["html"]
    verified = verify_report(read_report(page), root)
    assert [each.name for each in verified.differences] == ["page"]


def test_another_ledger_is_refused(made: tuple[Path, Rendered], tmp_path: Path) -> None:
    """Where the entries do not lead to the head, or root, that the report names."""
    _, report = made
    other = story()
    other[3][2]["added_us"] = 1
    write(tmp_path, other)
    with pytest.raises(NotProven, match=r"lead to|have root|the checkpoint covers"):
        verify_report(read_report(report.files["json"]), tmp_path)


def test_changed_columns_are_found(made: tuple[Path, Rendered], tmp_path: Path) -> None:
    """Records that hold, beside a column that says something else: the figure differs."""
    root, report = made
    shutil.copytree(root, tmp_path / "ledger")
    (path,) = (tmp_path / "ledger").glob("logs/*/entries/*.parquet")
    table = pq.read_table(path, partitioning=None)
    column = pa.array(["deny" if each == "allow" else each for each in table["verdict"].to_pylist()])
    pq.write_table(table.set_column(table.schema.get_field_index("verdict"), "verdict", column), path)
    verified = verify_report(read_report(report.files["json"]), tmp_path / "ledger")
    assert "calls.deny" in {each.name for each in verified.differences}


def test_erased_facts_are_told(made: tuple[Path, Rendered], tmp_path: Path) -> None:
    """How many rows were erased since, so that nobody takes their absence for a forgery."""
    root, report = made
    shutil.copytree(root, tmp_path / "ledger")
    (path,) = (tmp_path / "ledger").glob("logs/*/facts/*/*.parquet")
    table = pq.read_table(path, partitioning=None)
    for name in ("salt", "facts", "amount"):
        at, column = table.schema.get_field_index(name), table[name].to_pylist()
        blank = pa.array([None, None, *column[2:]], table.schema.field(name).type)
        table = table.set_column(at, table.schema.field(name), blank)
    pq.write_table(table, path)
    verified = verify_report(read_report(report.files["json"]), tmp_path / "ledger")
    assert {each.name for each in verified.differences} >= {"basis.facts_erased"}
    assert any(note.startswith("2 rows of facts were erased since") for note in verified.notes)


def test_a_draft_is_the_same_without_an_entry(made: tuple[Path, Rendered]) -> None:
    """It says itself that it was not recorded."""
    root, _ = made
    verified: Verified = verify_report(read_report(rendered(root, draft=True).files["html"]), root)
    assert verified.same
    assert any("draft" in note for note in verified.notes)
