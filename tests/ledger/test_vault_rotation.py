# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Epoch keys: rotated with everybody in them, cut short anywhere, and what an old backup is good for."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import samples
from ledger.test_vault import ANN, everything, opened, reopen
from ombud_ledger import (
    Payload,
    Rotation,
    SubjectErased,
    Vault,
    VaultUnusable,
)
from ombud_ledger.durable import Lock, act_now
from ombud_ledger.vault.epochs import EpochKeys


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


def test_rotation_keeps_everyone(tmp_path: Path, vault: Vault) -> None:
    """After a rotation pseudonyms, payloads and holds are as before; one key file is left, a new one."""
    people = {f"person {number}": vault.pseudonym(f"person {number}") for number in range(50)}
    dark = vault.seal_payload(Payload(people["person 7"], b"request"), "o", "d-1")
    nobodys = vault.seal_payload(Payload(None, b"request"), "o", "d-1")
    hold = vault.hold("person 3", "suit")
    held = vault.holds()
    assert vault.rotate() == Rotation(epoch=2, subjects=50, holds=1, destroyed=1)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["2.key"]
    with closing(reopen(tmp_path)) as again:
        for one in (vault, again):
            assert {name: one.find(name) for name in people} == people
            assert opened(one, dark) == Payload(people["person 7"], b"request", None)
            assert opened(one, nobodys) == Payload(None, b"request", None)
            assert one.holds() == held
        again.release(hold)
        assert vault.holds() == []


def test_an_old_backup_stays_dark(tmp_path: Path, vault: Vault) -> None:
    """A copy of the key store from before an erasure is of no use once epoch keys were rotated."""
    pseudonym = vault.pseudonym(ANN)
    dark = vault.seal_payload(Payload(pseudonym, b"request"), "o", "d-1")
    vault.close()
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    with closing(reopen(tmp_path)) as live:
        erasure, _ = live.begin_erasure(ANN)
        live.destroy_keys(erasure, "r-0")
        live.rotate()
        keys = everything(tmp_path / "keys")
        with pytest.raises(SubjectErased):
            opened(live, dark)
    with pytest.raises(VaultUnusable, match=r"epoch key 1 is not in .*: it was destroyed"):
        Vault.open(tmp_path / "backup", tmp_path / "keys")
    # Nor does somebody get further who puts it beside the new key under the old name.
    shutil.copytree(tmp_path / "keys", tmp_path / "forged")
    (tmp_path / "forged/2.key").rename(tmp_path / "forged/1.key")
    with pytest.raises(VaultUnusable, match="not the one this key store was wrapped with"):
        Vault.open(tmp_path / "backup", tmp_path / "forged")
    # And whoever tries does not lose the keys that are in use.
    assert everything(tmp_path / "keys") == keys
    assert ANN.encode() not in everything(tmp_path / "backup")


def test_an_old_backup_beside_newer_keys(tmp_path: Path, vault: Vault) -> None:
    """Where the old epoch key is still there too, an old key store is told by the newer one."""
    vault.close()
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    old = (tmp_path / "keys/1.key").read_bytes()
    with closing(reopen(tmp_path)) as live:
        live.rotate()
    (tmp_path / "keys/1.key").write_bytes(old)
    (tmp_path / "keys/1.key").chmod(0o600)
    with pytest.raises(VaultUnusable, match="an old copy of the key store was put back"):
        Vault.open(tmp_path / "backup", tmp_path / "keys")
    reopen(tmp_path).close()
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["2.key"]


def test_two_rotations_at_once(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes late goes on from the epoch of the one before, and no key is lost."""
    people = {name: vault.pseudonym(name) for name in ("ann", "bob")}
    waits = [vault]

    def lock(path: Path) -> Lock:
        if waits:
            waits.pop().rotate()  # another process comes first
        return Lock(path)

    with closing(reopen(tmp_path)) as late:
        monkeypatch.setattr("ombud_ledger.vault.rotation.Lock", lock)
        assert late.rotate() == Rotation(epoch=3, subjects=2, holds=0, destroyed=1)
    with closing(reopen(tmp_path)) as again:
        assert {name: again.find(name) for name in people} == people
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["3.key"]


def test_a_key_is_not_replaced(tmp_path: Path, vault: Vault) -> None:
    """A key that a rotation made in vain, of the number that is in use, does not replace the one in use."""
    pseudonym = vault.pseudonym(ANN)
    stray = tmp_path / "keys/1.new"
    stray.write_bytes(bytes(32))
    stray.chmod(0o600)
    for _ in range(2):
        with closing(reopen(tmp_path)) as again:
            assert again.find(ANN) == pseudonym
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["1.key"]


def test_opened_while_another_rotates(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation that ends while the vault is opened is not taken for an old copy of the key store."""
    pseudonym, newest = vault.pseudonym(ANN), EpochKeys.newest

    def rotated(keys: EpochKeys) -> int:
        monkeypatch.undo()
        vault.rotate()
        return newest(keys)

    monkeypatch.setattr(EpochKeys, "newest", rotated)
    with closing(reopen(tmp_path)) as other:
        assert other.find(ANN) == pseudonym


def test_a_key_gets_its_name_meanwhile(tmp_path: Path, vault: Vault) -> None:
    """A key that is settled between two looks at its names is found."""
    vault.close()
    (tmp_path / "keys/1.key").rename(tmp_path / "keys/1.new")

    class Settling(EpochKeys):
        def _path(self, number: int, kind: str) -> Path:
            if kind == "new":
                (tmp_path / "keys/1.new").rename(tmp_path / "keys/1.key")
            return super()._path(number, kind)

    assert Settling(tmp_path / "keys", act_now, bytes).read(1).number == 1


ROTATION = [
    "vault.key.write",
    "vault.key.rename",
    "vault.rotate",
    "vault.truncate",
    "vault.key.settle.rename",
    "vault.key.destroy",
]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("step", ROTATION)
def test_every_step_of_a_rotation(tmp_path: Path, vault: Vault, step: str, stored: bool) -> None:
    """A durable step of a rotation fails, stored or not: the vault goes on, and opened again it is whole."""
    people = {name: vault.pseudonym(name) for name in ("ann", "bob")}
    dark = vault.seal_payload(Payload(people["ann"], b"request"), "o", "d-1")
    faulty = samples.Faulty(at=10**9, stored=stored)
    with closing(Vault.open(tmp_path / "store", tmp_path / "keys", durable=faulty)) as failing:
        faulty._at = len(faulty.steps) + ROTATION.index(step)
        with pytest.raises(VaultUnusable, match="No space left"):
            failing.rotate()
        assert faulty.failed == [step]
        assert {name: failing.find(name) for name in people} == people
        assert opened(failing, dark).request == b"request"
        people["carl"] = failing.pseudonym("carl")
    with closing(reopen(tmp_path)) as again:
        assert {name: again.find(name) for name in people} == people
        assert opened(again, dark).request == b"request"
        epoch, _ = again._store.epoch()
        assert [path.name for path in (tmp_path / "keys").iterdir()] == [f"{epoch}.key"]
        assert again.rotate().subjects == 3
