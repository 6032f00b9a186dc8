# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Pruning: by declaration, said before it is done, and never in the way of a proof."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ledger import retained, samples
from ledger.test_audit_sql import rows, stock_duckdb
from ombud_ledger import (
    KeyUnusable,
    Ledger,
    LedgerBroken,
    LedgerUnreadable,
    OriginMismatch,
    pruning,
    query,
    transparency,
    verify,
)
from ombud_ledger.auditing import chain_sql, drift_sql, root_sql
from ombud_ledger.tlog.note import Signer

SIGNED = pytest.mark.parametrize("signers", [(), (samples.KEY,)], ids=["unsigned", "signed"])


def folder(root: Path) -> Path:
    """Return the log's folder."""
    return root / "logs" / "r-0"


@SIGNED
def test_what_is_over_goes_and_the_rest_stays(tmp_path: Path, signers: Sequence[Signer]) -> None:
    """Entries of two years go, facts of three; verification says what was pruned, and is content."""
    retained.record(tmp_path, signers=signers)
    before = retained.parquet(tmp_path)
    retained.prune(tmp_path, signers=signers)
    entries = [name for name in before if name.startswith("entries/")]
    facts = [name for name in before if name.startswith("facts/")]
    left = retained.parquet(tmp_path)
    assert [name for name in left if name.startswith("entries/")] == entries[2:]
    assert [name.rpartition("/")[2] for name in left if name.startswith("facts/")] == [
        entries[3].rpartition("/")[2]
    ] * 2
    account = samples.assert_sound(tmp_path)
    (log,) = account.logs
    assert log.pruned_before == int(entries[2][8:20])
    assert log.pruned_files == sorted({*entries[:2], *facts} - set(left))
    assert (log.origin, log.size) == (samples.ORIGIN, log.size)
    # Nothing more is over, and the log goes on.
    retained.prune(tmp_path, signers=signers)
    assert retained.parquet(tmp_path) == left
    ledger = retained.at(tmp_path, "2026-07-02", signers=signers)
    samples.fill(ledger, 3, start=900)
    ledger.seal_blocking()
    ledger.close()
    samples.assert_sound(tmp_path)


def test_old_receipts_and_consistency_proofs_still_hold(tmp_path: Path) -> None:
    """Receipts of pruned entries verify, tiles prove from old sizes to new, kept checkpoints are extended."""
    retained.record(tmp_path, signers=[samples.KEY])
    published = transparency.published(tmp_path)
    old = published.checkpoint()
    receipt = published.receipt(4).to_bytes()
    kept = [path.read_bytes() for path in sorted((folder(tmp_path) / "pub" / "checkpoints").glob("*/*"))]
    assert len(kept) > 3
    retained.prune(tmp_path, signers=[samples.KEY])
    signed = transparency.parse_receipt(receipt).verify([samples.KEY.key])
    new = published.checkpoint().checkpoint
    assert signed.checkpoint.size == old.checkpoint.size < new.size
    for size in (1, 3, old.checkpoint.size):
        published.consistency(size, new.size)
    proof = published.consistency(old.checkpoint.size, new.size)
    transparency.verify_consistency(old.checkpoint.size, old.checkpoint.root, new.size, new.root, proof)
    vkey = str(samples.KEY.key)
    account = verify(tmp_path, vkeys=[vkey], checkpoints=[old.note.to_bytes(), *kept])
    assert (account.exit_code, account.all_findings()) == (0, [])
    assert account.logs[0].covered == account.logs[0].size
    # An inclusion proof of a pruned entry can even be made anew, from tiles.
    fresh = published.inclusion(4, new.size)
    leaf = (folder(tmp_path) / "pub" / "tile" / "0" / f"000.p/{new.size}").read_bytes()[4 * 32 : 5 * 32]
    transparency.verify_inclusion(leaf, 4, new.size, fresh, new.root)


def test_what_is_in_force_is_said_again(tmp_path: Path) -> None:
    """Declarations and the active policies outlive the segment that said them first."""
    retained.record(tmp_path)
    retained.prune(tmp_path)
    ledger = retained.at(tmp_path, "2029-01-01")
    declared = ledger.latest("system", {"event": "declared", "system": "credit"})
    activated = ledger.latest("policy", {"event": "activated"})
    assert declared is not None
    assert activated is not None
    assert (declared["restated"], declared["retention"]["entries"]) == (1, "24m")
    assert (activated["restated"], activated["object"]) == (2, "ff" * 32)
    # So the next prune knows them; what it says again points to where they were said first.
    samples.fill(ledger, 2, start=500)
    ledger.seal_blocking()
    ledger.prune_blocking(by="os:tester")
    samples.fill(ledger, 2, start=600)
    ledger.seal_blocking()
    ledger.prune_blocking(by="os:tester")
    assert ledger.latest("system", {"event": "declared"}) == declared
    ledger.close()
    assert len([name for name in retained.parquet(tmp_path) if name.startswith("entries/")]) == 2
    samples.assert_sound(tmp_path)
    with query.connect(tmp_path) as sql:
        rows = sql.execute("SELECT (record->>'$.before')::INT FROM prunes ORDER BY seq").fetchall()
    assert rows == sorted(rows)


def test_nothing_goes_without_a_declaration(tmp_path: Path) -> None:
    """Where none is declared, or that of one system is missing, the plan says so and nothing goes."""
    ledger = retained.at(tmp_path, "2020-01-01")
    samples.fill(ledger, 4)
    ledger.seal_blocking()
    ledger.append_blocking("decision", {"id": "other", "system": "other"})
    ledger.seal_blocking()
    ledger.close()
    ledger = retained.at(tmp_path, "2030-01-01")
    assert {each.why for each in ledger.prune_blocking(by="t").plan.staying} == {
        "no system declares retention in this log"
    }
    retained.declare(ledger, "other")
    plan = ledger.prune_blocking(by="t").plan
    ledger.close()
    assert plan.going == ()
    assert {each.why for each in plan.staying} == {
        "credit declares no retention in this log",
        "entries go in their order, and those from 0 on stay",
    }
    samples.assert_sound(tmp_path)


def test_the_longest_period_in_a_file_decides(tmp_path: Path) -> None:
    """A segment lives as long as the longest retention among its systems; entries of none, as the longest."""
    ledger = retained.at(tmp_path, "2022-01-01")
    for system, entries in (("credit", "6m"), ("long", "30m"), ("longest", "10y")):
        retained.declare(ledger, system, entries=entries, facts="1m", payloads="1m")
    ledger.append_blocking("decision", {"id": "1", "system": "credit"})
    ledger.append_blocking("decision", {"id": "2", "system": "long"})
    ledger.seal_blocking()
    ledger.append_blocking("refused", {"count": 3})
    ledger.seal_blocking()
    ledger.append_blocking("decision", {"id": "3", "system": "credit"})
    ledger.seal_blocking()
    ledger.close()
    ledger = retained.at(tmp_path, "2024-07-01")
    plan = pruning.would_prune(tmp_path, "r-0", now=retained.us("2024-07-01"))
    assert [each.why for each in plan.staying][:2] == [
        "until 2024-07-01: long keeps entries 30m",
        "until 2032-01-01: longest keeps entries 10y",
    ]
    ledger.close()
    ledger = retained.at(tmp_path, "2024-07-02")
    limited = ledger.prune_blocking(by="t", before=retained.us("2022-01-01")).plan
    assert limited.staying[0].why == "its newest entry is of 2022-01-01, not before 2022-01-01"
    plan = ledger.prune_blocking(by="t").plan
    ledger.close()
    assert [(each.part, each.declared.system) for each in plan.going] == [("entries", "long")]
    samples.assert_sound(tmp_path)


def test_a_legal_hold_wins(tmp_path: Path) -> None:
    """What holds entries of a held system stays, whichever log says so, until it is released."""
    retained.record(tmp_path)
    before = retained.parquet(tmp_path)
    other = retained.at(tmp_path, "2026-06-10", log="r-1")
    other.append_blocking("system", {"event": "held", "system": "credit", "by": "t"})
    other.close()
    ledger = retained.at(tmp_path, retained.LATER)
    plan = ledger.prune_blocking(by="t").plan
    assert {each.why for each in plan.staying} == {"credit is held, as log r-1 says"}
    assert retained.parquet(tmp_path) == before
    ledger.close()
    other = retained.at(tmp_path, "2026-06-11", log="r-1")
    other.append_blocking("system", {"event": "released", "system": "credit", "by": "t"})
    other.close()
    retained.prune(tmp_path)
    assert len(retained.parquet(tmp_path)) < len(before)


def test_a_hold_at_another_log_waits_for_a_prune_under_way(tmp_path: Path) -> None:
    """What is there when a hold is acknowledged stays, although another log is being pruned."""
    retained.record(tmp_path)
    other = retained.at(tmp_path, "2026-06-10", log="r-1")
    ledger = retained.at(tmp_path, retained.LATER)
    acknowledged, left = threading.Event(), []

    def hold() -> None:
        other.hold_blocking("credit", "held", by="t", reason="case 12")
        left.extend(retained.parquet(tmp_path))
        acknowledged.set()

    counsel = threading.Thread(target=hold)

    def progress(step: str, done: int, _total: int) -> None:
        if (step, done) == ("deleting", 1):
            counsel.start()
            acknowledged.wait(0.5)  # too long for a hold that waits for nothing

    going = ledger.prune_blocking(by="t", progress=progress).plan.going
    counsel.join()
    other.close()
    ledger.close()
    assert len(going) > 1
    assert left == list(retained.parquet(tmp_path))
    samples.assert_sound(tmp_path)


def test_a_declaration_of_a_held_system_is_held(tmp_path: Path) -> None:
    """What only declares a held system stays, and so do all entries after it: a prune leaves no hole."""
    ledger = retained.at(tmp_path, retained.BEGIN)
    retained.declare(ledger, "credit")
    retained.declare(ledger, "other")
    for start in (0, 100, 200):
        samples.fill(ledger, 4, start=start)
        ledger.seal_blocking()
    ledger.append_blocking("system", {"event": "held", "system": "other", "by": "t"})
    ledger.close()
    files = retained.parquet(tmp_path)
    entries = [name for name in files if name.startswith("entries/")]
    plan = pruning.would_prune(tmp_path, "r-0", now=retained.us(retained.LATER))
    why = {each.file.name: each.why for each in plan.staying}
    assert [why[name] for name in entries[:2]] == [
        "other is held, as log r-0 says",
        "entries go in their order, and those from 0 on stay",
    ]
    assert (plan.before, {each.part for each in plan.going}) == (0, {"facts"})
    ledger = retained.at(tmp_path, retained.LATER)
    pruned = ledger.prune_blocking(by="t")
    ledger.close()
    assert (pruned.left, [each.file.name for each in pruned.plan.going]) == (
        (),
        [each.file.name for each in plan.going],
    )
    assert [name for name in retained.parquet(tmp_path) if name in entries] == entries
    samples.assert_sound(tmp_path)


def test_missing_without_a_prune_entry_is_incomplete(tmp_path: Path) -> None:
    """Only what a prune entry names may be missing: another file is reported as before."""
    retained.record(tmp_path)
    retained.prune(tmp_path)
    left = retained.parquet(tmp_path)
    for name in (left[0], left[-1]):
        copy = tmp_path / "copy"
        for part in ("logs", "objects"):
            shutil.copytree(tmp_path / part, copy / part)
        (folder(copy) / name).unlink()
        account = verify(copy)
        assert account.exit_code == 3
        assert [finding.file for finding in account.all_findings()] == [name]
        shutil.rmtree(copy)


def test_a_prune_entry_counts_once_it_is_covered(tmp_path: Path) -> None:
    """On a signed log, files are not excused by a prune entry that no checkpoint covers."""
    retained.record(tmp_path, signers=[samples.KEY])
    old = (folder(tmp_path) / "pub" / "checkpoint").read_bytes()
    shutil.copytree(folder(tmp_path) / "pub", tmp_path / "pub")
    retained.prune(tmp_path, signers=[samples.KEY])
    shutil.rmtree(folder(tmp_path) / "pub")
    shutil.move(tmp_path / "pub", folder(tmp_path) / "pub")
    assert (folder(tmp_path) / "pub" / "checkpoint").read_bytes() == old
    account = verify(tmp_path)
    assert account.exit_code == 3
    assert account.logs[0].pruned_before == 0


@SIGNED
def test_a_file_put_back(tmp_path: Path, signers: Sequence[Signer]) -> None:
    """The pruned bytes are fine where they were; other bytes are broken."""
    retained.record(tmp_path, signers=signers)
    shutil.copytree(folder(tmp_path), tmp_path / "kept")
    first = retained.parquet(tmp_path)[0]
    retained.prune(tmp_path, signers=signers)
    # The first segment: the file with its seal is gone, so that the prune entry alone knows its digest.
    shutil.copy(tmp_path / "kept" / first, folder(tmp_path) / first)
    account = verify(tmp_path)
    assert (account.exit_code, account.all_findings()) == (0, [])
    data = bytearray((folder(tmp_path) / first).read_bytes())
    data[len(data) // 2] ^= 1
    (folder(tmp_path) / first).write_bytes(data)
    account = verify(tmp_path)
    assert account.exit_code == 1
    assert any("there again with other bytes" in str(each) for each in account.all_findings())


def test_what_is_not_the_sealed_file_is_not_pruned(tmp_path: Path) -> None:
    """Pruning would destroy the evidence of a change: it stops, and nothing is said or deleted."""
    retained.record(tmp_path)
    before = retained.parquet(tmp_path)
    facts = folder(tmp_path) / next(name for name in before if name.startswith("facts/"))
    pq.write_table(pq.read_table(facts, partitioning=None), facts, compression="gzip")
    ledger = retained.at(tmp_path, retained.LATER)
    with pytest.raises(LedgerBroken, match="not those that were sealed; nothing is pruned"):
        ledger.prune_blocking(by="t")
    assert ledger.latest("prune") is None
    ledger.close()
    assert retained.parquet(tmp_path) == before


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """What a plan cannot read it names; nothing is planned past it."""
    retained.record(tmp_path)
    name = retained.parquet(tmp_path)[1]
    (folder(tmp_path) / name).write_bytes(b"PAR1")
    with pytest.raises(LedgerUnreadable, match=f"{name}: cannot be read"):
        pruning.would_prune(tmp_path, "r-0", now=retained.us(retained.LATER))


def test_a_signed_log_is_pruned_with_its_key(tmp_path: Path) -> None:
    """Without the key no checkpoint can cover the prune entry, so nothing begins."""
    retained.record(tmp_path, signers=[samples.KEY])
    before = retained.parquet(tmp_path)
    with pytest.raises(KeyUnusable, match="is signed: its key is needed"):
        retained.prune(tmp_path)
    assert retained.parquet(tmp_path) == before


def test_a_pruned_log_knows_whose_it_is(tmp_path: Path) -> None:
    """The prune entry takes the place of the genesis entry: another origin is refused."""
    retained.record(tmp_path)
    retained.prune(tmp_path)
    with pytest.raises(OriginMismatch, match="this log's origin is"):
        Ledger.open(tmp_path, log="r-0", origin="acme.example/other", options=samples.QUIET)


@SIGNED
def test_heads_and_checkpoints_noted_down_before(tmp_path: Path, signers: Sequence[Signer]) -> None:
    """The chain value before the first entry left is known; one further back cannot be shown any more."""
    retained.record(tmp_path, signers=signers)
    with query.connect(tmp_path) as sql:
        chains = dict(sql.execute("SELECT seq, chain FROM entries").fetchall())
    retained.prune(tmp_path, signers=signers)
    before = verify(tmp_path).logs[0].pruned_before
    assert verify(tmp_path, head=(before, chains[before - 1])).exit_code == 0
    assert verify(tmp_path, head=(before + 1, chains[before])).exit_code == 0
    assert verify(tmp_path, head=(before, bytes(32))).exit_code == 1
    account = verify(tmp_path, head=(before - 1, chains[before - 2]))
    assert account.exit_code == 3
    assert "cannot be shown here" in str(account.all_findings()[0])


def test_sql_over_a_pruned_log(tmp_path: Path) -> None:
    """Views say from where on they show entries; a checkpoint still binds them; the auditors' SQL goes on."""
    retained.record(tmp_path, signers=[samples.KEY])
    old = transparency.published(tmp_path).checkpoint().note.to_bytes()
    retained.prune(tmp_path, signers=[samples.KEY])
    ledger = retained.at(tmp_path, retained.LATER, signers=[samples.KEY])
    samples.fill(ledger, 2, start=900)
    ledger.seal_blocking()
    ledger.close()
    begins = verify(tmp_path).logs[0].pruned_before
    with query.connect(tmp_path, as_of=[old]) as sql:
        assert sql.pruned == {"r-0": begins}
        assert sql.execute("SELECT min(seq) FROM entries").fetchall() == [(begins,)]
    with stock_duckdb(folder(tmp_path)) as db:
        assert rows(db, chain_sql()) == []
        assert rows(db, drift_sql()) == []
        assert rows(db, root_sql()) == []  # the root needs tiles
    # One entry more is missing than the prune entry says.
    (
        folder(tmp_path) / next(name for name in retained.parquet(tmp_path) if name.startswith("entries/"))
    ).unlink()
    with stock_duckdb(folder(tmp_path)) as db:
        assert len(rows(db, chain_sql())) == 1


def test_a_lost_signed_head_is_found_again(tmp_path: Path) -> None:
    """Without its file of the signed head, a pruned log is held to what it published, by its tiles."""
    retained.record(tmp_path, signers=[samples.KEY])
    retained.prune(tmp_path, signers=[samples.KEY])
    shutil.rmtree(folder(tmp_path) / "state")
    ledger = retained.at(tmp_path, retained.LATER, signers=[samples.KEY])
    assert ledger.why == ""
    ledger.close()
    samples.assert_sound(tmp_path)
