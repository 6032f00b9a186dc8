# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Every byte of sealed files, and every stored value of the hot tail, changed one at a time, is caught."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import samples
from ombud_ledger import Vault, verify
from ombud_ledger.layout import log_layout

STRIDE = int(os.environ.get("OMBUD_MUTATION_STRIDE", "1"))
"""Bytes between two mutations: 1 tries every byte; a prime, such as 23, is quicker at one's desk."""


def test_every_byte_of_sealed_files(tmp_path: Path) -> None:
    """Each byte of each sealed file, flipped: broken, named by the file."""
    samples.build(tmp_path, sealed=(4,), hot=1)
    mutate_every_byte(tmp_path)


def test_every_byte_of_sealed_files_of_a_signed_log(tmp_path: Path) -> None:
    """A signed log, whose tree is checked over the same files, is broken likewise."""
    samples.build(tmp_path, sealed=(4,), hot=1, signers=[samples.KEY])
    mutate_every_byte(tmp_path, stride=max(STRIDE, 11))


def test_every_byte_of_sealed_files_with_an_erasure(tmp_path: Path) -> None:
    """With payloads, and facts of which some are erased, each byte counts likewise."""
    root = tmp_path / "ledger"
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as vault:
        ledger = samples.open_log(root, vault=vault)
        for number, subject in enumerate(("ann", "bob", "ann")):
            samples.about(ledger, vault, subject, number, "note")
        ledger.seal_blocking()
        ledger.erase("ann")
        ledger.close()
    mutate_every_byte(root, stride=max(STRIDE, 29))


def mutate_every_byte(tmp_path: Path, stride: int = STRIDE) -> None:
    """Flip, cut and lengthen every sealed file, and demand that it is named."""
    samples.assert_sound(tmp_path)
    tried = 0
    for path in samples.files_of(tmp_path):
        original = path.read_bytes()
        for at in range(0, len(original), stride):
            data = bytearray(original)
            data[at] ^= 1 << (at % 8)
            path.write_bytes(data)
            account = verify(tmp_path)
            assert account.exit_code == 1, (path, at, account)
            files = {finding.file for finding in account.all_findings()}
            assert str(path.relative_to(tmp_path / "logs/r-0")) in files
            tried += 1
        for cut in (0, 1, len(original) // 2, len(original) - 1):
            path.write_bytes(original[:cut])
            assert verify(tmp_path).exit_code == 1, (path, cut)
        path.write_bytes(original + b"\0")
        assert verify(tmp_path).exit_code == 1, path
        path.write_bytes(original)
    assert tried > 20_000 // stride
    samples.assert_sound(tmp_path)


def mutations(value: Any) -> list[Any]:
    """Return other values of a stored value: each byte changed, cut, longer, other types."""
    if isinstance(value, int):
        return [value + 1_000, -1 - value]
    if isinstance(value, bytes):
        flips = [value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] for at in range(0, len(value), STRIDE)]
        return [*flips, value[:-1], value + b" ", b"", value.decode("latin-1")]
    return [b"x" * 32]


def test_every_value_of_the_hot_tail(tmp_path: Path) -> None:
    """Each stored value of each hot row, changed: broken, or unreadable where its type is wrong."""
    samples.build(tmp_path, sealed=(), hot=4)
    path = log_layout(tmp_path, "r-0").hot_files()[0].path
    with sqlite3.connect(path, isolation_level=None) as db:
        rows = db.execute("SELECT seq, record, chain, salt, facts FROM entries").fetchall()
        assert len(rows) == 6
        set_value = {
            "seq": "UPDATE entries SET seq = ? WHERE seq = ?",
            "record": "UPDATE entries SET record = ? WHERE seq = ?",
            "chain": "UPDATE entries SET chain = ? WHERE seq = ?",
            "salt": "UPDATE entries SET salt = ? WHERE seq = ?",
            "facts": "UPDATE entries SET facts = ? WHERE seq = ?",
        }
        for row in rows:
            for column, value in zip(set_value, row, strict=True):
                for other in [*mutations(value), *([None] if column in {"salt", "facts"} and value else [])]:
                    db.execute(set_value[column], (other, row[0]))
                    account = verify(tmp_path)
                    assert account.exit_code in {1, 2}, (row[0], column, other)
                    seq = row[0] if column != "seq" else other
                    db.execute(set_value[column], (value, seq))
            db.execute("DELETE FROM entries WHERE seq = ?", row[:1])
            # The last entry cut off is what only a head noted down elsewhere can show.
            assert verify(tmp_path).exit_code == (0 if row[0] == 5 else 1), row[0]
            db.execute("INSERT INTO entries VALUES (?,?,?,?,?)", row)
    db.close()
    samples.assert_sound(tmp_path)


@pytest.mark.parametrize("what", ["application_id", "user_version"])
def test_other_formats_are_refused_by_name(tmp_path: Path, what: str) -> None:
    """A hot file of another program or format is unreadable, and the message says so."""
    samples.build(tmp_path, sealed=(), hot=1)
    path = log_layout(tmp_path, "r-0").hot_files()[0].path
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA {what} = 2")
    db.close()
    account = verify(tmp_path)
    assert account.exit_code == 2
    assert "format 2 is not known" in str(account.all_findings()[0]) or what == "application_id"


def test_objects_are_checked(tmp_path: Path) -> None:
    """A changed contract object is broken; a missing one leaves its facts' columns unchecked: incomplete."""
    samples.build(tmp_path)
    (path,) = (tmp_path / "objects").iterdir()
    shutil.copyfile(path, tmp_path / "kept")
    path.write_bytes(path.read_bytes().replace(b"double", b"bigint"))
    assert verify(tmp_path).exit_code == 1
    path.unlink()
    assert verify(tmp_path).exit_code == 3
    shutil.copyfile(tmp_path / "kept", path)
    samples.assert_sound(tmp_path)
