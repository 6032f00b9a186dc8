# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The options with which any command reaches a ledger on other storage, added to it by one decorator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec

import typer

from ombud_cli.adding import adds
from ombud_cli.failure import unusable

if TYPE_CHECKING:
    from ombud_ledger import remote

P = ParamSpec("P")
_PANEL = "Storage, where the ledger is not a folder"


@dataclass(frozen=True, slots=True)
class Storage:
    """How storage is reached."""

    endpoint: str | None
    region: str | None
    credentials_file: Path | None
    allow_plaintext: bool

    def place(self, text: str, argument: str = "PATH") -> Path | remote.RemoteAddress:
        """Return the folder, or the address on other storage, that an argument names. Raises `Failure`."""
        if "://" not in text:
            return Path(text)
        return self.address(text, argument)

    def address(self, text: str, argument: str) -> remote.RemoteAddress:
        """Return the address that an argument names. Raises `Failure`."""
        from ombud_ledger import remote  # here: a folder needs none of it

        try:
            return remote.RemoteAddress(
                text, self.endpoint, self.region, self.credentials_file, self.allow_plaintext
            )
        except ValueError as error:
            raise unusable(f"{argument}: {error}") from error


def _options(
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(
            envvar="OMBUD_STORAGE_ENDPOINT",
            metavar="URL",
            help="An S3-compatible server; else the region's own.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(envvar="OMBUD_STORAGE_REGION", help="The region.", rich_help_panel=_PANEL)
    ] = None,
    credentials_file: Annotated[
        Path | None,
        typer.Option(
            envvar="OMBUD_STORAGE_CREDENTIALS_FILE",
            help="File with the access key, as AWS tools write it, mode 0600; else their usual places.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    allow_plaintext: Annotated[
        bool,
        typer.Option(
            "--allow-plaintext",
            help="Let the endpoint be http:// beyond this host: what is stored travels readable.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
) -> Storage:
    return Storage(endpoint, region, credentials_file, allow_plaintext)


def reaches_storage(command: Callable[Concatenate[Storage, P], None]) -> Callable[..., None]:
    """Give a command a `Storage` as first argument, made from options that `--help` lists."""
    return adds(_options)(command)
