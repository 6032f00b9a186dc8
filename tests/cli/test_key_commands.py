# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud key`: made once, shown, rotated with overlap, retired; and what a gateway does with it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from governed import deploy
from ledger.tokens import MODULE, PIN, Token, needs_softhsm
from ombud_cli.config import check
from ombud_cli.main import app
from ombud_cli.wiring import open_ledger, serving
from ombud_gateway.config import load_config
from ombud_ledger import KeyUnusable, LedgerReadOnly, keys, verify

ORIGIN = "acme.example/test/r0"


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a passphrase."""
    path = tmp_path / "secret"
    path.write_text("correct horse\n")
    return path


def test_a_key_is_made_and_shown(tmp_path: Path, secret: Path) -> None:
    """Init makes a file for its owner alone and prints the vkey; show prints it again, without passphrase."""
    file = tmp_path / "keys/signing.key"
    made = ombud("key", "init", file, "--origin", ORIGIN, "--passphrase-file", secret)
    assert made.exit_code == 0
    assert made.stdout.startswith(f"{ORIGIN}+")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "ENCRYPTED" in file.read_text()
    assert ombud("key", "show", file).stdout == made.stdout
    (row,) = json.loads(ombud("key", "show", file, "-o", "json").stdout)
    assert (row["origin"], row["vkey"]) == (ORIGIN, made.stdout.strip())
    (key,) = keys.read_key_file(file).open(lambda: b"correct horse")
    assert str(key.key) == row["vkey"]
    again = ombud("key", "init", file, "--origin", ORIGIN, "--passphrase-file", secret)
    assert again.exit_code == 2
    assert "no key is overwritten" in again.stderr


def test_rotation_overlaps(tmp_path: Path, secret: Path) -> None:
    """Rotate adds a key under the same passphrase; retire removes the old one; the last one stays."""
    file = tmp_path / "signing.key"
    old = ombud("key", "init", file, "--origin", ORIGIN, "--passphrase-file", secret).stdout.strip()
    new = ombud("key", "rotate", file, "--passphrase-file", secret).stdout.strip()
    assert ombud("key", "show", file).stdout.split() == [old, new]
    assert len(keys.read_key_file(file).open(lambda: b"correct horse")) == 2
    retired = ombud("key", "retire", file, old.split("+")[1])
    assert (retired.exit_code, retired.stdout.strip()) == (0, new)
    for key_id, why in (
        (old.split("+")[1], "no key"),
        (new.split("+")[1], "the only one"),
        ("x", "KEYID: is 'x'"),
    ):
        refused = ombud("key", "retire", file, key_id)
        assert refused.exit_code == 2
        assert why in refused.stderr
    secret.write_text("wrong")
    refused = ombud("key", "rotate", file, "--passphrase-file", secret)
    assert refused.exit_code == 2
    assert "wrong passphrase" in refused.stderr
    assert ombud("key", "show", file).stdout.split() == [new]


def test_what_cannot_be_used_is_said(tmp_path: Path, secret: Path) -> None:
    """No passphrase and nobody to ask, an empty one, two ways at once, no origin: each is named."""
    file = tmp_path / "signing.key"
    origin = ("--origin", ORIGIN)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for arguments, why in (
        (origin, "--passphrase-file: must be given"),
        ((*origin, "--unencrypted", "--passphrase-file", secret), "must not be given with"),
        ((*origin, "--passphrase-file", empty), "must hold a passphrase"),
        ((*origin, "--passphrase-file", tmp_path / "none"), "cannot be read"),
        (("--origin", "two words", "--unencrypted"), "no spaces"),
        (("--config", tmp_path / "none.toml", "--unencrypted"), "--origin: must be given"),
    ):
        done = ombud("key", "init", file, *arguments)
        assert done.exit_code == 2, arguments
        assert why in done.stderr
        assert not file.exists()
    assert ombud("key", "show", file).exit_code == 2


def test_a_gateway_signs(tmp_path: Path, secret: Path) -> None:
    """A gateway with a key publishes checkpoints; without the key's passphrase it does not start."""
    deployment = deploy(tmp_path / "gateway", port=0, upstream=9)
    file = deployment.config.parent / "signing.key"
    text = deployment.config.read_text()
    deployment.config.write_text(text.replace("[ledger]\n", '[ledger]\nsigning_key = "signing.key"\n'))
    assert any("ledger.signing_key" in problem for problem in check(deployment.config)[1])
    made = ombud("key", "init", file, "--config", deployment.config, "--passphrase-file", secret)
    assert made.exit_code == 0, made.stderr
    assert any("is encrypted" in problem for problem in check(deployment.config)[1])
    with pytest.raises(KeyUnusable, match="signing_passphrase_file"):
        open_ledger(load_config(deployment.config), bytes)
    text = deployment.config.read_text()
    passphrase = f'signing_passphrase_file = "{secret}"\n'
    deployment.config.write_text(text.replace("[ledger]\n", f"[ledger]\n{passphrase}"))
    about, problems, _ = check(deployment.config)
    assert (problems, about["signed by"]) == ([], [made.stdout.strip()])

    async def run() -> None:
        async with serving(load_config(deployment.config)):
            pass

    asyncio.run(run())
    (checkpoint,) = deployment.ledger.glob("logs/*/pub/checkpoint")
    origin, size, *_ = checkpoint.read_text().split("\n")
    (log,) = verify(deployment.ledger).logs
    assert (origin, int(size)) == (log.origin, log.size)


def test_a_gateway_does_not_serve_a_log_that_is_not_what_was_signed(tmp_path: Path) -> None:
    """A log that lost signed entries is not served, and it is said why."""
    deployment = deploy(tmp_path / "gateway", port=0, upstream=9)
    text = deployment.config.read_text()
    deployment.config.write_text(text.replace("[ledger]\n", '[ledger]\nsigning_key = "signing.key"\n'))
    file = deployment.config.parent / "signing.key"
    assert ombud("key", "init", file, "--config", deployment.config, "--unencrypted").exit_code == 0
    config = load_config(deployment.config)
    open_ledger(config, bytes).close()
    (signed,) = deployment.ledger.glob("logs/*/state/signed.sqlite")
    with sqlite3.connect(signed) as db:
        db.execute("UPDATE head SET size = size + 10")
    db.close()
    with pytest.raises(LedgerReadOnly, match="entries are missing"):
        open_ledger(config, bytes)


@needs_softhsm
def test_a_gateway_signs_with_a_key_in_a_token(tmp_path: Path) -> None:
    """Init makes it there and prints the vkey; the gateway opens it with the PIN in its passphrase file."""
    deployment = deploy(tmp_path / "gateway", port=0, upstream=9)
    file, pin = deployment.folder / "signing.key", tmp_path / "pin"
    pin.write_text(f"{PIN}\n")
    uri = Token("gateway").uri()
    text = deployment.config.read_text()
    lines = f'signing_key = "signing.key"\nsigning_passphrase_file = "{pin}"\n'
    deployment.config.write_text(text.replace("[ledger]\n", f"[ledger]\n{lines}"))
    init = ("key", "init", file, "--config", deployment.config, "--pkcs11", uri, "--passphrase-file", pin)
    made = ombud(*init)
    assert made.exit_code == 0, made.stderr
    assert "made in the token, just now" in made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert (PIN in file.read_text(), "PRIVATE" in file.read_text()) == (False, False)
    assert check(deployment.config)[1] == []

    async def run() -> None:
        async with serving(load_config(deployment.config)):
            pass

    asyncio.run(run())
    account = verify(deployment.ledger, vkeys=[made.stdout.strip()])
    assert (account.exit_code, [log.covered for log in account.logs]) == (0, [account.logs[0].size])
    assert "no key is overwritten" in ombud(*init).stderr


@needs_softhsm
def test_a_key_in_a_file_gives_way_to_one_in_a_token(tmp_path: Path, secret: Path) -> None:
    """Rotate adds the token's, whose PIN has a file of its own; both sign until the old one is retired."""
    file, pin = tmp_path / "signing.key", tmp_path / "pin"
    pin.write_text(PIN)
    old = ombud("key", "init", file, "--origin", ORIGIN, "--passphrase-file", secret).stdout.strip()
    uri = Token("rotated").uri("key", f"&pin-source={pin}")
    rotated = ombud("key", "rotate", file, "--passphrase-file", secret, "--pkcs11", uri)
    assert rotated.exit_code == 0, rotated.stderr
    signers = keys.read_key_file(file).open(lambda: b"correct horse")
    assert [str(signer.key) for signer in signers] == [old, rotated.stdout.strip()]
    assert ombud("key", "retire", file, old.split("+")[1]).exit_code == 0
    assert not keys.read_key_file(file).encrypted


def test_what_cannot_be_a_token_s_key_is_said(tmp_path: Path, secret: Path) -> None:
    """A PIN in the URI, two ways to give it, a key that is stored readably as well: each is named."""
    file, uri = tmp_path / "signing.key", f"pkcs11:token=a;object=b?module-path={MODULE}"
    for arguments, why in (
        (("--pkcs11", f"{uri}&pin-value={PIN}"), "must hold no PIN"),
        (("--pkcs11", f"{uri}&pin-source=/pin", "--passphrase-file", secret), "has a pin-source"),
        (("--pkcs11", uri, "--unencrypted"), "the key stays in its token"),
        (("--pkcs11", uri), "--passphrase-file: must be given"),
    ):
        done = ombud("key", "init", file, "--origin", ORIGIN, *arguments)
        assert (done.exit_code, why in done.stderr) == (2, True), done.stderr
    assert not file.exists()
