# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Erasing a person: nothing of them is left, everything else is as it was, and the ledger verifies."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ombud_ledger.latest
from ledger import samples, second_verifier
from ombud_ledger import (
    Facts,
    Ledger,
    LedgerError,
    LedgerReadOnly,
    Payload,
    RecordInvalid,
    SubjectHeld,
    SubjectUnknown,
    Vault,
    query,
    verify,
)
from ombud_ledger.check_payloads import check_payloads
from ombud_ledger.errors import EntryBroken
from ombud_ledger.hashing import payload_commit
from ombud_ledger.hot import PayloadRow
from ombud_ledger.layout import LogLayout, log_layout
from ombud_ledger.records import stretch
from ombud_ledger.snapshot import snapshot

ANN = "ann.smith@example.org"
BOB = "bob"
NAME = "Ann Smith of Elm Street"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


def fill(ledger: Ledger, vault: Vault, start: int = 0) -> None:
    """Append two decisions about each of two people, two about nobody, one with a payload alone."""
    for number in range(start, start + 2):
        samples.about(ledger, vault, ANN, number, f"{NAME} called, {number}")
        samples.about(ledger, vault, BOB, number, "Bob wrote")
    samples.fill(ledger, 2, start=start)
    ledger.append_blocking("decision", samples.decision(99), payload=Payload(None, b"of nobody known"))


def build(root: Path, vault: Vault) -> Ledger:
    """Open a log with two segments, the first without Ann, and a hot tail."""
    ledger = samples.open_log(root, vault=vault)
    samples.about(ledger, vault, BOB, 1, "Bob alone")
    samples.fill(ledger, 3)
    ledger.seal_blocking()
    fill(ledger, vault)
    ledger.seal_blocking()
    fill(ledger, vault, 10)
    return ledger


def bytes_under(folder: Path) -> bytes:
    """Return every byte under a folder, Parquet columns decompressed as well."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes())
        if path.suffix == ".parquet":
            found.append(
                json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
            )
    return b"\n".join(found)


def digests(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every sealed file."""
    return {
        str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in samples.files_of(root)
    }


def shreds(root: Path) -> list[dict[str, Any]]:
    """Return the records of all shred entries of the log."""
    with snapshot(log_layout(root, "r-0")) as shot:
        records = [json.loads(entry.record) for entry in stretch(shot, 0, 10**6)]
    return [record for record in records if record["kind"] == "shred"]


def test_nothing_is_left(tmp_path: Path, vault: Vault) -> None:
    """A name typed into a reason is in no byte of the ledger after erasure; it verifies, and queries work."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    pseudonym = vault.find(ANN)
    assert NAME.encode() in bytes_under(root)
    seen: list[tuple[str, int, int]] = []
    erasure = ledger.erase(ANN, lambda *told: seen.append(told))
    assert (erasure.complete, erasure.rows, erasure.pseudonyms, erasure.payloads) == (True, 4, 1, 4)
    assert len(erasure.files) == 2
    assert seen[-1][1] == seen[-1][2]
    assert all(part in " ".join(erasure.remains) for part in ("records", "backups", "free text"))
    left = bytes_under(root)
    assert [each in left for each in (NAME.encode(), ANN.encode())] == [False, False]
    assert ANN.encode() not in bytes_under(tmp_path)
    account = verify(root, vault=vault)
    assert (account.exit_code, account.logs[0].erased) == (0, 4), account.all_findings()
    # The rows stay, with nothing in them; queries go on.
    with query.connect(root) as sql:
        ((rows, kept, amounts),) = sql.execute(
            "SELECT count(*), count(facts), count(amount) FROM decisions JOIN facts_credit USING (log, seq)"
        ).fetchall()
        assert (rows, kept, amounts) == (14, 10, 10)
        assert sql.execute("SELECT count(*) FROM facts WHERE facts LIKE '%Bob%'").fetchall() == [(5,)]
    with pytest.raises(SubjectUnknown):
        ledger.erase(ANN)
    assert vault.pseudonym(ANN) != pseudonym
    ledger.close()
    samples.assert_sound(root)


def test_what_the_log_says(tmp_path: Path, vault: Vault) -> None:
    """Shred entries give digests and how many rows are blank, and say that keys are gone; never whose."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    pseudonym = vault.find(ANN)
    ledger.seal_blocking()
    before = digests(root)
    erasure = ledger.erase(ANN)
    found = [{key: value for key, value in each.items() if key != "ts"} for each in shreds(root)]
    after = digests(root)
    for name, each in zip(erasure.files, found, strict=False):
        path = f"logs/r-0/{name}"
        assert each == {
            "kind": "shred",
            "event": "file",
            "erasure": erasure.id,
            "path": name,
            "old": before[path],
            "new": after[path],
            "bytes": (root / path).stat().st_size,
            "blanks": 2,
        }
    assert found[2:] == [{"kind": "shred", "event": "keys", "erasure": erasure.id, "destroyed": 1}]
    assert pseudonym is not None
    assert pseudonym not in json.dumps(found)
    # All other files are as they were, byte for byte.
    changed = {path.removeprefix("logs/r-0/") for path in before if before[path] != after[path]}
    assert changed == set(erasure.files)
    ledger.close()


def test_other_people(tmp_path: Path, vault: Vault) -> None:
    """Other people's entries export as before, with facts and payloads; two erasures of one file add up."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    bobs = list(ledger.export(BOB).entries)
    assert [each.payload.request.decode() if each.payload else "" for each in bobs] == [
        f"request {number} of bob" for number in (1, 0, 1, 10, 11)
    ]
    ledger.erase(ANN)
    assert list(ledger.export(BOB).entries) == bobs
    ledger.erase(BOB)
    assert [each["blanks"] for each in shreds(root) if each["event"] == "file"] == [2, 2, 1, 4, 4]
    samples.assert_sound(root)
    for subject in (ANN, BOB):
        with pytest.raises(SubjectUnknown):
            ledger.export(subject)
    ledger.close()
    assert vault.pending_erasures("r-0") == {}


def test_export(tmp_path: Path, vault: Vault) -> None:
    """An export has every entry about the person, sealed or hot, of all logs: record, facts, payload."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    other = samples.open_log(root, vault=vault, log="r-1")
    samples.about(other, vault, ANN, 50, "elsewhere")
    found = ledger.export(ANN)
    assert (found.subject, found.pseudonym) == (ANN, vault.find(ANN))
    entries = list(found.entries)
    assert [(each.log, each.record["id"]) for each in entries] == [
        ("r-0", "d-0"),
        ("r-0", "d-1"),
        ("r-0", "d-10"),
        ("r-0", "d-11"),
        ("r-1", "d-50"),
    ]
    last = entries[-1]
    assert last.payload == Payload(found.pseudonym, b"request 50 of ann.smith@example.org", b"response")
    assert last.facts is not None
    assert (last.facts["reason"], last.facts["subject"]) == ("elsewhere", found.pseudonym)
    assert last.facts["values"]["amount"] == "1050.1"
    ledger.close()
    other.close()


def test_a_hold(tmp_path: Path, vault: Vault) -> None:
    """Under legal hold nothing is erased, and nothing happens; once it is released, it can be."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    hold = vault.hold(ANN, "suit")
    size, before = ledger.size, digests(root)
    with pytest.raises(SubjectHeld, match=hold):
        ledger.erase(ANN)
    assert (ledger.size, digests(root)) == (size, before)
    assert len(list(ledger.export(ANN).entries)) == 4
    vault.release(hold)
    assert ledger.erase(ANN).complete
    ledger.close()
    samples.assert_sound(root)


def test_one_walk_through_the_log(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files an erasure rewrites, it looks once for what shred entries say of them."""
    ledger = build(tmp_path / "ledger", vault)
    walks: list[str] = []
    candidates = ombud_ledger.latest._candidates

    def walked(layout: LogLayout, kind: str) -> Iterator[tuple[int, bytes | str]]:
        walks.append(kind)
        return candidates(layout, kind)

    monkeypatch.setattr(ombud_ledger.latest, "_candidates", walked)
    assert len(ledger.erase(BOB).files) == 3
    assert walks.count("shred") == 2  # and once more for what says that keys are gone
    ledger.close()


def test_signed(tmp_path: Path, vault: Vault) -> None:
    """In a signed log a checkpoint covers each shred entry before the old bytes go."""
    root = tmp_path / "ledger"
    ledger = samples.open_log(root, vault=vault, signers=[samples.KEY])
    fill(ledger, vault)
    ledger.erase(ANN)
    ledger.close()
    account = verify(root, vkeys=[str(samples.KEY.key)])
    assert (account.exit_code, account.logs[0].erased) == (0, 2), account.all_findings()


def test_without_a_vault(tmp_path: Path) -> None:
    """A log opened without vault takes no payload, erases and exports nobody, and says why."""
    ledger = samples.open_log(tmp_path)
    for act in (
        lambda: ledger.append_blocking("decision", {"id": "d"}, payload=Payload(None, b"")),
        lambda: ledger.erase(ANN),
        lambda: ledger.export(ANN),
    ):
        with pytest.raises(LedgerError, match="without a vault"):
            act()
    assert ledger.size == 1
    ledger.close()


def test_a_payload_needs_an_id(tmp_path: Path, vault: Vault) -> None:
    """A payload is bound to its call's id, so an entry without one takes none; nor are commitments forged."""
    ledger = samples.open_log(tmp_path / "ledger", vault=vault)
    with pytest.raises(RecordInvalid, match="must have an `id`"):
        ledger.append_blocking("decision", {}, payload=Payload(None, b""))
    for key in ("payload_commit", "payload_key_commit"):
        with pytest.raises(RecordInvalid, match=f"{key}: written by the ledger"):
            ledger.append_blocking("decision", {key: "ab" * 32})
    with pytest.raises(RecordInvalid, match="`subject` and `values`"):
        ledger.append_blocking("decision", {}, Facts(None, {}, {"subject": "ab" * 16}))
    with pytest.raises(RecordInvalid, match="must be a pseudonym"):
        ledger.append_blocking("decision", {}, Facts(None, {}, {}, ANN))
    ledger.close()


def test_payloads_survive_recovery(tmp_path: Path, vault: Vault) -> None:
    """Payloads in the tail are copied by recovery with their entries, sealed with them, and still open."""
    root = tmp_path / "ledger"
    for number in range(3):
        ledger = samples.open_log(root, vault=vault)
        samples.about(ledger, vault, ANN, number, "note")
        ledger.close()
    ledger = samples.open_log(root, vault=vault)
    hot = list(ledger.export(ANN).entries)
    ledger.seal_blocking()
    assert list(ledger.export(ANN).entries) == hot
    assert [each.payload is not None for each in hot] == [True] * 3
    ledger.close()
    assert verify(root, vault=vault).exit_code == 0


def test_payloads_in_the_tail_are_checked(tmp_path: Path, vault: Vault) -> None:
    """A changed, missing or surplus payload in the hot tail is broken; one of another type unreadable."""
    root = tmp_path / "ledger"
    ledger = samples.open_log(root, vault=vault)
    samples.about(ledger, vault, ANN, 1, "note")
    ledger.close()
    (file,) = log_layout(root, "r-0").hot_files()
    with closing(sqlite3.connect(file.path, isolation_level=None)) as db:
        kept = db.execute("SELECT * FROM payloads").fetchall()
        for change, code in (
            ("UPDATE payloads SET ciphertext = x'00'", 1),
            ("UPDATE payloads SET salt = zeroblob(32)", 1),
            ("UPDATE payloads SET seq = 0", 1),
            ("UPDATE payloads SET ciphertext = 'text'", 2),
            ("UPDATE payloads SET salt = 'text'", 2),
            ("UPDATE payloads SET subject = x'00'", 2),
            ("INSERT INTO payloads SELECT 0, subject, salt, ciphertext FROM payloads", 1),
            ("DELETE FROM payloads", 1),
            ("DROP TABLE payloads", 1),
        ):
            db.execute("BEGIN")
            db.execute(change)
            db.execute("COMMIT")
            assert verify(root).exit_code == code, change
            with pytest.raises(LedgerError):
                samples.open_log(root, vault=vault)
            db.execute("BEGIN")
            db.execute(
                "CREATE TABLE IF NOT EXISTS payloads (seq INTEGER PRIMARY KEY, subject, salt, ciphertext)"
            )
            db.execute("DELETE FROM payloads")
            db.executemany("INSERT INTO payloads VALUES (?,?,?,?)", kept)
            db.execute("COMMIT")
            samples.assert_sound(root)


def test_a_tail_without_payloads_table(tmp_path: Path) -> None:
    """A hot file from before there were payloads is read, verified, recovered, and takes payloads then."""
    ledger = samples.open_log(tmp_path / "ledger")
    samples.fill(ledger, 3)
    ledger.close()
    (file,) = log_layout(tmp_path / "ledger", "r-0").hot_files()
    with closing(sqlite3.connect(file.path)) as db:
        db.execute("DROP TABLE payloads")
    samples.assert_sound(tmp_path / "ledger")
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as vault:
        ledger = samples.open_log(tmp_path / "ledger", vault=vault)
        samples.about(ledger, vault, ANN, 1, "note")
        ledger.close()
    samples.assert_sound(tmp_path / "ledger")


def test_a_read_only_log(tmp_path: Path, vault: Vault) -> None:
    """In a log that takes no entries nobody's erasure begins: it could not be finished."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    ledger._forbid("a test says so")
    with pytest.raises(LedgerReadOnly, match="a test says so"):
        ledger.erase(ANN)
    assert vault.pending_erasures("r-0") == {}
    ledger.close()


def sealed(tmp_path: Path, vault: Vault) -> tuple[Path, Path]:
    """Return a closed, sealed ledger with an erasure in it, and its newest facts file with blanks."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    name = ledger.erase(ANN).files[-1]
    ledger.close()
    return root, root / "logs/r-0" / name


def findings(root: Path) -> list[tuple[str, str]]:
    """Return level and text of all findings."""
    return [(finding.level, finding.what) for finding in verify(root).all_findings()]


def reseal(root: Path, path: Path, table: pa.Table, **shred: Any) -> None:
    """Write a file anew, and have the log say that it is as it should be: digest, and what `shred` says."""
    shutil.copyfile(path, f"{path}.old")
    pq.write_table(table, path)
    ledger = samples.open_log(root, start=1_800_000_000_000_000)
    ledger.append_blocking(
        "shred",
        {
            "event": "file",
            "erasure": "00",
            "path": str(path.relative_to(root / "logs/r-0")),
            "old": sha256(Path(f"{path}.old").read_bytes()).hexdigest(),
            "new": sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            **shred,
        },
    )
    ledger.close()
    Path(f"{path}.old").unlink()


def blanked(table: pa.Table, *places: int) -> pa.Table:
    """Return a table of facts with some rows blank."""
    kept = pa.array([None if at in places else at for at in range(len(table))], pa.int64())
    columns = [table.column(0), *(column.take(kept) for column in table.columns[1:])]
    return pa.Table.from_arrays(columns, schema=table.schema)


def test_the_second_verifier_agrees(tmp_path: Path, vault: Vault) -> None:
    """A ledger with an erasure, read through stock DuckDB, passes the verifier that knows only FORMAT.md."""
    root = tmp_path / "ledger"
    ledger = samples.open_log(root, vault=vault)
    fill(ledger, vault)
    ledger.erase(ANN)
    ledger.close()
    log = root / "logs/r-0"
    with snapshot(log_layout(root, "r-0")) as shot:  # the shred entries are in the tail
        lines = [
            {"seq": entry.seq, "record": entry.record.decode(), "chain": entry.chain.hex()}
            for entry in stretch(shot, 0, 10**6)
        ]
    files: dict[str, Any] = {}
    with closing(duckdb.connect()) as db:
        for path in (*log.glob("facts/*/*"), *log.glob("payloads/*")):
            last = "facts" if "facts" in path.parts else "ciphertext"
            text = "facts" if last == "facts" else "lower(hex(ciphertext))"
            found = db.execute(
                f"SELECT seq, lower(hex(salt)), {text} FROM read_parquet(?)",  # noqa: S608
                [str(path)],
            ).fetchall()
            rows = [
                {"seq": seq} if held is None else {"seq": seq, "salt": salt, last: held}
                for seq, salt, held in found
            ]
            data = path.read_bytes()
            files[str(path.relative_to(log))] = {
                "sha256": sha256(data).hexdigest(),
                "bytes": len(data),
                "rows": rows,
            }
    assert second_verifier.check_segment({"entries": lines, "files": files}) == 2
    for file in files.values():
        file["bytes"] += 1
    with pytest.raises(second_verifier.Rejected):
        second_verifier.check_segment({"entries": lines, "files": files})


def test_the_old_file_put_back(tmp_path: Path, vault: Vault) -> None:
    """A facts file from before its erasure is not sound: the erasure was logged, and not carried out."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    ledger.seal_blocking()
    shutil.copytree(root, tmp_path / "before")
    name = ledger.erase(ANN).files[-1]
    ledger.close()
    shutil.copyfile(tmp_path / "before/logs/r-0" / name, root / "logs/r-0" / name)
    assert verify(root).exit_code == 3
    assert findings(root) == [
        ("incomplete", "an erasure was logged but not carried out: the file is the one before")
    ]


def test_erased_while_it_is_verified(tmp_path: Path, vault: Vault) -> None:
    """An erasure that comes between reading the log and hashing its files is no false alarm."""
    root = tmp_path / "ledger"
    ledger = build(root, vault)
    ledger.seal_blocking()
    told: list[bool] = []

    def progress(*_: object) -> None:
        if not told:
            told.append(ledger.erase(ANN).complete)

    account = verify(root, progress=progress)
    assert (told, account.exit_code, account.logs[0].erased) == ([True], 0, 4), account.all_findings()
    ledger.close()


def test_blank_without_shred(tmp_path: Path, vault: Vault) -> None:
    """Rows that are blank, and of which no shred entry speaks, are broken, whatever digest is logged."""
    root, path = sealed(tmp_path, vault)
    table = pq.read_table(path)
    erased = table["facts"].null_count
    assert 0 < erased < len(table)
    place = table["facts"].to_pylist().index(next(each for each in table["facts"].to_pylist() if each))
    reseal(root, path, blanked(table, place), blanks=erased + 2)
    assert findings(root) == [
        ("broken", f"{erased + 1} of its rows are blank; erased, as the log says, are {erased + 2}")
    ]


def test_fewer_blanks_than_before(tmp_path: Path, vault: Vault) -> None:
    """A shred entry that takes no more rows than the one before is broken: erasures only add."""
    root, path = sealed(tmp_path, vault)
    reseal(root, path, pq.read_table(path), blanks=2)
    assert [level for level, what in findings(root) if "not more than before" in what] == ["broken"]


def test_a_half_blank_row(tmp_path: Path, vault: Vault) -> None:
    """A row without facts that still has a typed value, or its salt, is broken."""
    root, path = sealed(tmp_path, vault)
    table = pq.read_table(path)
    for column in ("amount", "salt"):
        values = table[column].to_pylist()
        other = next(each for each in values if each is not None)
        full = pa.array([other if each is None else each for each in values], table.schema.field(column).type)
        at = table.schema.get_field_index(column)
        shutil.copytree(root, tmp_path / column)
        mine = tmp_path / column / path.relative_to(root)
        forged = table.set_column(at, table.schema.field(column), full)
        reseal(tmp_path / column, mine, forged, blanks=table["facts"].null_count + 1)
        assert ("broken", f"its facts are blank, but column {column} in") in [
            (level, what.rpartition(" facts/")[0]) for level, what in findings(tmp_path / column)
        ]


def test_a_shred_out_of_nowhere(tmp_path: Path, vault: Vault) -> None:
    """A shred entry whose old digest no entry gave before is broken: it would hide a changed file."""
    root, path = sealed(tmp_path, vault)
    path.write_bytes(path.read_bytes() + b"x")
    assert verify(root).exit_code == 1
    ledger = samples.open_log(root, start=1_800_000_000_000_000)
    body = {"event": "file", "erasure": "00", "path": str(path.relative_to(root / "logs/r-0")), "blanks": 3}
    digest = sha256(path.read_bytes()).hexdigest()
    ledger.append_blocking("shred", {**body, "old": "ab" * 32, "new": digest, "bytes": path.stat().st_size})
    ledger.close()
    assert [level for level, what in findings(root) if "that no entry before gives" in what] == ["broken"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": "file", "erasure": "00"},
        {"event": "keys", "erasure": "00"},
        {"event": "file", "erasure": "00", "path": "entries/x", "old": "0" * 64, "new": "0" * 64, "bytes": 1}
        | {"blanks": 1},
    ],
)
def test_malformed_shreds(tmp_path: Path, body: dict[str, Any]) -> None:
    """A shred entry of another form is broken, hot or sealed."""
    ledger = samples.open_log(tmp_path)
    ledger.append_blocking("shred", body)
    ledger.close()
    assert [what.partition(":")[0] for _, what in findings(tmp_path)] == ["the shred entry is malformed"]
    ledger = samples.open_log(tmp_path)
    ledger.seal_blocking()
    ledger.close()
    assert [what.partition(":")[0] for _, what in findings(tmp_path)] == ["the shred entry is malformed"]


def test_payloads_are_checked(tmp_path: Path, vault: Vault) -> None:
    """A payload that is changed, missing, surplus or another's is broken; a missing file is incomplete."""
    root, _ = sealed(tmp_path, vault)
    path = max(root.glob("logs/r-0/payloads/*.parquet"))
    rows = pq.read_table(path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert (findings(root)[0][0], verify(root).exit_code) == ("broken", 1)
    held = [PayloadRow(**row) for row in rows.to_pylist()]
    commits = {row.seq: payload_commit(row.salt, row.ciphertext).hex() for row in held}
    check_payloads(held, commits)
    for changed, message in (
        ([held[0]._replace(ciphertext=b"x" * 30), *held[1:]], "not the one that the record commits to"),
        ([held[0]._replace(salt=bytes(32)), *held[1:]], "not the one that the record commits to"),
        ([held[1], held[0], *held[2:]], "should come here"),
        (held[1:], "should come here"),
        (held[:-1], "is missing"),
        ([*held, held[-1]._replace(seq=10**6)], "no such payload"),
    ):
        with pytest.raises(EntryBroken, match=message):
            check_payloads(changed, commits)
    path.unlink()
    assert findings(root) == [("incomplete", "the payloads file is missing")]


def test_a_cut_payloads_file(tmp_path: Path, vault: Vault) -> None:
    """A payloads file that is cut is in the account, with the keys at hand too, and hides no other file."""
    root, _ = sealed(tmp_path, vault)
    cut, other = sorted(root.glob("logs/r-0/payloads/*.parquet"))[:2]
    cut.write_bytes(cut.read_bytes()[:-10])
    name = f"payloads/{cut.name}"
    found = [(each.level, each.file) for each in verify(root, vault=vault).all_findings()]
    assert found == [("broken", name), ("unreadable", name)]
    assert verify(root, vault=vault).exit_code == 1
    with closing(Vault.create(tmp_path / "other", tmp_path / "others")) as foreign:
        account = verify(root, vault=foreign)
    opened = {each.entry for each in account.all_findings() if "key" in each.what and each.entry is not None}
    assert opened & {row["seq"] for row in pq.read_table(other).to_pylist()}


def test_keys_are_checked(tmp_path: Path, vault: Vault) -> None:
    """With a vault, payloads must open; those of erased people are dark; without their keys, incomplete."""
    root, _ = sealed(tmp_path, vault)
    assert verify(root, vault=vault).exit_code == 0
    other = Vault.create(tmp_path / "other", tmp_path / "others")
    with closing(other):
        account = verify(root, vault=other)
    # Those about nobody known have a key in every vault, but here it is another one.
    assert {finding.level for finding in account.all_findings()} == {"broken", "incomplete"}
    missing = [finding.what for finding in account.all_findings() if finding.level == "incomplete"]
    assert missing == ["9 payloads have no key in this key store"]
