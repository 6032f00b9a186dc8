# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger export`: a folder of evidence that verifies by itself, and a record of its handing out."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from ledger import retained, samples
from ledger.test_audit_sql import rows, stock_duckdb
from ombud_cli.main import app
from ombud_ledger import Vault, keys, query, verify
from ombud_ledger import export as evidence

WINDOW = ("--from", "2024-01-01", "--to", "2026-01-01")
VKEY = str(samples.KEY.key)


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed ledger of four years, an unsealed tail, its key, and an export of two years."""
    root = tmp_path_factory.mktemp("made")
    (root / "secret").write_text("a passphrase of the tests\n")
    ombud("key", "init", root / "k", "--origin", samples.ORIGIN, "--passphrase-file", root / "secret")
    signers = keys.read_key_file(root / "k").open(lambda: keys.read_passphrase(root / "secret"))
    retained.record(root / "ledger", signers=signers, count=3)
    ledger = retained.at(root / "ledger", "2026-06-05", signers=signers)
    ledger.append_blocking("decision", {"id": "other", "system": "other", "bundle": "ee" * 32})
    ledger.append_blocking("decision", samples.decision(900))
    ledger.close()
    done = export(root, "evidence", *WINDOW, "--recipient", "Example Authority", "--reason", "case 12/2026")
    assert done.exit_code == 0, done.stderr
    return root


def export(root: Path, out: str, *more: object) -> Result:
    """Export the ledger under `root`."""
    signing = ("--signing-key", root / "k", "--passphrase-file", root / "secret")
    return ombud(
        "ledger", "export", root / "ledger", "--system", "credit", "--out", root / out, *signing, *more
    )


def vkey(root: Path) -> str:
    """Return the public key that signs."""
    return ombud("key", "show", root / "k").stdout.strip()


def copy(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the export of its own."""
    shutil.copytree(made / "evidence", tmp_path / "evidence")
    return tmp_path / "evidence"


def test_the_folder_verifies_by_itself(made: Path) -> None:
    """Every file is in the manifest; verify is content, under the key and a checkpoint kept from before."""
    folder = made / "evidence"
    done = subprocess.run(
        ["/usr/bin/env", "sha256sum", "-c", "--quiet", "MANIFEST"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
    named = {line[66:] for line in (folder / "MANIFEST").read_text().splitlines()}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert named == there - {"MANIFEST"}
    assert {"README.md", "EXPORT.json", "keys/r-0.vkeys", "sql/views.sql", "logs/r-0/pub/checkpoint"} <= named
    assert (folder / "keys/r-0.vkeys").read_text().strip() == vkey(made)
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    kept = min((made / "ledger/logs/r-0/pub/checkpoints").glob("*/*"))
    verified = ombud("ledger", "verify", folder, "--vkey", vkey(made), "--from-checkpoint", kept)
    assert verified.exit_code == 0, verified.stdout
    assert "the others are not part of this export" in verified.stdout
    account = verify(folder)
    assert account.logs[0].covered == account.logs[0].size
    assert account.all_findings() == []


def test_the_disclosure_is_recorded(made: Path) -> None:
    """The log says what was handed out, to whom, by the manifest's digest; the reason is among its facts."""
    with query.connect(made / "ledger") as sql:
        (found,) = sql.execute(
            "SELECT event, system, digest, record->>'$.recipient', record->>'$.from', facts->>'$.reason'"
            " FROM reports JOIN facts USING (log, seq) ORDER BY seq LIMIT 1"
        ).fetchall()
    digest = sha256((made / "evidence" / "MANIFEST").read_bytes()).hexdigest()
    begin = str(retained.us("2024-01-01"))
    assert found == ("disclosed", "credit", digest, "Example Authority", begin, "case 12/2026")
    assert "case 12/2026" not in (made / "evidence" / "README.md").read_text()
    assert ombud("ledger", "verify", made / "ledger", "--vkey", vkey(made)).exit_code == 0


def test_whole_segments_of_the_window_and_no_others(made: Path) -> None:
    """The window's segments are there whole, with what they refer to; the views say what they show."""
    folder = made / "evidence"
    said = json.loads((folder / "EXPORT.json").read_text())
    years = [pq.read_table(path, partitioning=None)["ts"][-1].as_py().year for path in _entries(folder)]
    assert years == [2024, 2025]
    assert sum(said["entries_by_system"].values()) == sum(
        pq.read_metadata(path).num_rows for path in _entries(folder)
    )
    source = sha256(b"credit 24m 12m 90d").hexdigest()
    assert {source, sha256(samples.CONTRACT).hexdigest()} <= {
        path.name for path in (folder / "objects").iterdir()
    }
    asked = ombud("query", folder, "SELECT count(*) FROM decisions JOIN facts USING (log, seq)", "-o", "csv")
    assert asked.exit_code == 0
    assert int(asked.stdout.split()[1]) > 0
    assert "this is an export of system credit, from 2024-01-01T00:00:00Z" in asked.stderr
    with stock_duckdb(folder) as db:
        db.execute((folder / "sql" / "views.sql").read_text())
        for view in ("entries", "decisions", "calls", "reviews", "facts"):
            assert db.execute(f'SELECT count(*) >= 0, any_value(log) FROM "{view}"').fetchall()[0][0]  # noqa: S608
    with stock_duckdb(folder / "logs" / "r-0") as db:
        assert rows(db, (folder / "sql" / "chain.sql").read_text()) == [
            (said["logs"]["r-0"]["segments"][0]["first"],)
        ]
        assert rows(db, (folder / "sql" / "drift.sql").read_text()) == []


def test_the_tail_is_sealed_first_and_other_systems_are_counted(made: Path) -> None:
    """Without an end the newest entries go along, whole segments of them; the README counts other systems."""
    done = export(made, "all", "--no-facts", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["entries"]["other"] == 1
    text = (made / "all" / "README.md").read_text()
    assert "| other | 1 |" in text
    assert "(left out of this export)" in text
    assert not (made / "all" / "logs" / "r-0" / "facts").exists()
    with query.connect(made / "all") as sql:
        assert sql.execute("SELECT count(*) FROM decisions WHERE id = 'd-900'").fetchall() == [(1,)]
    account = verify(made / "all", vkeys=[vkey(made)])
    assert (account.exit_code, account.all_findings()) == (0, [])


def test_what_is_wrong_with_a_folder_shows(made: Path, tmp_path: Path) -> None:
    """A changed file is broken, a missing one incomplete, a changed seal record is not the tree's."""
    folder = copy(made, tmp_path)
    first = _entries(folder)[0]
    data = first.read_bytes()
    first.unlink()
    assert verify(folder).exit_code == 3
    first.write_bytes(data)
    assert verify(folder).exit_code == 0
    facts = next(folder.glob("logs/*/facts/*/*.parquet"))
    facts.write_bytes(facts.read_bytes()[:-1] + b"x")
    assert verify(folder).exit_code == 1
    folder = copy(made, tmp_path / "other")
    said = (folder / "EXPORT.json").read_text()
    (folder / "EXPORT.json").write_text(said.replace('\\"rows\\":6', '\\"rows\\":7', 1))
    assert said != (folder / "EXPORT.json").read_text()
    account = verify(folder)
    assert account.exit_code == 1
    assert any("the tree has another record there" in str(each) for each in account.all_findings())


def test_an_export_file_excuses_nothing_in_a_ledger(made: Path, tmp_path: Path) -> None:
    """Put into a ledger that is written to, EXPORT.json is refused, not believed."""
    shutil.copytree(made / "ledger", tmp_path / "ledger")
    shutil.copy(made / "evidence" / "EXPORT.json", tmp_path / "ledger")
    account = verify(tmp_path / "ledger")
    assert account.exit_code == 2
    assert "it has a hot tail" in str(account.all_findings()[0])


def test_refusals_leave_nothing(made: Path) -> None:
    """No such entries, a folder that is there, a signed log without its key: each is told, none written."""
    before = sorted(path.name for path in made.iterdir())
    none = export(made, "none", "--from", "2035-01-01")
    assert (none.exit_code, "nothing was written" in none.stderr) == (1, True)
    again = export(made, "evidence")
    assert (again.exit_code, "is there already, and nothing is overwritten" in again.stderr) == (2, True)
    unsigned = ombud("ledger", "export", made / "ledger", "--system", "credit", "--out", made / "new")
    assert (unsigned.exit_code, "is signed: its key is needed" in unsigned.stderr) == (2, True)
    itself = ombud("ledger", "export", made / "evidence", "--system", "credit", "--out", made / "new")
    assert (itself.exit_code, "is an export itself" in itself.stderr) == (2, True)
    assert sorted(path.name for path in made.iterdir()) == before


def test_an_unsigned_pruned_ledger_can_be_exported(tmp_path: Path) -> None:
    """What is left after pruning goes along, and the prune entry that says why the rest is missing."""
    retained.record(tmp_path / "ledger", count=2)
    retained.prune(tmp_path / "ledger")
    done = ombud(
        "ledger",
        "export",
        tmp_path / "ledger",
        "--system",
        "credit",
        "--out",
        tmp_path / "e",
        "--to",
        "2026-01-01",
    )
    assert done.exit_code == 0, done.stderr
    account = verify(tmp_path / "e")
    assert (account.exit_code, account.all_findings()) == (0, [])
    assert account.logs[0].pruned_before > 0


@pytest.mark.parametrize("signed", [False, True])
def test_an_export_after_an_erasure(tmp_path: Path, signed: bool) -> None:
    """Shred entries of its facts go along, wherever they are; payloads only if asked for, and still dark."""
    root, signers = tmp_path / "ledger", [samples.KEY] if signed else []
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as vault:
        for day, system in (("2024-01-01", "credit"), ("2025-01-01", "other"), ("2026-01-01", "other")):
            ledger = samples.open_log(root, start=retained.us(day), vault=vault, signers=signers)
            if system == "credit":
                samples.about(ledger, vault, "ann", 1, "Ann Smith called")
                samples.about(ledger, vault, "bob", 2, "Bob wrote")
            else:
                ledger.append_blocking("decision", {"id": day, "system": system})
            ledger.seal_blocking()
            if day == "2025-01-01":
                assert ledger.erase("ann").complete
            ledger.publish()
            ledger.close()
        ledger = samples.open_log(root, start=retained.us("2026-02-01"), signers=signers)
        made = {}
        for name, payloads in (("without", False), ("with", True)):
            wanted = evidence.Wanted("credit", payloads=payloads)
            made[name] = evidence.export([ledger], wanted, tmp_path / name, by="t")
        ledger.close()
        assert None not in made.values()
        # The first disclosure is an entry of the system too, in the second folder, past a second hole.
        for name, files, holes in (("without", 0, 1), ("with", 1, 2)):
            account = verify(tmp_path / name, vault=vault)
            assert (account.exit_code, account.all_findings()) == (0, [])
            assert account.logs[0].erased == 1
            said = account.logs[0].completeness
            assert said is not None
            assert (said.unbroken, said.crashes, said.silences, said.holes) == (True, 0, 0, holes)
            assert len(list((tmp_path / name).glob("logs/*/payloads/*"))) == files
            text = (tmp_path / name / "README.md").read_text()
            assert ("are left out of this export" in text, "`logs/<log>/payloads/`" in text) == (
                not files,
                bool(files),
            )
        shown = ombud("ledger", "verify", tmp_path / "without")
        assert "of entries that are not here nothing is said" in shown.stdout
    records = json.loads((tmp_path / "with" / "EXPORT.json").read_text())["logs"]["r-0"]["records"]
    assert [json.loads(each["record"])["kind"] for each in records] == ["seal", "shred", "seal"]
    # What somebody writes into the records is held to the tiles, and to the file.
    (path,) = (tmp_path / "without").glob("logs/*/facts/*/*")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert verify(tmp_path / "without").exit_code == 1


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("logs/*/entries/*.parquet"))
