# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Signing keys in a token: made there, adopted, lost and found again; never out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import samples
from ledger.tokens import MODULE, PIN, Token, needs_softhsm, softhsm
from ombud_ledger import KeyUnusable, LedgerUnavailable, keys, transparency, verify

ORIGIN = samples.ORIGIN


@pytest.fixture(scope="module")
def tokens() -> tuple[Token, Token]:
    """Two tokens of this module's own, made before PKCS#11 looks for any."""
    return Token("tests"), Token("changed")


@pytest.fixture
def token(tokens: tuple[Token, Token]) -> Token:
    """The token that most use."""
    return tokens[0]


def opened(file: keys.KeyFile) -> Any:
    """Return the one key in a file, opened."""
    (key,) = file.open(PIN.encode)
    return key


@needs_softhsm
def test_a_key_is_made_once_and_then_adopted(token: Token, tmp_path: Path) -> None:
    """The file holds vkey and URI, no secret; what the token signs verifies under the vkey."""
    made, fresh = keys.token_key_file(ORIGIN, token.uri(), PIN.encode())
    adopted, again = keys.token_key_file(ORIGIN, token.uri(), PIN.encode())
    assert (fresh, again, adopted) == (True, False, made)
    assert made.encrypted
    keys.create_key_file(tmp_path / "key", made)
    assert (tmp_path / "key").read_text() == (
        f"ombud signing keys v1\nvkey {made.vkeys[0]}\npkcs11:token=tests;object=key?module-path={MODULE}\n"
    )
    read = keys.read_key_file(tmp_path / "key")
    assert read == made
    made.vkeys[0].verify(b"text", opened(read).sign(b"text"))


@needs_softhsm
def test_the_pin_may_have_a_file_of_its_own(token: Token, tmp_path: Path) -> None:
    """With pin-source nothing is asked for, so keys of several tokens, or of none, can be in one file."""
    (tmp_path / "pin").write_text(f"{PIN}\n")
    uri = token.uri("apart", f"&pin-source=file:{tmp_path / 'pin'}")
    soft = keys.new_key_file(ORIGIN, b"passphrase")
    both, fresh = soft.with_token(uri, None)
    assert fresh
    signers = both.open(lambda: b"passphrase")
    assert [signer.key for signer in signers] == list(both.vkeys)
    with pytest.raises(KeyUnusable, match="in the file already"):
        both.with_token(uri, None)
    for signer in signers:
        signer.key.verify(b"text", signer.sign(b"text"))


@needs_softhsm
def test_a_log_is_signed_and_outlives_its_token(token: Token, tmp_path: Path) -> None:
    """While the token is away entries are recorded and nothing is published; once it is back, all is."""
    file, _ = keys.token_key_file(ORIGIN, token.uri("log"), PIN.encode())
    second, _ = file.with_token(token.uri("log-2"), PIN.encode())
    ledger = samples.open_log(tmp_path, signers=second.open(PIN.encode))
    samples.fill(ledger, 3)
    ledger.publish()
    token.take_away()
    try:
        samples.fill(ledger, 3, start=3)
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match="no checkpoint could be published"):
                ledger.publish()
        assert isinstance(ledger.publish_error, KeyUnusable)
        samples.fill(ledger, 3, start=6)
    finally:
        token.put_back()
    note = ledger.publish()
    assert note is not None
    assert ledger.publish_error is None
    signed = transparency.parse_checkpoint(note)
    assert [str(key) for key in signed.note.verify(second.vkeys)] == [str(key) for key in second.vkeys]
    assert signed.checkpoint.size == ledger.size
    ledger.close()
    account = verify(tmp_path, vkeys=[str(second.vkeys[0])])
    assert account.exit_code == 0, account.to_json()


@needs_softhsm
def test_what_cannot_be_used_is_said(token: Token) -> None:
    """No such token, module or key, or another's: each is named, with the URI."""
    uri, pin = token.uri(), PIN.encode()
    made, _ = keys.token_key_file(ORIGIN, uri, pin)
    other, _ = keys.token_key_file(ORIGIN, token.uri("other"), pin)

    def lies(vkey: object, text: object) -> keys.KeyFile:
        return keys.KeyFile(((vkey, f"{text}\n"),))  # type: ignore[arg-type]

    for file, why in (
        (lies(made.vkeys[0], str(uri).replace("tests", "none")), "0 tokens match, must be one"),
        (lies(made.vkeys[0], str(uri).replace("libsofthsm2", "none")), "cannot be used: OS exception"),
        (lies(made.vkeys[0], token.uri("none")), "holds no such private key"),
        (lies(made.vkeys[0], token.uri("other")), "but not with key"),
    ):
        with pytest.raises(KeyUnusable, match=why):
            file.open(lambda: pin)
    assert other.vkeys != made.vkeys


@needs_softhsm
def test_a_key_of_another_kind_is_not_adopted(token: Token, tmp_path: Path) -> None:
    """An EC key under that name is refused, and nothing is made beside it."""
    pem = tmp_path / "ec.pem"
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    softhsm("--import", str(pem), "--token", token.name, "--label", "ec", "--id", "ec", "--pin", PIN)
    with pytest.raises(KeyUnusable, match="must be Ed25519"):
        keys.token_key_file(ORIGIN, token.uri("ec"), PIN.encode())


@needs_softhsm
def test_a_refused_pin_is_not_tried_again(
    tokens: tuple[Token, Token], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PIN that changed while the gateway serves is refused once, so that the token does not lock itself."""
    file, _ = keys.token_key_file(ORIGIN, tokens[1].uri(), PIN.encode())
    with pytest.raises(KeyUnusable, match=r"the PIN was refused \(PinIncorrect\)"):
        file.open(lambda: b"9999")
    key = opened(file)
    key.sign(b"text")
    tried: list[str] = []
    from ombud_ledger.tlog import token_key

    session = token_key._session

    def counted(*given: Any, **more: Any) -> Any:
        tried.append("session")
        return session(*given, **more)

    monkeypatch.setattr(token_key, "_session", counted)
    key._session.close()
    key._pin = b"9999"  # as if the token's had been changed
    for _ in range(3):
        with pytest.raises(KeyUnusable, match="PIN was refused"):
            key.sign(b"text")
    assert tried == ["session"]


def uris() -> Iterator[tuple[str, str]]:
    """Yield what is no URI of a key, and why."""
    module = f"?module-path={MODULE}"
    yield "http://token", "must begin with pkcs11:"
    yield f"pkcs11:token=a;object=b c{module}", "printable ASCII"
    yield f"pkcs11:token=a;object=b{module}&pin-value=1234", "must hold no PIN"
    yield f"pkcs11:object=b{module}", "must name its token"
    yield f"pkcs11:token=a{module}", "must name its key"
    yield "pkcs11:token=a;object=b", "must have ?module-path="
    yield "pkcs11:token=a;object=b?module-path=lib.so", "absolute path"
    yield f"pkcs11:token=a;object=b;object=c{module}", "stands twice"
    yield f"pkcs11:token=a;slot-id=1;object=b{module}", "'slot-id' in a PKCS#11 URI: must be one of"
    yield f"pkcs11:token=a;object=b;type=public{module}", "must be private"
    yield f"pkcs11:token=a%2;object=b{module}", "two hexadecimal digits"
    yield f"pkcs11:token=%ff;object=b{module}", "printable text in UTF-8"
    yield f"pkcs11:token=a;object=b{module}&pin-source=pin", "absolute path of a file"
    yield f"pkcs11:token=a;object=b{module}{'x' * 1_024}", "at most 1024 bytes"


@pytest.mark.parametrize(("text", "why"), list(uris()))
def test_a_uri_names_one_key_and_no_pin(text: str, why: str) -> None:
    """What is missing, unknown, doubled or secret in a URI is named; a PIN is not shown."""
    with pytest.raises(KeyUnusable) as refused:
        keys.parse_token_uri(text)
    assert why in str(refused.value)
    assert "1234" not in str(refused.value)


def test_a_uri_is_read_as_rfc_7512_has_it() -> None:
    """Percent-encoding, several attributes, and the file of a PIN."""
    read = keys.parse_token_uri(
        "pkcs11:token=my%20token;serial=0f;object=k%3B1;id=%00%ff;type=private?module-path=/m.so&pin-source=/p"
    )
    assert (dict(read.token), read.label, read.id) == (
        {"token": "my token", "serial": "0f"},
        "k;1",
        b"\0\xff",
    )
    assert (read.module, read.pin_source) == (Path("/m.so"), Path("/p"))
