# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Signed notes, checkpoints, receipts and key files: what is accepted, and every bit of it flipped."""

import itertools
import os
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.test_merkle import LEAVES, ROOTS, Tree, some_leaves
from ombud_ledger import KeyUnusable, LedgerError, LedgerUnreadable, NotProven
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ombud_ledger.tlog.keyfile import (
    KeyFile,
    SigningKey,
    active_keys,
    create_key_file,
    new_key_file,
    read_key_file,
    replace_key_file,
)
from ombud_ledger.tlog.merkle import prove_inclusion, root_of
from ombud_ledger.tlog.note import Note, Signature, VerifierKey, parse_note, parse_vkey, sign_note
from ombud_ledger.tlog.receipt import Receipt, parse_receipt

ORIGIN = "audit.example/replica-a"
LOG = SigningKey.from_seed(ORIGIN, bytes(range(32)))
OTHER = SigningKey.from_seed(ORIGIN, bytes(range(1, 33)))
ROOT = bytes.fromhex(ROOTS[8])
CHECKPOINT = f"""\
{ORIGIN}
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— {ORIGIN} o08mFJNYl3Cx3C6ogwny+a83jy5XXZdK6jnRVXO96BeJhhWVZY+MW1b8FfT0h06pHNP+oAe3tXH/Wv2qL5N0TLDBewU=
""".encode()
WITNESSED = (
    CHECKPOINT
    + (
        "— witness.example/w1 IDJKvgAAAABlU/EAigMIdlpCfE0Z82jidgUGLrL2Ncib5R345rENQQ/"
        "fVCVltj7nUlpIYs22rSsaMnxvy50eP971MQwwOY8JKGlrDQ==\n"
    ).encode()
)


def test_the_published_note() -> None:
    """The example of the C2SP specification verifies."""
    key = parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    note = parse_note(
        "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6"
        "TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".encode()
    )
    assert note.verify([key]) == (key,)
    assert note.text == "This is an example message.\n"


def test_a_checkpoint_to_the_byte() -> None:
    """Signing the eight public leaves' root gives the bytes that other implementations accepted."""
    assert str(LOG.key) == "audit.example/replica-a+a34f2614+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    checkpoint = Checkpoint(ORIGIN, 8, ROOT)
    assert sign_checkpoint(checkpoint, [LOG]) == CHECKPOINT
    assert sha256(WITNESSED).hexdigest() == "8dc9083ca5e3edab0072474a07ca48aac6a5c783ad5126b2d87e9bbc13b74057"
    for data in (CHECKPOINT, WITNESSED):
        signed = parse_checkpoint(data)
        assert (signed.checkpoint, signed.note.to_bytes()) == (checkpoint, data)
        assert signed.verify([OTHER.key, LOG.key]) == (LOG.key,)


def test_unknown_lines_are_ignored_and_known_ones_must_hold() -> None:
    """Keys share name or ID with others; a line counts only where both match, and then it must verify."""
    note = sign_note("text\n", [LOG, OTHER])
    assert note.verify([LOG.key, OTHER.key]) == (LOG.key, OTHER.key)
    assert note.verify([OTHER.key]) == (OTHER.key,)
    twice = Note(note.text, (*note.signatures, note.signatures[0]))
    assert twice.verify([LOG.key]) == (LOG.key,)
    forged = Signature(OTHER.key.name, OTHER.key.id, note.signatures[0].blob)
    mixed = Note(note.text, (note.signatures[0], forged))
    assert mixed.verify([LOG.key]) == (LOG.key,)
    with pytest.raises(NotProven, match=f"{OTHER.key.id.hex()} does not verify"):
        mixed.verify([LOG.key, OTHER.key])
    stranger = SigningKey.from_seed("stranger.example", bytes(32))
    with pytest.raises(NotProven, match="no known key signed it"):
        note.verify([stranger.key])
    with pytest.raises(NotProven, match="known: none"):
        note.verify([])


def test_a_key_vouches_for_its_own_log_alone() -> None:
    """A key named otherwise than the origin neither signs nor vouches for a checkpoint."""
    stranger = SigningKey.from_seed("stranger.example", bytes(32))
    checkpoint = Checkpoint(ORIGIN, 8, ROOT)
    with pytest.raises(NotProven, match="cannot sign for"):
        sign_checkpoint(checkpoint, [LOG, stranger])
    data = sign_note(checkpoint.text(), [stranger]).to_bytes()
    with pytest.raises(NotProven, match="no known key"):
        parse_checkpoint(data).verify([stranger.key])


@pytest.mark.parametrize("data", [CHECKPOINT, WITNESSED], ids=["log", "witnessed"])
def test_every_bit_of_a_checkpoint(data: bytes) -> None:
    """Each bit flipped is refused, unless it lies in a line of an unknown key: then nothing else changed."""
    original = parse_checkpoint(data).checkpoint
    passed = 0
    for at, bit in itertools.product(range(len(data)), range(8)):
        changed = bytearray(data)
        changed[at] ^= 1 << bit
        try:
            signed = parse_checkpoint(bytes(changed))
            signed.verify([LOG.key])
        except LedgerError:
            continue
        assert at >= len(CHECKPOINT), at
        assert signed.checkpoint == original
        passed += 1
    assert (passed == 0) == (data == CHECKPOINT)


@given(st.binary(max_size=300))
def test_whatever_is_read_prints_the_same(data: bytes) -> None:
    """No bytes make the parsers do anything but return what prints the same, or refuse."""
    for mixed in (data, CHECKPOINT[: len(data)] + data, data + CHECKPOINT, CHECKPOINT + data):
        try:
            assert parse_note(mixed).to_bytes() == mixed
            assert parse_checkpoint(mixed).note.to_bytes() == mixed
        except LedgerUnreadable:
            continue


@pytest.mark.parametrize(
    ("vkey", "why"),
    [
        ("", "must be NAME"),
        ("audit.example/replica-a+a34f2614", "must be NAME"),
        ("audit.example/replica-a+A34F2614+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", "must be NAME"),
        ("audit.example/replica-a+a34f2615+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", "a34f2614"),
        ("audit.example/replica-a+a34f2614+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG", "base64"),
        ("witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X", "type 0x04"),
        ("audit.example/replica-a+a34f2614+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVQ==", "32 bytes, not"),
        ("audit example+a34f2614+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", "no spaces"),
        (str(LOG.key) + "\n", "must be NAME"),
        ("x" * 2_000, "must be NAME"),
    ],
)
def test_vkeys_that_are_none(vkey: str, why: str) -> None:
    """A vkey of another form, type or ID is refused, and it is said why."""
    with pytest.raises(KeyUnusable, match=why):
        parse_vkey(vkey)


def receipt(index: int) -> Receipt:
    """Return the receipt of one of the eight public entries."""
    entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    proof = prove_inclusion(index, 8, Tree(LEAVES))
    return Receipt(index, tuple(proof), CHECKPOINT, bytes.fromhex(entries[index]))


@pytest.mark.parametrize("index", range(8))
def test_receipts(index: int) -> None:
    """A receipt reads back, and verifies with the key alone, the record inside or given."""
    made = receipt(index)
    assert parse_receipt(made.to_bytes()) == made
    assert made.verify([LOG.key]).checkpoint == Checkpoint(ORIGIN, 8, ROOT)
    bare = Receipt(index, made.proof, CHECKPOINT)
    assert parse_receipt(bare.to_bytes()) == bare
    assert bare.verify([LOG.key], made.extra) == made.verify([LOG.key])
    with pytest.raises(LedgerUnreadable, match="does not hold the record"):
        bare.verify([LOG.key])
    with pytest.raises(NotProven, match="does not lead to the root"):
        made.verify([LOG.key], b"another record")
    with pytest.raises(NotProven, match="no known key"):
        made.verify([OTHER.key])


def test_every_bit_of_a_receipt() -> None:
    """Each bit of a receipt flipped is refused."""
    data = receipt(5).to_bytes()
    for at, bit in itertools.product(range(len(data)), range(8)):
        changed = bytearray(data)
        changed[at] ^= 1 << bit
        with pytest.raises(LedgerError):
            parse_receipt(bytes(changed)).verify([LOG.key])


def test_a_receipt_of_a_log_of_one() -> None:
    """A log of one entry has an empty proof."""
    (leaf,) = some_leaves(1)
    signed = sign_checkpoint(Checkpoint(ORIGIN, 1, root_of([leaf])), [LOG])
    made = Receipt(0, (), signed, b"entry 0")
    assert parse_receipt(made.to_bytes()) == made
    assert made.verify([LOG.key]).checkpoint.size == 1


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_key_files(tmp_path: Path, passphrase: bytes | None) -> None:
    """A key file is for its owner alone, says its vkeys, and opens with its passphrase."""
    path = tmp_path / "keys/signing.key"
    made = new_key_file(ORIGIN, passphrase)
    create_key_file(path, made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path) == made
    assert str(made.vkeys[0]) in path.read_text()
    (key,) = read_key_file(path).open(lambda: passphrase or b"never asked")
    assert key.key == made.vkeys[0]
    key.key.verify(b"message", key.sign(b"message"))
    with pytest.raises(FileExistsError):
        create_key_file(path, made)
    if passphrase:
        assert "ENCRYPTED" in path.read_text()
        with pytest.raises(KeyUnusable, match="wrong passphrase"):
            made.open(lambda: b"wrong")


def test_rotation(tmp_path: Path) -> None:
    """A rotated file signs with both keys; the old one is retired later; the last one cannot be."""
    path = tmp_path / "signing.key"
    first = new_key_file(ORIGIN, b"secret")
    create_key_file(path, first)
    both = first.with_new(b"secret")
    replace_key_file(path, both)
    assert path.stat().st_mode & 0o777 == 0o600
    keys = read_key_file(path).open(lambda: b"secret")
    assert tuple(key.key for key in keys) == both.vkeys == (first.vkeys[0], both.vkeys[1])
    after = both.without(first.vkeys[0].id)
    assert after.vkeys == both.vkeys[1:]
    with pytest.raises(KeyUnusable, match="is the only one"):
        after.without(after.vkeys[0].id)
    with pytest.raises(KeyUnusable, match="no key"):
        after.without(first.vkeys[0].id)
    many = first
    for _ in range(7):
        many = many.with_new(None)
    with pytest.raises(KeyUnusable, match="holds 8 keys"):
        many.with_new(None)
    old, new = (str(key) for key in both.vkeys)
    assert active_keys([("added", old), ("added", new), ("retired", old)]) == [new]


def test_key_files_that_are_none(tmp_path: Path) -> None:
    """A key file that others may read, or of another form, is refused, and it is said why."""
    path = tmp_path / "signing.key"
    with pytest.raises(KeyUnusable, match="cannot be read"):
        read_key_file(path)
    text = new_key_file(ORIGIN, None).to_text()
    swapped = KeyFile(((OTHER.key, new_key_file(ORIGIN, None).blocks[0][1]),)).to_text()
    twice = text + text.partition("\n")[2]
    for content, why in (
        ("", "first line"),
        (text.partition("\n")[0] + "\n", "1 to 8 keys"),
        (text + "\n", "1 to 8 keys"),
        (text.replace("vkey ", "vkeys "), "1 to 8 keys"),
        (text + "x" * 70_000, "more than"),
        (twice, "be different"),
        (text + new_key_file("b.example", None).to_text().partition("\n")[2], "one name"),
    ):
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(KeyUnusable, match=why):
            read_key_file(path)
    path.write_text(swapped)
    with pytest.raises(KeyUnusable, match="is another's"):
        read_key_file(path).open(bytes)
    path.write_text(text)
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="others may read it"):
        read_key_file(path)
    with pytest.raises(KeyUnusable, match="no spaces"):
        new_key_file("two words", None)
    assert os.environ.get("OMBUD_SIGNING_PASSPHRASE") is None


def test_keys_of_another_size() -> None:
    """A verifier key has 32 bytes, and the name that is asked of it."""
    public = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert VerifierKey("a.example", public).id.hex() == VerifierKey("a.example", public).id.hex()
    for name in ("", "a+b", "a b", "a\u2003b", "a\nb", "\ud800", "x" * 256):
        with pytest.raises(KeyUnusable, match="key name"):
            VerifierKey(name, public)
