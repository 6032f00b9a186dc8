# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud report KIND`: one command for each kind of report, made of what the kind declares."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import unusable
from ombud_cli.ledger_place import AsOf
from ombud_cli.offline import By, PassphraseFile, SigningKey
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_cli.report_make import Wanted, make_command
from ombud_cli.times import Begin, End
from ombud_reports import Given, Kind, Option, kind_of, kinds

_TYPES: Final[dict[str, Any]] = {
    "text": str,
    "integer": int,
    "number": float,
    "flag": bool,
    "moment": str,
    "file": Path,
}
_METAVARS: Final = {"moment": "TIME", "file": "FILE", "text": "TEXT"}
_PANEL: Final = "Of this kind"


def __getattr__(name: str) -> typer.Typer:
    """Make the command of a kind, by its name."""
    if name not in kinds():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind = kind_of(name)
    app = typer.Typer(rich_markup_mode="markdown", add_completion=False)
    app.command(name, help=_help(kind), epilog=_epilog(kind))(asks_gateway(reaches_storage(_command(kind))))
    return app


def _common(
    *,
    path: Annotated[
        str, typer.Argument(help="The ledger's folder; without it, the gateway makes the report.")
    ] = "",
    system: Annotated[str, typer.Option(help="The system that is reported on.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report's files.")],
    begin: Begin = "",
    end: End = "",
    as_of: AsOf = None,
    log: Annotated[
        str | None, typer.Option(help="The log that records it; else the first of the ledger.")
    ] = None,
    signing_key: SigningKey = None,
    passphrase_file: PassphraseFile = None,
    by: By = "",
    draft: Annotated[
        bool, typer.Option("--draft", help="Do not record it; the page says DRAFT, NOT RECORDED.")
    ] = False,
    json_only: Annotated[bool, typer.Option("--json-only", help="Write the JSON alone.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files of the same name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> Wanted:
    return Wanted(
        path=path,
        system=system,
        out=out,
        begin=begin,
        end=end,
        as_of=tuple(as_of or ()),
        log=log,
        signing_key=signing_key,
        passphrase_file=passphrase_file,
        by=by,
        draft=draft,
        json_only=json_only,
        force=force,
        as_json=as_json,
    )


def _command(kind: Kind) -> Any:
    common = list(inspect.signature(_common, eval_str=True).parameters.values())
    asked = [_parameter(option) for option in kind.options]

    def command(storage: Storage, control: Control, **given: Any) -> None:
        options = {option.name: _value(option, given.pop(option.name)) for option in kind.options}
        make_command(storage, control, kind, options, _common(**given))

    wired = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("storage", "control")
    ]
    command.__signature__ = inspect.Signature([*wired, *common, *asked])  # type: ignore[attr-defined]
    return command


def _parameter(option: Option) -> inspect.Parameter:
    of = _TYPES[option.type]
    said = f"{option.about[0].upper()}{option.about[1:].rstrip('.')}."
    if option.choices:
        said += f" One of: {', '.join(option.choices)}."
    if option.many:
        said += " Repeatable."
    if option.default is not None:
        said += f" [default: {option.default}]"
    flag = f"--{option.name.replace('_', '-')}"
    names = (f"{flag}/--no-{flag[2:]}",) if option.type == "flag" else (flag,)
    metavar = _METAVARS.get(option.type)
    about = typer.Option(*names, help=said, metavar=metavar, show_default=False, rich_help_panel=_PANEL)
    default = inspect.Parameter.empty if option.required and not option.many else None
    annotation = list[of] | None if option.many else of if option.required else of | None  # type: ignore[valid-type]
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, about]
    )


def _value(option: Option, value: Any) -> Any:
    if option.type != "file" or value is None:
        return value
    return (
        tuple(given_file(option.name, each) for each in value)
        if option.many
        else given_file(option.name, value)
    )


def given_file(name: str, path: Path) -> Given:
    """Return a file that an option names, with its digest; raise `Failure`."""
    try:
        with path.open("rb") as file:
            return Given(path, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise unusable(f"--{name.replace('_', '-')}: {path}: {error.strerror}") from error


def _help(kind: Kind) -> str:
    pdf = ", a PDF" if kind.document else ""
    return (
        f"{kind.about}\n\nWrites an HTML page{pdf} and a JSON with every figure exact, and records their"
        " digests in the ledger. A signed log is read as of its newest checkpoint, or of that given with"
        " --as-of; one that is not signed, as it is now."
    )


def _epilog(kind: Kind) -> str:
    must = "".join(f" --{each.name.replace('_', '-')} …" for each in kind.options if each.required)
    return (
        f"Example: `ombud report {kind.name} var/ledger --system credit{must} --out reports` "
        "**Exit codes**: 0 made; 1 the gateway says no, or the ledger does not extend a checkpoint; "
        "2 it could not be made, or not recorded."
    )
