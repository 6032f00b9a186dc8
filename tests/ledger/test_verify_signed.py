# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What verification says of a signed log: tiles, checkpoints, and what an auditor kept from earlier."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import samples
from ombud_ledger import Finding, KeyUnusable, LedgerUnreadable, verify
from ombud_ledger.hashing import chain_next, leaf_hash
from ombud_ledger.layout import LogLayout, log_layout
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint

SIGNED = [samples.KEY]
VKEY = str(samples.KEY.key)
OTHER = str(samples.NEXT_KEY.key)


@pytest.fixture
def layout(tmp_path: Path) -> LogLayout:
    """A signed log of 318 entries: one sealed segment, the rest hot."""
    samples.build(tmp_path, sealed=(298,), hot=16, signers=SIGNED)
    return log_layout(tmp_path, "r-0")


def root_of(layout: LogLayout) -> Path:
    """Return the ledger's folder."""
    return layout.folder.parents[1]


def only(layout: LogLayout, **demands: object) -> Finding:
    """Return the one finding there is."""
    (finding,) = verify(root_of(layout), **demands).all_findings()  # type: ignore[arg-type]
    return finding


def test_a_signed_log_is_sound(layout: LogLayout) -> None:
    """All entries are covered, and the account says by whom they are signed."""
    checkpoint = (layout.pub / "checkpoint").read_text()
    for vkeys in ((), (VKEY,), (OTHER, VKEY)):
        account = verify(root_of(layout), vkeys=vkeys)
        assert account.all_findings() == []
        (log,) = account.logs
        assert (log.size, log.covered, log.checkpoint) == (318, 318, checkpoint)
        assert log.signed_by == ([VKEY] if vkeys else [])


def test_another_key(layout: LogLayout) -> None:
    """A checkpoint that none of the given keys signed is broken; so is one that bears a false signature."""
    finding = only(layout, vkeys=[OTHER])
    assert (finding.level, finding.file) == ("broken", "pub/checkpoint")
    assert "no known key signed it" in finding.what
    path = layout.pub / "checkpoint"
    signed = parse_checkpoint(path.read_bytes())
    forged = sign_checkpoint(signed.checkpoint, SIGNED).replace(b"\n318\n", b"\n317\n")
    path.write_bytes(forged)
    assert "does not verify" in only(layout, vkeys=[VKEY]).what
    with pytest.raises(KeyUnusable):
        verify(root_of(layout), vkeys=["none"])
    with pytest.raises(LedgerUnreadable):
        verify(root_of(layout), checkpoints=[b"none"])


def test_every_tile_is_checked(layout: LogLayout) -> None:
    """One bit of any tile, changed, is broken, named by tile and entries; so is another length."""
    tiles = sorted(path for path in (layout.pub / "tile").rglob("*") if path.is_file())
    assert len(tiles) > 3
    for path in tiles:
        data = path.read_bytes()
        for changed in (
            bytes([data[0] ^ 1]) + data[1:],
            data[:-1] + bytes([data[-1] ^ 128]),
            data[:-32],
            b"",
        ):
            path.write_bytes(changed)
            finding = only(layout)
            assert (finding.level, finding.file) == ("broken", str(path.relative_to(layout.folder)))
            assert finding.first is not None
        path.write_bytes(data)
    (layout.pub / "tile/0/000").unlink()
    assert only(layout) == Finding("incomplete", "the tile is missing", file="pub/tile/0/000")


def test_every_byte_of_the_checkpoints(layout: LogLayout) -> None:
    """One bit of a published or kept checkpoint, changed, is broken: it no longer fits the entries."""
    for path in (layout.pub / "checkpoint", *sorted((layout.pub / "checkpoints").glob("*/*"))):
        data = path.read_bytes()
        text = data.index(b"\n\n")
        for at in range(text):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            levels = samples.levels(verify(root_of(layout)))
            assert "broken" in levels, (path, at)
        path.write_bytes(data)
    (layout.pub / "checkpoint").unlink()
    assert only(layout) == Finding("incomplete", "no checkpoint is published", file="pub/checkpoint")
    shutil.rmtree(layout.pub)
    assert verify(root_of(layout)).exit_code == 0
    assert only(layout, vkeys=[VKEY]).level == "incomplete"


def rebuild(layout: LogLayout, change: bytes) -> None:
    """Alter a hot decision and rebuild the chain after it."""
    with sqlite3.connect(layout.hot_files()[-1].path) as db:
        rows = db.execute("SELECT seq, record FROM entries ORDER BY seq").fetchall()
        (chain,) = db.execute("SELECT chain FROM entries WHERE seq = ?", rows[0][:1]).fetchone()
        for seq, record in rows[1:]:
            data = record.replace(b'"allow"', change) if seq == rows[5][0] else record
            chain = chain_next(chain, leaf_hash(data))
            db.execute("UPDATE entries SET record = ?, chain = ? WHERE seq = ?", (data, chain, seq))
    db.close()


def test_a_rebuilt_chain_no_longer_verifies(layout: LogLayout) -> None:
    """An altered decision under a rebuilt chain contradicts tiles and checkpoint: no head is needed."""
    rebuild(layout, b'"deny"')
    account = verify(root_of(layout))
    assert account.exit_code == 1
    files = {finding.file for finding in account.all_findings()}
    assert {"pub/checkpoint", f"pub/tile/0/001.p/{318 - 256}"} <= files


def test_a_tree_rebuilt_as_well_needs_a_checkpoint_kept_elsewhere(layout: LogLayout) -> None:
    """With the tree rebuilt, and signed by whoever holds the key, only a checkpoint kept elsewhere tells."""
    kept = (layout.pub / "checkpoint").read_bytes()
    rebuild(layout, b'"deny"')
    shutil.rmtree(layout.pub)
    shutil.rmtree(layout.folder / "state")
    samples.open_log(root_of(layout), signers=SIGNED).close()
    assert verify(root_of(layout), vkeys=[VKEY]).exit_code == 0
    finding = only(layout, checkpoints=[kept])
    assert finding.level == "broken"
    assert "the checkpoint demanded, of size 318, has root" in finding.what


def test_a_cut_off_tail(layout: LogLayout) -> None:
    """The last entries cut off contradict the published checkpoint, or the one that was kept."""
    kept = (layout.pub / "checkpoint").read_bytes()
    with sqlite3.connect(layout.hot_files()[-1].path) as db:
        db.execute("DELETE FROM entries WHERE seq >= 316")
    db.close()
    what = "the log has 316 entries; the checkpoint published says there were 318"
    assert only(layout) == Finding("broken", what, file="pub/checkpoint")
    shutil.rmtree(layout.pub)
    assert verify(root_of(layout)).exit_code == 0
    what = "the log has 316 entries; the checkpoint demanded says there were 318"
    assert only(layout, checkpoints=[kept]) == Finding("broken", what)


def test_checkpoints_along_the_log(tmp_path: Path) -> None:
    """Every checkpoint ever published can be demanded; none with another root, or of another origin."""
    ledger = samples.open_log(tmp_path, signers=SIGNED)
    seen = []
    for count in (1, 200, 55, 1, 300):
        samples.fill(ledger, count)
        seen.append(ledger.publish() or b"")
    ledger.seal_blocking()
    ledger.close()
    assert verify(tmp_path, vkeys=[VKEY], checkpoints=seen).all_findings() == []
    sizes = [parse_checkpoint(data).checkpoint.size for data in seen]
    assert 256 < sizes[2] < sizes[3]
    for size in sizes:
        other = sign_checkpoint(Checkpoint(samples.ORIGIN, size, bytes(32)), SIGNED)
        assert verify(tmp_path, checkpoints=[other]).exit_code == 1
    stranger = seen[0].replace(b"acme", b"evil")
    (finding,) = verify(tmp_path, checkpoints=[stranger]).all_findings()
    assert "no log here is 'evil.example/test/r/1'" in finding.what


def test_a_replayed_checkpoint(layout: LogLayout) -> None:
    """An older checkpoint published again is sound by itself; one kept from later says nothing against it."""
    newest = (layout.pub / "checkpoint").read_bytes()
    (older,) = list((layout.pub / "checkpoints").glob("*/*"))[:1]
    shutil.copyfile(older, layout.pub / "checkpoint")
    account = verify(root_of(layout), vkeys=[VKEY])
    assert account.exit_code == 0
    assert account.logs[0].covered < account.logs[0].size
    # The log still has what the newer one covered: it is the publishing that went back, not the log.
    assert verify(root_of(layout), vkeys=[VKEY], checkpoints=[newest]).exit_code == 0


def test_missing_segments_leave_the_tree_whole(layout: LogLayout) -> None:
    """Where a sealed file is missing, the tree stands on its tiles, and every checkpoint still verifies."""
    kept = (layout.pub / "checkpoint").read_bytes()
    layout.entries_files()[0].path.unlink()
    account = verify(root_of(layout), vkeys=[VKEY], checkpoints=[kept])
    assert account.exit_code == 3
    assert {finding.what for finding in account.all_findings()} == {"the sealed file is missing"}
    shutil.rmtree(layout.pub / "tile")
    account = verify(root_of(layout), vkeys=[VKEY], checkpoints=[kept])
    assert account.exit_code == 3
    assert any("the tree cannot be computed" in finding.what for finding in account.all_findings())


def test_a_live_log_verifies(tmp_path: Path) -> None:
    """A log that is written, sealed and published meanwhile is sound at every look."""
    options = replace(samples.QUIET, publish_automatically=True, publish_seconds=0.001)
    ledger = samples.open_log(tmp_path, signers=SIGNED, options=options)
    ledger.publish()
    for _ in range(12):
        samples.fill(ledger, 60)
        assert verify(tmp_path, vkeys=[VKEY]).all_findings() == []
    ledger.close()
