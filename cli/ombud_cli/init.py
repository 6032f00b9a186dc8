# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud init`: from a running model to a gateway that governs it, in observe mode."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.declared import Declared, declared_model
from ombud_cli.failure import unusable, unusable_on
from ombud_cli.features import features
from ombud_cli.output import print_json, printable
from ombud_gateway.config import parse_config
from ombud_gateway.draft import draft_system
from ombud_gateway.identity import Principal, TokenFile, TokenFileInvalid
from ombud_gateway.problems import ConfigInvalid
from ombud_gateway.systems import System, parse_system
from ombud_ledger import retention
from ombud_policies import Bundle, PolicyError, draft_observe

UPSTREAM = "main"
FIRST = Principal("Agent", "first-agent")
_CONFIG = """\
# Drafted by `ombud init`. Relative paths start at this file's folder.
systems = "systems"

[gateway]
# Beyond this host, give [gateway.tls] certificate and key.
listen = {listen}

[upstreams.{upstream}]
address = {address}

[ledger]
path = "var/ledger"
# Who runs this gateway, and which of theirs it is. Both stand in the ledger's first entry for good.
operator = "local"
deployment = {deployment}
# To have it signed: `ombud key init var/signing.key`, then
# signing_key = "var/signing.key"
# and, for auditors' tools and mirrors to read it over HTTP:
# publish_listen = "127.0.0.1:8090"
# To have somebody else cosign it: [[ledger.witness]], with url and vkey.

# To erase and export people that calls are about, and for @capture("full"): `ombud vault init`, with
# [vault]
# folder = "var/vault"
# keys = "var/vault-keys"  # better on another volume: a copy of one without the other is dark

[policy]
bundle = {bundle}

[identity]
tokens = "tokens.toml"

[review]
database = "var/reviews.sqlite"
key_file = "var/review.key"
"""


def init_command(
    upstream: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The model server, KServe v2 over gRPC.")
    ],
    model: Annotated[str, typer.Option(help="A model it serves.")],
    keep: Annotated[
        str,
        typer.Option(metavar="PERIOD", help="How long records are kept: 10y, 24m or 180d. Nobody else says."),
    ],
    keep_reason: Annotated[str, typer.Option(metavar="TEXT", help="Why so long; the file keeps it.")],
    *,
    name: Annotated[str, typer.Option(help="Name of the system; else made from the model's.")] = "",
    folder: Annotated[
        Path, typer.Option("--dir", help="Where to write; nothing there is overwritten.")
    ] = Path(),
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the gateway will listen.")] = (
        "127.0.0.1:8080"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draft a gateway for one model: what it knows is asked, what it does not know is marked TODO.

    Writes ombud.toml, systems/NAME.yaml, policies/NAME/ (observe: lets calls through and records them) and
    tokens.toml with a first token, which is printed this once.
    """
    # 1. Ask the model server what the model declares.
    declared = declared_model(upstream, model)
    # 2. Draft everything, and check it, before anything is written.
    system, system_text = _system(model, name, declared, keep, keep_reason)
    spec = system.contract.spec
    with unusable_on(PolicyError):
        bundle = draft_observe(features(spec.inputs), features(spec.outputs))
        Bundle.from_files(bundle)
    config = _config(upstream, listen, system.name)
    files: dict[Path, bytes] = {
        folder / "ombud.toml": config.encode(),
        folder / "systems" / f"{system.name}.yaml": system_text.encode(),
        **{folder / "policies" / system.name / inside: content for inside, content in bundle.items()},
    }
    tokens = folder / "tokens.toml"
    _refuse_to_overwrite([*files, tokens])
    # 3. Write it.
    _write(files)
    with unusable_on(ConfigInvalid):
        parse_config(config.encode(), file=folder / "ombud.toml")
    with unusable_on(TokenFileInvalid, ValueError, OSError):
        token = TokenFile(tokens).create(FIRST, note="made by ombud init")
    # 4. Say what comes next.
    _say(folder, [*files, tokens], system, token, listen, as_json=as_json)


EPILOG = (
    "Example: `ombud init --upstream 127.0.0.1:8001 --model loans --name credit --dir governed"
    " --keep 24m --keep-reason 'until complaints have lapsed'`"
)


def _system(model: str, name: str, declared: Declared, keep: str, keep_reason: str) -> tuple[System, str]:
    _check_kept(keep, keep_reason)
    with unusable_on(ConfigInvalid):
        system, text = draft_system(
            model,
            UPSTREAM,
            inputs=declared.inputs,
            outputs=declared.outputs,
            keep=keep,
            reason=keep_reason,
            batched=declared.batched,
        )
        if not name:
            return system, text
        text = re.sub(r"(?m)^system: .*$", f"system: {json.dumps(name)}", text, count=1)
        return parse_system(text, file="--name"), text


def _check_kept(keep: str, keep_reason: str) -> None:
    try:
        retention.parse_period(keep)
    except ValueError as error:
        raise unusable(f"--keep: is {keep[:80]!r}, {error}") from error
    if not keep_reason.strip():
        raise unusable("--keep-reason: must say why so long, in a few words")


def _config(upstream: str, listen: str, system: str) -> str:
    return _CONFIG.format(
        listen=json.dumps(listen),
        upstream=UPSTREAM,
        address=json.dumps(upstream),
        deployment=json.dumps(system.replace("_", "-")),
        bundle=json.dumps(f"policies/{system}"),
    )


def _refuse_to_overwrite(paths: list[Path]) -> None:
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise unusable(f"--dir: {there} is there already, and nothing is overwritten; give an empty folder")


def _write(files: Mapping[Path, bytes]) -> None:
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        except OSError as error:
            raise unusable(f"{path}: cannot be written: {error.strerror}") from error


def _say(folder: Path, paths: list[Path], system: System, token: str, listen: str, *, as_json: bool) -> None:
    there = f"cd {shlex.quote(str(folder))} && " if folder != Path() else ""
    following = [f"{there}ombud config check", f"{there}ombud serve"]
    if as_json:
        print_json(
            {
                "system": system.name,
                "files": [str(path) for path in paths],
                "principal": str(FIRST),
                "token": token,
                "next": following,
            }
        )
        return
    fields = len(system.contract.spec.inputs) + len(system.contract.spec.outputs)
    print(f"system {system.name}: {fields} fields of its contract drafted; read the TODOs in its file")
    for path in paths:
        print(printable(f"  {path}"))
    print(f"\ntoken of {FIRST}, shown this once; send it as metadata `authorization: Bearer TOKEN`:\n{token}")
    print(f"\nnext:\n  {following[0]}\n  {following[1]}")
    print(f"then point a client at {listen} instead of the model server")
