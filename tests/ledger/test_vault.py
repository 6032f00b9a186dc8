# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The key store and its epoch keys: who hides behind a pseudonym, and who can find out."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ombud_ledger import (
    Hold,
    LedgerError,
    Payload,
    RecordInvalid,
    SubjectErased,
    SubjectHeld,
    SubjectKeyMissing,
    SubjectUnknown,
    Vault,
    VaultUnusable,
)
from ombud_ledger.entry import Dark
from ombud_ledger.hot import PayloadRow

ANN = "ann.smith@example.org"
MINUTE = 60_000_000
Clock = list[int]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


def reopen(tmp_path: Path, clock: Clock | None = None) -> Vault:
    """Open the vault again."""
    if clock is None:
        return Vault.open(tmp_path / "store", tmp_path / "keys")
    return Vault.open(tmp_path / "store", tmp_path / "keys", clock=lambda: clock[0])


def row_of(dark: Dark) -> PayloadRow:
    """Return a sealed payload as it is stored."""
    return PayloadRow(0, dark.subject, dark.salt, bytes(dark.ciphertext))


def opened(vault: Vault, dark: Dark) -> Payload:
    """Decrypt a payload."""
    return vault.open_payload(row_of(dark), origin="o", call="d-1", commitment=dark.key_commit)


def everything(folder: Path) -> bytes:
    """Return every byte under a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_pseudonyms_stay(tmp_path: Path, vault: Vault) -> None:
    """A subject's pseudonym is random, the same for good, also when opened again; others have others."""
    assert vault.find(ANN) is None
    pseudonym = vault.pseudonym(ANN)
    assert len(bytes.fromhex(pseudonym)) == 16
    assert vault.pseudonym(ANN) == vault.find(ANN) == pseudonym
    assert vault.pseudonym("bob") != pseudonym
    with closing(reopen(tmp_path)) as again:
        assert again.find(ANN) == pseudonym


def test_nothing_is_in_clear(tmp_path: Path, vault: Vault) -> None:
    """Neither identifiers nor reasons of holds stand in the key store; keys are for their owner alone."""
    vault.pseudonym(ANN)
    vault.hold(ANN, "case 17 before the court")
    stored = everything(tmp_path / "store")
    assert ANN.encode() not in stored
    assert b"court" not in stored
    assert (tmp_path / "keys/1.key").stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o700}
    assert {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*") if path.is_file()} == {0}


@pytest.mark.parametrize(
    ("store", "keys"), [("a", "a"), ("a", "a/keys"), ("keys/store", "keys"), ("a", "b/../a")]
)
def test_places_apart(tmp_path: Path, store: str, keys: str) -> None:
    """Key store and epoch keys may not share a place: a copy of one would hold both."""
    for make in (Vault.create, Vault.open):
        with pytest.raises(VaultUnusable, match="neither may lie in the other"):
            make(tmp_path / store, tmp_path / keys)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_no_other_place(tmp_path: Path) -> None:
    """A symbolic link to the same folder is the same folder."""
    (tmp_path / "store").mkdir()
    (tmp_path / "keys").symlink_to(tmp_path / "store")
    with pytest.raises(VaultUnusable, match="neither may lie in the other"):
        Vault.create(tmp_path / "store", tmp_path / "keys")


def test_made_once(tmp_path: Path, vault: Vault) -> None:
    """A second vault is not put over a first one, nor over the keys of another."""
    vault.pseudonym(ANN)
    with pytest.raises(VaultUnusable, match="is here already"):
        Vault.create(tmp_path / "store", tmp_path / "keys2")
    with pytest.raises(VaultUnusable, match="holds epoch keys already"):
        Vault.create(tmp_path / "store2", tmp_path / "keys")
    with pytest.raises(VaultUnusable, match="no key store here"):
        Vault.open(tmp_path / "store3", tmp_path / "keys")


def test_the_wrong_keys(tmp_path: Path, vault: Vault) -> None:
    """Missing, foreign, short or readable by others: the epoch key is refused, and the message says why."""
    vault.close()
    key = tmp_path / "keys/1.key"
    good = key.read_bytes()
    key.chmod(0o640)
    with pytest.raises(VaultUnusable, match="others may read it"):
        reopen(tmp_path)
    key.chmod(0o600)
    key.write_bytes(good[:31])
    with pytest.raises(VaultUnusable, match="31 bytes"):
        reopen(tmp_path)
    key.write_bytes(bytes(32))
    with pytest.raises(VaultUnusable, match="not the one this key store"):
        reopen(tmp_path)
    key.unlink()
    with pytest.raises(VaultUnusable, match="epoch key 1 is not in"):
        reopen(tmp_path)


@pytest.mark.parametrize(("subject", "message"), [("", "0 bytes"), ("x" * 1_025, "1025"), ("\ud800", "lone")])
def test_identifiers_are_bounded(vault: Vault, subject: str, message: str) -> None:
    """What cannot be an identifier is refused, without repeating it."""
    with pytest.raises(RecordInvalid, match=message):
        vault.pseudonym(subject)
    with pytest.raises(RecordInvalid, match=message):
        vault.hold(subject, "reason")


def test_two_processes(tmp_path: Path, vault: Vault) -> None:
    """A rotation and an erasure done elsewhere are noticed here, the latter within a second."""
    clock = [MINUTE]
    with closing(reopen(tmp_path, clock)) as other:
        pseudonym = other.pseudonym(ANN)
        vault.rotate()
        assert other.pseudonym("bob") == vault.find("bob")
        erasure, found = vault.begin_erasure(ANN)
        assert found == [pseudonym]
        vault.destroy_keys(erasure, "r-0")
        clock[0] += 1_000_001
        assert other.find(ANN) is None
        assert other.pseudonym(ANN) not in {pseudonym, None}


def test_keys_are_remembered_for_five_minutes(tmp_path: Path, vault: Vault) -> None:
    """A subject's key is kept in memory for five minutes at most."""
    pseudonym = vault.pseudonym(ANN)
    clock = [MINUTE]
    with closing(reopen(tmp_path, clock)) as other:
        other.seal_payload(Payload(pseudonym, b""), "o", "d-1")
        other._epoch = None
        (tmp_path / "keys/1.key").rename(tmp_path / "1.key")
        clock[0] += 5 * MINUTE - 1
        other.seal_payload(Payload(pseudonym, b""), "o", "d-1")
        clock[0] += 1
        with pytest.raises(VaultUnusable, match="epoch key 1 is not in"):
            other.seal_payload(Payload(pseudonym, b""), "o", "d-1")


def test_erased_is_not_key_missing(tmp_path: Path, vault: Vault) -> None:
    """An erased pseudonym is known as erased; one that the key store never had is a missing key."""
    dark = vault.seal_payload(Payload(vault.pseudonym(ANN), b"request"), "o", "d-1")
    erasure, _ = vault.begin_erasure(ANN)
    with pytest.raises(SubjectErased, match="erasing"):
        opened(vault, dark)
    vault.destroy_keys(erasure, "r-0")
    vault.end_erasure(erasure)
    with pytest.raises(SubjectErased, match="erased, since"):
        opened(vault, dark)
    with pytest.raises(SubjectKeyMissing, match="no such pseudonym"):
        opened(vault, dark._replace(subject="ab" * 16))
    other = Vault.create(tmp_path / "other", tmp_path / "others")
    with closing(other), pytest.raises(SubjectKeyMissing):
        opened(other, dark)


def test_a_second_life(vault: Vault) -> None:
    """While somebody is being erased, and afterwards, their calls have a new pseudonym and a new key."""
    first = vault.pseudonym(ANN)
    erasure, _ = vault.begin_erasure(ANN)
    second = vault.pseudonym(ANN)
    assert second != first
    assert vault.begin_erasure(ANN)[0] == erasure
    assert set(vault.pending_erasures("any")[erasure][1]) == {first, second}
    vault.destroy_keys(erasure, "r-0")
    assert vault.find(ANN) is None
    with pytest.raises(SubjectUnknown, match="never met, or erased already"):
        vault.begin_erasure(ANN)


def test_a_clock_set_back(tmp_path: Path, vault: Vault) -> None:
    """It lengthens no memory: what another process erased shows at once; holds and erasures work as ever."""
    clock = [60 * MINUTE]
    with closing(reopen(tmp_path, clock)) as other:
        first = other.pseudonym(ANN)
        hold = other.hold(ANN, "suit")
        clock[0] = MINUTE
        assert other.find(ANN) == first
        later = other.hold(ANN, "audit")
        assert [each.id for each in other.holds()] == [later, hold]  # by the clock, which is all there is
        with pytest.raises(SubjectHeld, match=hold):
            other.begin_erasure(ANN)
        other.release(hold)
        other.release(later)
        assert other.find(ANN) == first
        erasure, _ = vault.begin_erasure(ANN)
        vault.destroy_keys(erasure, "r-0")
        clock[0] -= 1  # the look that has just been made is in the future now
        assert other.find(ANN) is None
        with pytest.raises(SubjectErased):
            other.demand_known(first)
        second = other.pseudonym(ANN)
        clock[0] -= 1
        erasure, found = other.begin_erasure(ANN)
        assert found == [second]
        other.destroy_keys(erasure, "r-0")
        other.end_erasure(erasure)
        assert other.account().erased == 2
        other.demand_sound()


def test_erased_rows_are_gone(tmp_path: Path, vault: Vault) -> None:
    """Key, identifier and lookup are in no byte of the key store's files once they are destroyed."""
    pseudonym = bytes.fromhex(vault.pseudonym(ANN))
    row = vault._store.subject(pseudonym)
    assert row is not None
    secrets = [each for each in (row.key, row.identifier, row.lookup) if each is not None]
    stored = everything(tmp_path / "store")
    assert [each in stored for each in secrets] == [True] * 3
    erasure, _ = vault.begin_erasure(ANN)
    vault.destroy_keys(erasure, "r-0")
    left = everything(tmp_path / "store")
    assert [each in left for each in secrets] == [False] * 3
    assert pseudonym in left


def test_overwritten_rows_that_stayed(tmp_path: Path, vault: Vault) -> None:
    """An erasure is over only when what was overwritten is in no file, though it takes several tries."""
    vault.pseudonym(ANN)
    broken = True

    def durable(step: str, act: Callable[[], object]) -> None:
        if broken and step == "vault.truncate":
            raise OSError(5, "Input/output error")
        act()

    with closing(Vault.open(tmp_path / "store", tmp_path / "keys", durable=durable)) as failing:
        row = failing._store.subject(bytes.fromhex(failing.pseudonym(ANN)))
        assert row is not None
        assert row.key is not None
        erasure, _ = failing.begin_erasure(ANN)
        with pytest.raises(VaultUnusable, match="Input/output"):
            failing.destroy_keys(erasure, "r-0")
        with pytest.raises(VaultUnusable, match="Input/output"):
            failing.end_erasure(erasure)
        assert list(failing.pending_erasures("r-0")) == [erasure]
        broken = False
        failing.end_erasure(erasure)
        assert failing.pending_erasures("r-0") == {}
        assert row.key not in everything(tmp_path / "store")


def test_a_hold_placed_meanwhile(vault: Vault) -> None:
    """A hold that is placed while an erasure runs keeps the keys, until it is released."""
    pseudonym = vault.pseudonym(ANN)
    erasure, _ = vault.begin_erasure(ANN)
    hold = vault.hold(ANN, "suit")
    vault.hold("bob", "suit")
    with pytest.raises(SubjectHeld, match=hold):
        vault.destroy_keys(erasure, "r-0")
    row = vault._store.subject(bytes.fromhex(pseudonym))
    assert row is not None
    assert (row.state, row.key is None) == ("erasing", False)
    vault.release(hold)
    vault.destroy_keys(erasure, "r-0")
    assert vault.account().erased == 1


def test_holds(vault: Vault) -> None:
    """A hold says on whom, why, since when; it keeps its subject from being erased, until it is released."""
    vault.pseudonym(ANN)
    first, second = vault.hold(ANN, "suit"), vault.hold(ANN, "audit")
    vault.hold("bob", "suit")
    assert [(type(hold), hold.subject, hold.reason) for hold in vault.holds()] == [
        (Hold, ANN, "suit"),
        (Hold, ANN, "audit"),
        (Hold, "bob", "suit"),
    ]
    vault.release(first)
    with pytest.raises(SubjectHeld, match=second):
        vault.begin_erasure(ANN)
    vault.release(second)
    vault.begin_erasure(ANN)
    with pytest.raises(SubjectUnknown, match="no hold has the id"):
        vault.release(second)
    with pytest.raises(SubjectUnknown, match="32 hex digits"):
        vault.release("x")


def test_a_payload_is_bound(vault: Vault) -> None:
    """A payload opens only whole, for its call, in its log, under the key that was committed to."""
    dark = vault.seal_payload(Payload(vault.pseudonym(ANN), b"request", b"response"), "o", "d-1")
    assert opened(vault, dark) == Payload(vault.find(ANN), b"request", b"response")
    row = row_of(dark)
    flipped = row._replace(ciphertext=bytes([row.ciphertext[0] ^ 1]) + row.ciphertext[1:])
    for stored, origin, call, commitment in (
        (flipped, "o", "d-1", dark.key_commit),
        (row, "p", "d-1", dark.key_commit),
        (row, "o", "d-2", dark.key_commit),
        (row, "o", "d-1", "ab" * 32),
        (row._replace(salt=bytes(32)), "o", "d-1", dark.key_commit),
        (row._replace(subject=None), "o", "d-1", dark.key_commit),
        (row._replace(subject="no pseudonym"), "o", "d-1", dark.key_commit),
    ):
        with pytest.raises(LedgerError, match=r"payload|pseudonym"):
            vault.open_payload(stored, origin=origin, call=call, commitment=commitment)


@pytest.mark.parametrize("response", [None, b"", b"\x01\x02" * 70_000])
@pytest.mark.parametrize("request_", [b"", b"\x00", b"request" * 10_000])
def test_payloads_come_back(vault: Vault, request_: bytes, response: bytes | None) -> None:
    """Request and response come back as they were: no response is not the same as an empty one."""
    payload = Payload(vault.pseudonym(ANN), request_, response)
    assert opened(vault, vault.seal_payload(payload, "o", "d-1")) == payload


def test_a_subject_must_be_a_pseudonym(vault: Vault) -> None:
    """A person's own identifier is refused where a pseudonym belongs, and not repeated."""
    with pytest.raises(RecordInvalid, match=r"as Vault\.pseudonym gives") as refused:
        vault.seal_payload(Payload(ANN, b""), "o", "d-1")
    assert ANN not in str(refused.value)


def test_opening_leaves_arrow_alone() -> None:
    """A process that seals payloads loads neither Arrow nor DuckDB."""
    code = """
import sys, tempfile, pathlib
from ombud_ledger import Ledger, Payload, Vault
root = pathlib.Path(tempfile.mkdtemp())
vault = Vault.create(root / "store", root / "keys")
ledger = Ledger.open(root / "ledger", log="r-0", origin="acme.example/test/r/1", vault=vault)
ledger.append_blocking("decision", {"id": "d-1"}, payload=Payload(vault.pseudonym("ann"), b"request"))
ledger.close()
print(sorted({"duckdb", "numpy", "pyarrow"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]"]
