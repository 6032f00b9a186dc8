# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud key`: the keys that sign the ledger's checkpoints, in one file or in a token, made and rotated."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import unusable, unusable_on
from ombud_cli.output import Format, print_rows
from ombud_ledger import KeyUnusable, keys

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Make, show and rotate the keys that sign the ledger. A gateway reads the file when it starts.",
)

File = Annotated[Path, typer.Argument(help="The key file.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File with the passphrase; without it, it is asked for."),
]
Token = Annotated[
    str,
    typer.Option(
        "--pkcs11",
        metavar="URI",
        help="A key in a hardware module instead (RFC 7512): pkcs11:token=…;object=…?module-path=/…/….so, "
        "made there if it is not. The passphrase is then the PIN; or name its file, by &pin-source=/….",
    ),
]
_CONFIG = Path("ombud.toml")


@app.command(
    "init",
    epilog="Example: `ombud key init keys/signing.key`, then `signing_key` in `[ledger]`; for a witness, "
    "`ombud key init witness.key --witness partner.example/w1`; in a token, `ombud key init keys/signing.key "
    '--pkcs11 "pkcs11:token=ledger;object=gw-1?module-path=/usr/lib/softhsm/libsofthsm2.so" '
    "--passphrase-file pin`",
)
def init_command(
    file: File,
    *,
    origin: Annotated[
        str, typer.Option(help="Origin of the log it signs: OPERATOR/DEPLOYMENT/REPLICA; else from --config.")
    ] = "",
    witness: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Make a witness's key instead, under this name, as partner.example/w1."
        ),
    ] = "",
    config: Annotated[Path, typer.Option("--config", "-c", help="The gateway's configuration.")] = _CONFIG,
    passphrase_file: PassphraseFile = None,
    token: Token = "",
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Store the private key readable to whoever reads the file.")
    ] = False,
) -> None:
    """Make a signing key and print its public half, the vkey: hand it to those who will verify.

    A log's key signs for its origin; a witness's (`--witness`) cosigns the checkpoints of other logs.

    The file is for its owner alone (0600), and never overwritten. Of a key in a token it holds where that is.
    """
    if unencrypted and token:
        raise unusable("--unencrypted: must not be given with --pkcs11: the key stays in its token")
    if unencrypted and passphrase_file is not None:
        raise unusable("--unencrypted: must not be given with --passphrase-file")
    if witness and origin:
        raise unusable("--witness: must not be given with --origin: no log signs with a witness's key")
    name = witness or origin or _origin(config)
    kind = keys.COSIGNATURE if witness else keys.ED25519
    there = unusable(f"FILE: {file} is there already, and no key is overwritten; `ombud key rotate`?")
    if file.exists():
        raise there
    with unusable_on(KeyUnusable):
        if token:
            uri, pin = _token(token, passphrase_file)
            made, fresh = keys.token_key_file(name, uri, pin, kind=kind)
            print(_MADE[fresh], file=sys.stderr)
        else:
            secret = None if unencrypted else _passphrase(passphrase_file, new=True)
            made = keys.new_key_file(name, secret, kind=kind)
    try:
        keys.create_key_file(file, made)
    except FileExistsError as error:
        raise there from error
    except OSError as error:
        raise unusable(f"FILE: {file}: cannot be written: {error.strerror}") from error
    print(
        f"key of {name}, in {file}; its vkey, for verifiers, by another way than the ledger:", file=sys.stderr
    )
    print(made.vkeys[0])


@app.command("show", epilog="Example: `ombud key show keys/signing.key`")
def show_command(
    file: File, output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE
) -> None:
    """Print the vkeys in a key file, oldest first; needs no passphrase."""
    with unusable_on(KeyUnusable):
        vkeys = keys.read_key_file(file).vkeys
    if output is Format.TABLE:
        for key in vkeys:  # on one line each, to be copied
            print(key)
    else:
        print_rows(
            ("origin", "key_id", "vkey"), [(key.name, key.id.hex(), str(key)) for key in vkeys], output
        )


@app.command(
    "rotate", epilog="Example: `ombud key rotate keys/signing.key`, restart, later `ombud key retire`"
)
def rotate_command(file: File, passphrase_file: PassphraseFile = None, token: Token = "") -> None:
    """Add a new key beside the others, and print its vkey. From the next start on, all of them sign.

    Hand the new vkey out; once every verifier has it, `ombud key retire` the old one. The log records both.
    So a key in a file can give way to one in a token (`--pkcs11`, with the PIN's file as pin-source).
    """
    with unusable_on(KeyUnusable, OSError):
        found = keys.read_key_file(file)
        secret = _passphrase(passphrase_file, new=False) if found.encrypted else None
        found.open(lambda: secret or b"")  # one passphrase opens the whole file
        if token:
            uri, pin = _token(token, None) if secret is None else (keys.parse_token_uri(token), secret)
            rotated, fresh = found.with_token(uri, pin)
            print(_MADE[fresh], file=sys.stderr)
        else:
            rotated = found.with_new(secret)
        keys.replace_key_file(file, rotated)
    print(rotated.vkeys[-1])


@app.command("retire", epilog="Example: `ombud key retire keys/signing.key a34f2614`")
def retire_command(
    file: File,
    key_id: Annotated[str, typer.Argument(metavar="KEYID", help="The middle part of its vkey, 8 digits.")],
) -> None:
    """Remove a private key from the file for good; keep its vkey, which old checkpoints and receipts need.

    A key in a token stays there, for the token's own tools to delete.
    """
    with unusable_on(KeyUnusable, OSError):
        try:
            wanted = bytes.fromhex(key_id)
        except ValueError as error:
            raise unusable(f"KEYID: is {key_id!r}, must be 8 hexadecimal digits") from error
        left = keys.read_key_file(file).without(wanted)
        keys.replace_key_file(file, left)
    print(f"retired {key_id}; what signs from the next start on:", file=sys.stderr)
    for key in left.vkeys:
        print(key)


def _origin(config: Path) -> str:
    if not config.is_file():
        raise unusable(f"--origin: must be given where there is no {config}")
    from ombud_gateway.config import load_config
    from ombud_gateway.problems import ConfigInvalid

    with unusable_on(ConfigInvalid):
        return load_config(config).ledger.origin


_MADE = {True: "made in the token, just now", False: "found in the token, and adopted"}


def _token(text: str, passphrase_file: Path | None) -> tuple[keys.TokenUri, bytes | None]:
    """Return the URI, and the PIN, unless the URI names its file."""
    uri = keys.parse_token_uri(text)
    if uri.pin_source is None:
        return uri, _passphrase(passphrase_file, new=False, what="PIN")
    if passphrase_file is not None:
        raise unusable("--passphrase-file: must not be given where --pkcs11 has a pin-source")
    return uri, None


def _passphrase(file: Path | None, *, new: bool, what: str = "Passphrase") -> bytes:
    if file is not None:
        return keys.read_passphrase(file)
    if not sys.stdin.isatty():
        raise unusable(
            "--passphrase-file: must be given where nobody can be asked (or --unencrypted, for a new key)"
        )
    text = typer.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
    return str(text).encode()
