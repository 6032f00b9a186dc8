# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger`, `decision` and `query` over a real ledger."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.recorded import LOG, ORIGIN, record
from ombud_cli.main import app
from ombud_ledger import Ledger


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger with one loan application's entries."""
    record(tmp_path / "ledger")
    return tmp_path / "ledger"


def test_a_sound_ledger_verifies(ledger: Path) -> None:
    """Verify says sound, warns that nothing kept from earlier was given, and ends with 0."""
    done = ombud("ledger", "verify", ledger)
    assert done.exit_code == 0
    assert "sound\n(nothing kept from earlier was given" in done.stdout
    assert ORIGIN in done.stdout


def test_verify_holds_a_ledger_to_a_head_noted_down(tmp_path: Path) -> None:
    """The head that was noted down passes; the same size with another chain does not."""
    head = record(tmp_path)
    assert ombud("ledger", "verify", tmp_path, "--head", head).exit_code == 0
    size = head.partition(":")[0]
    other = ombud("ledger", "verify", tmp_path, "--head", f"{size}:{'00' * 32}", "-o", "json")
    assert other.exit_code == 1
    assert json.loads(other.stdout)["exit_code"] == 1
    beyond = ombud("ledger", "verify", tmp_path, "--head", f"99:{'00' * 32}")
    assert beyond.exit_code == 1
    assert "BROKEN" in beyond.stdout


def test_an_auditor_needs_no_gateway(ledger: Path) -> None:
    """Verify, head, query and decision run where neither the gateway nor Cedar is installed."""
    program = (
        "import sys\n"
        "for name in ('ombud_gateway', 'ombud_policies', 'cedarpy', 'sqlalchemy', 'google.rpc'):\n"
        "    sys.modules[name] = None\n"
        "from ombud_cli.main import app\n"
        "for line in sys.stdin:\n"
        "    try: app(line.rstrip().split('|'))\n"
        "    except SystemExit as end: print('exit', end.code)\n"
    )
    commands = [
        f"ledger|verify|{ledger}",
        f"ledger|head|{ledger}",
        f"query|{ledger}|SELECT 1",
        f"decision|show|d1|{ledger}",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program], input="\n".join(commands), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    ends = [line for line in done.stdout.splitlines() if line.startswith("exit ")]
    assert ends == ["exit 0"] * len(commands)


def test_a_changed_record_is_broken(ledger: Path) -> None:
    """One changed byte of the hot tail gives exit code 1 and names the entry, as a table and as CSV."""
    (hot,) = (ledger / "logs" / LOG / "hot").glob("*.sqlite")
    with sqlite3.connect(hot) as db:
        (stored,) = db.execute("SELECT record FROM entries WHERE seq = 2").fetchone()
        db.execute("UPDATE entries SET record = ? WHERE seq = 2", (stored.replace(b"deny", b"dent"),))
    db.close()
    done = ombud("ledger", "verify", ledger)
    assert done.exit_code == 1
    assert "entry 2" in done.stdout
    rows = ombud("ledger", "verify", ledger, "-o", "csv").stdout.splitlines()
    assert rows[0] == "log,level,what,entry,file,first,last,seal"
    assert rows[1].startswith(f"{LOG},broken,")


def test_what_is_no_ledger_is_unreadable(tmp_path: Path) -> None:
    """Verify of an empty folder ends with 2."""
    assert ombud("ledger", "verify", tmp_path).exit_code == 2


def test_offline_head_is_what_verify_demands(ledger: Path) -> None:
    """`ledger head` prints a head that `verify --head` accepts."""
    (told,) = json.loads(ombud("ledger", "head", ledger, "-o", "json").stdout)
    assert told["log"] == LOG
    assert ombud("ledger", "verify", ledger, "--head", told["head"]).exit_code == 0


def test_sealing_offline_keeps_the_ledger_sound(ledger: Path) -> None:
    """`ledger seal PATH` seals every entry before it and says the new head."""
    (sealed,) = json.loads(ombud("ledger", "seal", ledger, "-o", "json").stdout)
    assert (sealed["log"], sealed["sealed"]) == (LOG, 13)
    assert list((ledger / "logs" / LOG / "entries").glob("*.parquet"))
    assert ombud("ledger", "verify", ledger, "--head", sealed["head"]).exit_code == 0


def test_sealing_needs_the_lock(ledger: Path) -> None:
    """Offline sealing is refused while a gateway writes the log."""
    writer = Ledger.open(ledger, log=LOG, origin=ORIGIN)
    try:
        done = ombud("ledger", "seal", ledger)
    finally:
        writer.close()
    assert (done.exit_code, done.stdout) == (2, "")
    assert LOG in done.stderr


def test_sealing_an_unknown_log_is_refused(ledger: Path) -> None:
    """`--log` must name a log of the ledger."""
    done = ombud("ledger", "seal", ledger, "--log", "r9-9")
    assert (2, f"ombud: --log: is 'r9-9', must be one of those in {ledger}: {LOG}\n") == (
        done.exit_code,
        done.stderr,
    )


def test_a_trace_has_every_call_review_and_action(ledger: Path) -> None:
    """A trace holds calls, the review, the approval of another caller, intent and outcome, in order."""
    rows = json.loads(ombud("decision", "trace", "loan-1", ledger, "-o", "json").stdout)
    assert [(row["kind"], row["id"], row["what"], row["verdict"]) for row in rows] == [
        ("decision", "d1", "ModelInfer", "allow"),
        ("decision", "d2", "ModelInfer", "deny"),
        ("decision", "d3", "ModelInfer", "deny"),
        ("decision", "d4", "ModelInfer", "review"),
        ("review", "d4", "opened", None),
        ("decision", "a1", "ReviewService/ApproveReview", "allow"),
        ("review", "d4", "approved", None),
        ("intent", "d5", "ModelInfer", "allow"),
        ("outcome", "d5", "infer", "allow"),
    ]
    assert "loans" in ombud("decision", "trace", "loan-1", "--ledger", ledger).stdout
    assert ombud("decision", "trace", "loan-2", ledger).exit_code == 1


def test_a_decision_is_shown_as_recorded(ledger: Path) -> None:
    """`decision show` gives every entry of an id with record and facts; an unknown id ends with 1."""
    shown = json.loads(ombud("decision", "show", "d5", ledger, "--json").stdout)
    assert [entry["kind"] for entry in shown["entries"]] == ["intent", "outcome"]
    assert shown["entries"][0]["facts"]["values"] == {"amount": "50.0", "confidence": "0.5"}
    assert shown["entries"][0]["record"]["approval"] == "d4"
    assert shown["entries"][1]["facts"] is None
    assert "fact amount" in ombud("decision", "show", "d1", ledger).stdout
    unknown = ombud("decision", "show", "d9", ledger)
    assert (unknown.exit_code, unknown.stderr) == (1, "ombud: ID: nothing is recorded under 'd9'\n")


def test_the_ledger_is_found_by_environment(ledger: Path) -> None:
    """OMBUD_LEDGER stands for PATH."""
    runner = CliRunner(env={"OMBUD_LEDGER": str(ledger)})
    assert runner.invoke(app, ["decision", "show", "d1"]).exit_code == 0


def test_without_path_or_configuration_the_ledger_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No PATH, no OMBUD_LEDGER and no ombud.toml is bad input."""
    monkeypatch.chdir(tmp_path)
    done = ombud("decision", "show", "d1")
    expected = "ombud: PATH: must be given, or OMBUD_LEDGER set, where there is no ombud.toml\n"
    assert (2, expected) == (done.exit_code, done.stderr)


def test_query_answers_in_three_forms(ledger: Path) -> None:
    """One SELECT as table, JSON and CSV."""
    sql = "SELECT verdict, count(*) AS n FROM decisions WHERE verdict IS NOT NULL GROUP BY ALL ORDER BY ALL"
    expected = [("allow", 2), ("deny", 2), ("review", 1)]
    found = json.loads(ombud("query", ledger, sql, "-o", "json").stdout)
    assert expected == [(row["verdict"], row["n"]) for row in found]
    assert ombud("query", ledger, sql, "-o", "csv").stdout == "verdict,n\nallow,2\ndeny,2\nreview,1\n"
    assert "review" in ombud("query", ledger, sql).stdout


def test_query_reads_typed_facts(ledger: Path) -> None:
    """The columns of a system's contract are typed."""
    found = json.loads(
        ombud("query", ledger, "SELECT max(amount) AS m FROM facts_credit", "-o", "json").stdout
    )
    assert found == [{"m": 99.0}]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW decisions",
        "SELECT 1; SELECT 2",
        "COPY decisions TO '/tmp/x.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT nothing FROM decisions",
        "no sql",
    ],
)
def test_query_refuses_all_but_one_select_over_the_ledger(ledger: Path, sql: str) -> None:
    """Writing, reading other files, and nonsense end with 2 and one line."""
    done = ombud("query", ledger, sql)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("ombud: SQL: ")
    assert done.stderr.count("\n") == 1


def test_query_prints_the_schema(ledger: Path) -> None:
    """`--schema` tells views and columns; with SQL beside it is bad input."""
    rows = ombud("query", ledger, "--schema", "-o", "csv").stdout.splitlines()
    told = "as the contract declares it, with its unit"
    assert {"view,column,type,description", f'facts_credit,amount,DOUBLE,"{told}"'} <= set(rows)
    described = json.loads(ombud("query", ledger, "--schema", "-o", "json").stdout)
    (added,) = [each for each in described if (each["view"], each["column"]) == ("decisions", "added_us")]
    assert added["description"] == "time the gateway added, without forwarding; microseconds"
    assert all(each["description"] for each in described)
    assert "facts_credit" in ombud("query", ledger, "--schema").stdout
    assert ombud("query", ledger, "SELECT 1", "--schema").exit_code == 2
    assert ombud("query", ledger).exit_code == 2


def test_query_takes_parameters(ledger: Path) -> None:
    """`-p NAME=VALUE` stands for $NAME, as text that no quote escapes from."""
    sql = "SELECT count(*) AS n FROM decisions WHERE system = $system AND verdict = $verdict"
    counted = ombud("query", ledger, sql, "-p", "system=credit", "-p", "verdict=allow", "-o", "csv")
    assert counted.stdout == "n\n1\n"
    echoed = ombud("query", ledger, "SELECT $a AS a, typeof($a) AS t", "-p", "a=1' OR 1=1", "-o", "csv")
    assert echoed.stdout == "a,t\n1' OR 1=1,VARCHAR\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "$system has no value, must be given as -p system=VALUE"),
        (("-p", "system=a", "-p", "x=b"), "$x is not in the SQL, must be one of its parameters: $system"),
        (("-p", "system"), "is 'system', must be NAME=VALUE"),
        (("-p", "system=a", "-p", "system=b"), "'system' is given twice, must be once"),
    ],
)
def test_query_names_a_wrong_parameter(ledger: Path, options: tuple[str, ...], said: str) -> None:
    """A parameter that is missing, unused, malformed or given twice ends with 2 and is named."""
    done = ombud("query", ledger, "SELECT 1 FROM decisions WHERE system = $system", *options)
    assert (2, f"ombud: -p: {said}\n") == (done.exit_code, done.stderr)


def test_query_ends_what_takes_too_much(ledger: Path) -> None:
    """Too long, or too much memory, ends with 2 and one line that says so."""
    forever = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r"
    stopped = ombud("query", ledger, forever, "--timeout", "0.1")
    told = "ombud: SQL: ran longer than --timeout allows, and was stopped; nothing was changed\n"
    assert (2, told) == (stopped.exit_code, stopped.stderr)
    stopped = ombud("query", ledger, "SELECT list(range) FROM range(100000000)", "--memory", "50MB")
    told = "ombud: SQL: needs more memory than --memory allows, and was stopped\n"
    assert (2, told) == (stopped.exit_code, stopped.stderr)
    assert "must be a number and MB or GB" in ombud("query", ledger, "SELECT 1", "--memory", "lots").stderr
