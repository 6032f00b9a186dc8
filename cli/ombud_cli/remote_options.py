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
from ombud_cli.failure import unusable, unusable_on
from ombud_cli.ledger_place import CONFIG

if TYPE_CHECKING:
    from ombud_gateway.config import LedgerSection
    from ombud_ledger import remote

P = ParamSpec("P")
_PANEL = "Storage, where the ledger, or some of its sealed files, are not in a folder here"


@dataclass(frozen=True, slots=True)
class Storage:
    """How storage is reached."""

    sealed_at: str | None
    endpoint: str | None
    region: str | None
    credentials_file: Path | None
    allow_plaintext: bool

    def place(self, text: str, argument: str = "PATH") -> Path | remote.RemoteAddress | remote.Thinned:
        """Return the folder, or the address on other storage, that an argument names. Raises `Failure`."""
        if "://" not in text:
            return self.beside(Path(text))
        if self.sealed_at is not None:
            raise unusable(f"--remote: must go with a folder; {argument} is {text[:80]!r}")
        return self.address(text, argument)

    def beside(self, path: Path) -> Path | remote.Thinned:
        """Return a folder, with where its sealed files lie that are not in it. Raises `Failure`.

        That is what `--remote` names, else the configuration here, if the folder is its ledger.
        """
        from ombud_ledger import remote

        if self.sealed_at is not None:
            return remote.Thinned(path, self.address(self.sealed_at, "--remote"))
        section = configured_ledger(path) if remote.is_thinned(path) else None
        if section is None or section.remote is None:
            return path
        return remote.Thinned(path, section.remote.address)

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
    remote: Annotated[
        str | None,
        typer.Option(
            envvar="OMBUD_STORAGE_REMOTE",
            metavar="URL",
            help="Where sealed files lie that the folder let go; else what ./ombud.toml says of it.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
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
    return Storage(remote, endpoint, region, credentials_file, allow_plaintext)


def configured_ledger(path: Path) -> LedgerSection | None:
    """Return what the configuration here says of a ledger, None if it says nothing. Raises `Failure`."""
    if not CONFIG.is_file():
        return None
    from ombud_gateway.config import load_config
    from ombud_gateway.problems import ConfigInvalid

    with unusable_on(ConfigInvalid):
        section = load_config(CONFIG).ledger
    return section if section.path.resolve() == path.resolve() else None


def reaches_storage(command: Callable[Concatenate[Storage, P], None]) -> Callable[..., None]:
    """Give a command a `Storage` as first argument, made from options that `--help` lists."""
    return adds(_options)(command)
