# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud vault`: the key store and its epoch keys, made, shown and rotated on the gateway's own host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import unusable, unusable_on
from ombud_cli.output import print_fields, print_json
from ombud_gateway.config import VaultSection, load_config
from ombud_gateway.problems import ConfigInvalid
from ombud_ledger import LedgerError, Vault

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Make, show and rotate the vault: pseudonyms, and the keys that payloads are encrypted with. Its "
    "two folders are named in `[vault]` of ombud.toml.",
)

Config = Annotated[Path, typer.Option("--config", "-c", help="The gateway's configuration.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_CONFIG = Path("ombud.toml")


@app.command("init", epilog="Example: `ombud vault init`, with `[vault]` folder and keys in ombud.toml")
def init_command(config: Config = _CONFIG) -> None:
    """Make the vault where the configuration says, for its owner alone (0700); nothing is overwritten.

    Back up the two folders apart: a copy of one without the other is dark. An erased person stays erased only
    if no old copies of both come together, so rotate after erasures and let old copies of the keys expire.
    """
    section = _section(config)
    with unusable_on(LedgerError):
        Vault.create(section.folder, section.keys).close()
    print(f"vault made: key store in {section.folder}, epoch keys in {section.keys}; back them up apart")


@app.command("show", epilog="Example: `ombud vault show --json`")
def show_command(config: Config = _CONFIG, as_json: Json = False) -> None:
    """Show how many people the vault knows, has erased and holds, and its epoch; never who they are."""
    section = _section(config)
    with _opened(section) as vault, unusable_on(LedgerError):
        account = vault.account()
    shown = {
        "folder": str(section.folder),
        "keys": str(section.keys),
        "epoch": account.epoch,
        "subjects": account.subjects,
        "erasing": account.erasing,
        "erased": account.erased,
        "holds": account.holds,
    }
    if as_json:
        print_json(shown)
    else:
        print_fields(shown)


@app.command("rotate", epilog="Example: `ombud vault rotate`")
def rotate_command(config: Config = _CONFIG, as_json: Json = False) -> None:
    """Move everybody who is left to a new epoch key and destroy the old one: old copies of the key store go
    dark. A gateway may serve meanwhile.
    """
    with _opened(_section(config)) as vault, unusable_on(LedgerError):
        rotated = vault.rotate()
    shown = {
        "epoch": rotated.epoch,
        "subjects": rotated.subjects,
        "holds": rotated.holds,
        "keys_destroyed": rotated.destroyed,
    }
    if as_json:
        print_json(shown)
    else:
        print_fields(shown)


@contextmanager
def _opened(section: VaultSection) -> Iterator[Vault]:
    with unusable_on(LedgerError):
        vault = Vault.open(section.folder, section.keys)
    try:
        yield vault
    finally:
        vault.close()


def _section(config: Path) -> VaultSection:
    with unusable_on(ConfigInvalid):
        section = load_config(config).vault
    if section is None:
        raise unusable(f"{config}: [vault] must name a folder and, elsewhere, one for keys")
    return section
