# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The options with which any command reaches a gateway, added to it by one decorator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec

import typer

from ombud_cli.adding import adds
from ombud_cli.control import Control, find_token

P = ParamSpec("P")
_PANEL = "Gateway"


def _options(
    *,
    gateway: Annotated[
        str,
        typer.Option(
            envvar="OMBUD_GATEWAY", metavar="HOST:PORT", help="The gateway to ask.", rich_help_panel=_PANEL
        ),
    ] = "127.0.0.1:8080",
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="OMBUD_TOKEN_FILE",
            help="File with your bearer token; else the variable OMBUD_TOKEN.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(envvar="OMBUD_CA", help="Certificates to trust, PEM.", rich_help_panel=_PANEL),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(envvar="OMBUD_CERT", help="Your certificate, PEM.", rich_help_panel=_PANEL),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar="OMBUD_KEY", help="Your certificate's key, PEM.", rich_help_panel=_PANEL),
    ] = None,
    plaintext: Annotated[
        bool,
        typer.Option(
            "--plaintext",
            help="No TLS although the gateway is on another host: the token travels readable.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
) -> Control:
    return Control(gateway, find_token(token_file), ca, cert, key, plaintext)


def asks_gateway(command: Callable[Concatenate[Control, P], None]) -> Callable[..., None]:
    """Give a command a `Control` as first argument, made from options that `--help` lists."""
    return adds(_options)(command)
