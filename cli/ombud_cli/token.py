# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud token`: the bearer tokens of a gateway, kept hashed in one file."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import no, unusable, unusable_on
from ombud_cli.output import Format, print_json, print_rows
from ombud_gateway.config import load_config
from ombud_gateway.identity import Principal, TokenFile, TokenFileInvalid, parse_principal
from ombud_gateway.problems import ConfigInvalid

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Create, list and revoke bearer tokens. The file keeps only their SHA-256. "
    "A running gateway sees changes at once.",
)

Config = Annotated[Path, typer.Option("--config", "-c", help="Where identity.tokens is configured.")]
File = Annotated[Path | None, typer.Option("--file", help="The tokens file itself, instead of --config.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_CONFIG = Path("ombud.toml")
_COLUMNS = ("id", "principal", "created", "expires", "state", "note")


@app.command("create", epilog="Example: `ombud token create ada --principal 'User::\"ada\"' --expires 90`")
def create_command(
    name: Annotated[
        str, typer.Argument(help="Who gets it: an Agent of this name, unless --principal says other.")
    ],
    *,
    principal: Annotated[
        str, typer.Option(help='Cedar entity: Agent, Workflow, Service or User, as `Agent::"name"`.')
    ] = "",
    expires: Annotated[int | None, typer.Option(min=1, max=36_500, help="Days until it expires.")] = None,
    config: Config = _CONFIG,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Create a token and print it, once: nobody can recover it later."""
    who = principal_of(principal, name)
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=expires) if expires else None
    tokens = _tokens(config, file)
    with unusable_on(TokenFileInvalid, ValueError, OSError):
        text = tokens.create(who, expires=end, note=name)
    if as_json:
        print_json({"token": text, "principal": str(who), "expires": end, "file": str(tokens.path)})
        return
    print(f"token of {who}, in {tokens.path}; it is shown this once:", file=sys.stderr)
    print(text)


@app.command("list", epilog="Example: `ombud token list -o json`")
def list_command(
    config: Config = _CONFIG,
    file: File = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """List tokens, oldest first, without their secrets."""
    with unusable_on(TokenFileInvalid):
        found = _tokens(config, file).list()
    now = datetime.now(UTC)
    rows = (
        (
            token.id,
            str(token.principal),
            token.created,
            token.expires,
            "expired" if token.expired(now) else "valid",
            token.note,
        )
        for token in found
    )
    print_rows(_COLUMNS, rows, output)


@app.command("revoke", epilog="Example: `ombud token revoke 3f9c0a7be1d25c48`")
def revoke_command(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `ombud token list` shows.")],
    config: Config = _CONFIG,
    file: File = None,
) -> None:
    """Revoke a token for good. Exit code 1 if there is none of that id."""
    tokens = _tokens(config, file)
    try:
        with unusable_on(TokenFileInvalid, OSError):
            gone = tokens.revoke(token_id)
    except KeyError as error:
        raise no(f"ID: is {token_id!r}, must be one that `ombud token list` shows") from error
    print(f"revoked {gone.id} of {gone.principal}")


def principal_of(principal: str, name: str) -> Principal:
    """Return the principal named, or an Agent of the name."""
    text = principal or str(Principal("Agent", name))
    try:
        return parse_principal(text)
    except ValueError as error:
        raise unusable(f"{'--principal' if principal else 'NAME'}: is {text!r}, {error}") from error


def _tokens(config: Path, file: Path | None) -> TokenFile:
    if file is not None:
        return TokenFile(file)
    with unusable_on(ConfigInvalid):
        configured = load_config(config).identity.tokens
    if configured is None:
        raise unusable(f"{config}: identity.tokens must name a file, or give --file")
    return TokenFile(configured)
