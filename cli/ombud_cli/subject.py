# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud subject`: what is kept of a person, handed out, held and erased through the control API."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ombud.v1 import subject_pb2
from ombud.v1.subject_pb2_grpc import SubjectServiceStub
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import Exit, no, unusable
from ombud_cli.output import Format, print_fields, print_json, print_rows, printable
from ombud_cli.times import shown_time

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Export, hold and erase what is kept of a person, at a gateway with a vault. Exit code 1: the "
    "gateway says no, or nothing is kept under the identifier.",
)

Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="As calls name the person: the contract's field with role subject."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_LONG = 3_600.0
"""Seconds that a search through, or a rewriting of, a large ledger may take."""


@app.command("export", epilog="Example: `ombud subject export applicant-4711 --out applicant-4711.json`")
@asks_gateway
def export_command(
    control: Control,
    subject: Id,
    out: Annotated[
        Path, typer.Option("--out", help="File to write, for its owner alone (0600); never overwritten.")
    ],
) -> None:
    """Write all that is kept of a person into one JSON file (GDPR, Article 15): records, facts, payloads."""
    if out.exists():
        raise unusable(f"--out: {out} is there already, and nothing is overwritten")
    request = subject_pb2.ExportSubjectRequest(subject=subject)
    reply = control.ask(SubjectServiceStub, "ExportSubject", request, seconds=_LONG)
    document = json.loads(reply.document)
    _write(out, reply.document)
    entries = document["entries"]
    print(
        f"{printable(str(out))}: {len(entries)} entries, "
        f"{sum('facts' in entry for entry in entries)} of them with facts, "
        f"{sum('payload' in entry for entry in entries)} with payloads"
    )


@app.command("erase", epilog="Example: `ombud subject erase applicant-4711`")
@asks_gateway
def erase_command(
    control: Control,
    subject: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase what can be erased of a person (GDPR, Article 17), and say what remains and why.

    Facts are blanked, payloads can no longer be decrypted, reviews are closed; records name nobody and stay.
    Refused while a legal hold stands. The ledger verifies afterwards as before.
    """
    if not yes:
        _confirm(subject)
    request = subject_pb2.EraseSubjectRequest(subject=subject)
    reply = control.ask(SubjectServiceStub, "EraseSubject", request, seconds=_LONG)
    told = {
        "erasure": reply.erasure,
        "complete": reply.complete,
        "files": reply.files,
        "facts": reply.rows,
        "payloads": reply.payloads,
        "reviews": reply.reviews,
        "remains": list(reply.remains),
    }
    if as_json:
        print_json(told)
    else:
        print_fields(
            {
                "erasure": reply.erasure,
                "facts": f"{reply.rows} erased, in {reply.files} files",
                "payloads": f"{reply.payloads} that nobody can read any more",
                "reviews": f"{reply.reviews} closed",
            }
        )
        print("what remains, and why:")
        for remains in reply.remains:
            print(printable(f"- {remains}"))
    if not reply.complete:
        raise no("the erasure is not finished; the gateway goes on with it at its next start, or ask again")


@app.command(
    "hold", epilog='Example: `ombud subject hold applicant-4711 --reason "case 12/26, regional court"`'
)
@asks_gateway
def hold_command(
    control: Control,
    subject: Id,
    reason: Annotated[str, typer.Option(help="Why; kept encrypted in the vault, never in the record.")],
    as_json: Json = False,
) -> None:
    """Put a person under a legal hold and print its id: until it is released, nothing of them is erased."""
    request = subject_pb2.HoldSubjectRequest(subject=subject, reason=reason)
    reply = control.ask(SubjectServiceStub, "HoldSubject", request)
    if as_json:
        print_json({"hold": reply.hold})
    else:
        print(reply.hold)


@app.command("holds", epilog="Example: `ombud subject holds -o json`")
@asks_gateway
def holds_command(
    control: Control,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """List the legal holds, oldest first."""
    reply = control.ask(SubjectServiceStub, "ListHolds", subject_pb2.ListHoldsRequest())
    rows = ((hold.id, hold.subject, shown_time(hold.since_us), hold.reason) for hold in reply.holds)
    print_rows(("id", "subject", "since", "reason"), rows, output)


@app.command("release", epilog="Example: `ombud subject release 9f2c61d07be84a5d8c3e0b1f6a7d4e25`")
@asks_gateway
def release_command(
    control: Control,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="The id that `ombud subject holds` shows.")],
) -> None:
    """End a legal hold. Exit code 1 if there is none of that id."""
    control.ask(SubjectServiceStub, "ReleaseHold", subject_pb2.ReleaseHoldRequest(hold=hold))
    print(f"released {printable(hold)}")


def _confirm(subject: str) -> None:
    if not sys.stdin.isatty():
        raise unusable("--yes: must be given where nobody can be asked")
    asked = f"Erase what is kept of {printable(subject)}, for good?"
    if not typer.confirm(asked, err=True):
        print("nothing was erased", file=sys.stderr)
        raise typer.Exit(Exit.NO)


def _write(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise unusable(f"--out: {path}: cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise unusable(f"--out: {path}: cannot be written: {error.strerror}") from error
