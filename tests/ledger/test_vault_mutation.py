# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes of the key store and the epoch keys, changed one at a time: noticed, or without any effect.

Nobody is lost by it, nor met as somebody new; no hold stops holding; no payload opens to other bytes.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger import samples
from ombud_ledger import (
    Payload,
    SubjectErased,
    SubjectKeyMissing,
    Vault,
    VaultUnusable,
    verify,
)
from ombud_ledger.entry import Dark
from ombud_ledger.hot import PayloadRow

STRIDE = max(
    int(os.environ.get("OMBUD_MUTATION_STRIDE", "0")), int(os.environ.get("OMBUD_VAULT_STRIDE", "101"))
)
"""Bytes between two mutations, a prime; OMBUD_VAULT_STRIDE=1 tries every byte, which takes minutes."""
PEOPLE = ("ann", "bob", "carl")


class Known(NamedTuple):
    """What a vault must tell, whatever happens to its bytes, unless it says that it cannot."""

    pseudonyms: dict[str, str]
    darks: dict[str | None, Dark]
    holds: list[Any]
    erased: Dark


def build(folder: Path) -> Known:
    """Make a vault that knows people, nobody, a hold and somebody erased; nothing is left in its log."""
    with closing(Vault.create(folder / "store", folder / "keys")) as vault:
        pseudonyms = {name: vault.pseudonym(name) for name in PEOPLE}
        owners: list[tuple[str | None, str | None]] = [(None, None), *pseudonyms.items()]
        darks: dict[str | None, Dark] = {
            name: vault.seal_payload(Payload(who, b"request"), "o", "d-1") for name, who in owners
        }
        erased = vault.seal_payload(Payload(vault.pseudonym("dora"), b"request"), "o", "d-1")
        erasure, _ = vault.begin_erasure("dora")
        vault.destroy_keys(erasure, "r-0")
        vault.end_erasure(erasure)
        vault.begin_erasure("carl")
        del pseudonyms["carl"], darks["carl"]
        vault.hold("bob", "suit")
        return Known(pseudonyms, darks, vault.holds(), erased)


def told(folder: Path, known: Known) -> Known:
    """Ask the vault all of it."""
    with closing(Vault.open(folder / "store", folder / "keys")) as vault:
        vault.demand_sound()
        pseudonyms = {name: vault.find(name) or "" for name in known.pseudonyms}
        assert vault.find("dora") is None
        for dark in known.darks.values():
            row = PayloadRow(0, dark.subject, dark.salt, bytes(dark.ciphertext))
            payload = vault.open_payload(row, origin="o", call="d-1", commitment=dark.key_commit)
            assert payload == Payload(dark.subject, b"request")
        gone = PayloadRow(0, known.erased.subject, known.erased.salt, bytes(known.erased.ciphertext))
        # That of a row whose pseudonym was changed is not known to be erased any more; it stays dark.
        with pytest.raises((SubjectErased, SubjectKeyMissing)):
            vault.open_payload(gone, origin="o", call="d-1", commitment=known.erased.key_commit)
        account = vault.account()
        assert (account.subjects, account.erasing, account.holds) == (2, 1, 1)
        return known._replace(pseudonyms=pseudonyms, holds=vault.holds())


def flipped(path: Path, stride: int) -> Iterator[int]:
    """Change one byte after the other; put the file back as it was before each, and in the end."""
    folder, kept = path.parent, path.read_bytes()
    for at in range(0, len(kept), stride):
        data = bytearray(kept)
        data[at] ^= 1 << (at % 8)
        path.write_bytes(data)
        yield at
        for each in folder.glob(f"{path.name}-*"):
            each.unlink()
    path.write_bytes(kept)


def test_every_byte_of_the_key_store(tmp_path: Path) -> None:
    """Whoever is asked for is found under their own pseudonym, or the vault says that it was changed."""
    known = build(tmp_path)
    assert told(tmp_path, known) == known
    noticed = tried = 0
    for at in flipped(tmp_path / "store/keystore.sqlite", STRIDE):
        tried += 1
        try:
            assert told(tmp_path, known) == known, at
        except VaultUnusable:
            noticed += 1
        except Exception as error:
            raise AssertionError(at) from error
    assert noticed > tried // 50  # most of the file is empty pages
    assert told(tmp_path, known) == known


def test_every_byte_of_an_epoch_key(tmp_path: Path) -> None:
    """The key store opens with no other key, nor with one of another length."""
    known = build(tmp_path)
    for _ in flipped(tmp_path / "keys/1.key", 1):
        with pytest.raises(VaultUnusable, match="is not the one this key store was wrapped with"):
            told(tmp_path, known)
    assert told(tmp_path, known) == known


COLUMNS = ("pseudonym", "state", "lookup", "identifier", "key")


@pytest.mark.parametrize("column", COLUMNS)
def test_every_value_of_a_row(tmp_path: Path, column: str) -> None:
    """A changed value that SQLite takes is noticed before anybody is erased or handed out."""
    root = tmp_path / "ledger"
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as vault:
        ledger = samples.open_log(root, vault=vault)
        samples.about(ledger, vault, "ann", 1, "note")
        samples.about(ledger, vault, "bob", 2, "note")
        db = vault._store._db
        who = bytes.fromhex(vault.pseudonym("ann"))
        (value,) = db.execute(f"SELECT {column} FROM subjects WHERE pseudonym = ?", (who,)).fetchone()  # noqa: S608
        other = "livf" if column == "state" else bytes([value[0] ^ 1]) + value[1:]
        db.execute(f"UPDATE subjects SET {column} = ? WHERE pseudonym = ?", (other, who))  # noqa: S608
        for name in ("ann", "bob"):  # of a store that was changed nobody knows whom it hides
            with pytest.raises(VaultUnusable, match="was changed"):
                ledger.erase(name)
            with pytest.raises(VaultUnusable, match="was changed"):
                ledger.export(name)
        ledger.close()
        with pytest.raises(VaultUnusable, match="was changed"):
            verify(root, vault=vault)


def test_a_hold_that_holds_nobody(tmp_path: Path) -> None:
    """Nor does a changed hold let its person be erased."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as vault:
        ledger = samples.open_log(tmp_path / "ledger", vault=vault)
        samples.about(ledger, vault, "ann", 1, "note")
        vault.hold("ann", "suit")
        db = vault._store._db
        db.execute("UPDATE holds SET lookup = ?", (bytes(32),))
        with pytest.raises(VaultUnusable, match="holds nobody"):
            ledger.erase("ann")
        ledger.close()
