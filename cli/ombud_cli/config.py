# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud config`: whether what an operator wrote holds together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ombud_cli.failure import Exit, unusable
from ombud_cli.features import misfits
from ombud_cli.output import Format, print_fields, print_json, print_rows, printable
from ombud_gateway.activation import unkept
from ombud_gateway.config import Config, load_config
from ombud_gateway.identity import TokenFile, TokenFileInvalid
from ombud_gateway.problems import ConfigInvalid
from ombud_gateway.systems import System, Systems, load_systems
from ombud_ledger import KeyUnusable, keys, retention
from ombud_policies import Bundle, BundleInvalid

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="The gateway's configuration.",
)


@app.callback()
def _group() -> None:
    """Keep `check` a sub-command although it is the only one."""


@app.command(
    "check",
    epilog="Example: `ombud config check ombud.toml` **Exit codes**: 0 it holds; 1 it does not; "
    "2 there is no such file.",
)
def check_command(
    file: Annotated[Path, typer.Argument(help="The configuration file.")] = Path("ombud.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check ombud.toml and all it names: systems, contracts, policies and their tests, tokens.

    Also that a call which keeps the contract fits the policies' schema; one that does not is denied.
    """
    if not file.is_file():
        raise unusable(f"FILE: is {str(file)!r}, must be a configuration file; `ombud init` drafts one")
    about, problems, notes = check(file)
    if as_json:
        print_json({"valid": not problems, **about, "problems": problems, "notes": notes})
    else:
        for line in (*problems, *(f"note: {note}" for note in notes)):
            print(printable(line))
        kept = about.pop("retention", [])
        print_fields(about)
        if kept:
            print_rows(
                ("system", "kept", "for", "because"), [tuple(each.values()) for each in kept], Format.TABLE
            )
        print(f"{file}: {'holds' if not problems else 'does not hold'}")
    raise typer.Exit(Exit.NO if problems else Exit.OK)


def check(file: Path) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return what the configuration amounts to; every problem, and what is worth knowing, a line each."""
    problems: list[str] = []
    try:
        config = load_config(file)
    except ConfigInvalid as error:
        return {}, [str(problem) for problem in error.problems], []
    systems = _systems(config, problems)
    bundle = _bundle(config, problems)
    if systems is not None and bundle is not None:
        schema = config.policy.bundle / "schema.cedarschema"
        found = (problem for system in systems for problem in misfits(system, bundle))
        problems += [f"{schema}: {problem}" for problem in found]
    if bundle is not None and (why := unkept(bundle, keeps_payloads=config.vault is not None)):
        problems.append(f"{file}: vault must be given: {why}")
    problems += _vault(config)
    about = {
        "listen": config.gateway.listen,
        "tls": config.gateway.tls is not None,
        "upstreams": {name: section.address for name, section in config.upstreams.items()},
        "ledger": str(config.ledger.path),
        "vault": str(config.vault.folder) if config.vault else None,
        "signed by": _vkeys(config, problems),
        "copied to": _copied_to(config, problems),
        "systems": [system.name for system in systems or ()],
        "retention": [_kept(system, part) for system in systems or () for part in retention.PARTS],
        "bundle": bundle.digest if bundle else None,
        "policies": len(bundle.policies) if bundle else None,
        "tokens": _tokens(config, problems),
    }
    return about, problems, list(_notes(config, systems))


def _vault(config: Config) -> Iterator[str]:
    for name in ("folder", "keys") if config.vault else ():
        place = getattr(config.vault, name)
        if not place.is_dir():
            yield f"vault.{name}: there is no vault at {place}; `ombud vault init` makes one"


def _notes(config: Config, systems: Systems | None) -> Iterator[str]:
    for system in systems or ():
        subject = system.contract.subject
        if config.vault is None and subject is not None:
            yield (
                f"system {system.name}: {subject} says whom a call is about, but there is no [vault]: facts"
                " leave the person out, who can then be neither exported nor erased"
            )


def _kept(system: System, part: str) -> dict[str, str]:
    kept = system.retention.of(part)
    ground = system.retention.overriding_legal_ground
    reason = (
        f"{kept.reason} Overriding legal ground: {ground}" if ground and part == "entries" else kept.reason
    )
    return {"system": system.name, "kept": part, "for": str(kept.period), "because": reason}


def _systems(config: Config, problems: list[str]) -> Systems | None:
    try:
        return load_systems(config.systems, upstreams=config.upstreams)
    except ConfigInvalid as error:
        problems += [str(problem) for problem in error.problems]
        return None


def _bundle(config: Config, problems: list[str]) -> Bundle | None:
    folder = config.policy.bundle
    try:
        return Bundle.load(folder)
    except BundleInvalid as error:
        problems += [f"{folder}/{problem}" for problem in error.problems]
        return None


def _vkeys(config: Config, problems: list[str]) -> list[str]:
    section = config.ledger
    if section.signing_key is None:
        return []
    try:
        found = keys.read_key_file(section.signing_key)
    except KeyUnusable as error:
        problems.append(f"ledger.signing_key: {error}")
        return []
    if found.vkeys[0].name != section.origin:
        problems.append(
            f"ledger.signing_key: its keys are of {found.vkeys[0].name!r}, must be of {section.origin!r}"
        )
    if found.encrypted and section.signing_passphrase_file is None:
        problems.append(
            f"ledger.signing_key: {section.signing_key} is encrypted, or wants a PIN;"
            " give signing_passphrase_file"
        )
    return [str(key) for key in found.vkeys]


def _copied_to(config: Config, problems: list[str]) -> str | None:
    section = config.ledger.remote
    if section is None:
        return None
    from ombud_ledger import remote  # here: only a ledger that is copied needs it

    try:
        remote.demand_usable(section.address)
    except KeyUnusable as error:
        problems.append(f"ledger.remote.credentials_file: {error}")
    alone = (
        "" if section.keep_local is None else f"; sealed files older than {section.keep_local} there alone"
    )
    return section.url + alone


def _tokens(config: Config, problems: list[str]) -> int | None:
    if config.identity.tokens is None:
        return None
    try:
        return len(TokenFile(config.identity.tokens).list())
    except TokenFileInvalid as error:
        problems.append(str(error))
        return None
