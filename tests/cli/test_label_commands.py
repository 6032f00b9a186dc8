# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud label import`: files as they are read, and what is told of a file that cannot be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from ombud.v1 import label_pb2
from ombud_cli.label_file import Defaults, read_labels
from ombud_cli.main import app

DEFAULTS = Defaults("observed", "unknown")


def labels_of(path: Path) -> list[tuple[str, label_pb2.Label]]:
    """Return place and label of every row of a file."""
    return [(row.place, row.label) for row in read_labels(path, DEFAULTS)]


def label(decision: str, **more: object) -> label_pb2.Label:
    """Make a label as a file without columns of its own gives it."""
    said = {"kind": "LABEL_KIND_OBSERVED", "selection": "LABEL_SELECTION_UNKNOWN", **more}
    return label_pb2.Label(decision=decision, **said)  # type: ignore[arg-type]


def run(*arguments: object) -> Result:
    """Run `ombud label import` against a gateway that nobody runs."""
    runner = CliRunner(env={"OMBUD_GATEWAY": "127.0.0.1:1"})
    return runner.invoke(app, ["label", "import", *map(str, arguments)])


def test_three_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    """CSV has text, JSON and Parquet have types; times are UTC unless they say otherwise."""
    at = 1_772_366_400_000_000
    table, lines, sheet = tmp_path / "t.parquet", tmp_path / "l.jsonl", tmp_path / "s.csv"
    when = datetime(2026, 3, 1, 12, tzinfo=UTC)
    columns = {"decision": ["d-1", "d-2"], "value": [True, False], "observed_at": [when, None]}
    pq.write_table(pa.table(columns), table)
    lines.write_text(
        '{"decision": "d-1", "value": true, "observed_at": "2026-03-01T14:00:00+02:00"}\n'
        '\n{"decision": "d-2", "value": 0.5, "kind": "expert"}\n'
    )
    sheet.write_text('decision,value,observed_at,selection\nd-1,"true",2026-03-01T12:00:00,sample\nd-2,0,,\n')
    assert labels_of(table) == [
        ("row 1", label("d-1", boolean=True, observed_at_us=at)),
        ("row 2", label("d-2", boolean=False)),
    ]
    assert labels_of(lines) == [
        ("line 1", label("d-1", boolean=True, observed_at_us=at)),
        ("line 3", label("d-2", number=0.5, kind="LABEL_KIND_EXPERT")),
    ]
    assert labels_of(sheet) == [
        ("line 2", label("d-1", text="true", observed_at_us=at, selection="LABEL_SELECTION_SAMPLE")),
        ("line 3", label("d-2", text="0")),
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "decision,value\nd-1,1\nd-2,\n", "line 3: column 'value' is '', must be what the model"),
        ("a.csv", "decision,value\nd-1\n", "line 2: is '1 values', must be 2, as the first line has"),
        ("a.csv", "decision,amount\n", "column 'amount' is not known, must be one of decision, value,"),
        ("a.csv", "decision\n", "column 'value' is missing, must be given"),
        ("a.csv", "", "is empty, must begin with a line of column names"),
        ("a.csv", "decision,value\n", "holds no labels"),
        (
            "a.jsonl",
            '{"decision": 5, "value": 1}',
            "line 1: column 'decision' is 5, must be the id of a call",
        ),
        ("a.jsonl", "[1]", "line 1: is 'list', must be a JSON object"),
        ("a.jsonl", "{", "line 1: is '{', must be a JSON object"),
        ("a.jsonl", '{"decision": "d", "value": 1, "kind": "truth"}', "is 'truth', must be one of observed,"),
        ("a.jsonl", '{"decision": "d", "value": 1, "observed_at": "May"}', "is 'May', must be a time since"),
        ("a.txt", "", "its name must end in .csv, .jsonl, .ndjson, .parquet"),
        ("a.parquet", "no", "is no Parquet file"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_where(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    """Line, column, value, and what was expected; nothing is sent, though a good row came before."""
    file = tmp_path / name
    file.write_text(text)
    done = run(file, "--system", "credit", "--kind", "observed")
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr


def test_a_label_must_say_its_kind(tmp_path: Path) -> None:
    """In the file or by --kind; nobody guesses."""
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"decision": "d-1", "value": 1}))
    done = run(file, "--system", "credit")
    assert (done.exit_code, "must be one of observed, historical, expert, or --kind" in done.stderr) == (
        2,
        True,
    )
    done = run(file, "--system", "credit", "--kind", "truth")
    assert (done.exit_code, "--kind: is 'truth', must be one of" in done.stderr) == (2, True)
