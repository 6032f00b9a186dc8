# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud request`: what people ask of you, by when to answer, and the answers, through the control API."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from ombud.v1 import request_pb2 as wire
from ombud.v1.request_pb2_grpc import RequestServiceStub
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.matter import (
    Decisions,
    Json,
    OpenOnly,
    System,
    deadline,
    member,
    name_of,
    notes_of,
    print_matter,
    print_matters,
)
from ombud_cli.output import Format
from ombud_cli.times import parse_us_since_1970, shown_time

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Keep what people ask of you, and by when to answer: a month from receipt (GDPR, Article 12(3))."
    " Exit code 1: the gateway says no.",
)
_KIND: Final = "REQUEST_CATEGORY_"
_KINDS: Final = [name.removeprefix(_KIND).lower() for name in wire.RequestCategory.keys()[1:]]

Id = Annotated[str, typer.Argument(metavar="ID", help="The id that `ombud request list` shows.")]
Identity = Annotated[
    str, typer.Option(help="How you checked who asks, as `passport, shown at the branch`. Erasable facts.")
]
Reason = Annotated[str, typer.Option(help="Why; kept as erasable facts, never in the record.")]


@app.command(
    "open",
    epilog="Example: `ombud request open --system credit --kind contest --received 2026-03-01 --decision ID "
    '--group underwriters --identity "passport" --text "income was misread"`',
)
@asks_gateway
def open_command(
    control: Control,
    *,
    system: System,
    kind: Annotated[str, typer.Option(help=f"What is asked: {', '.join(_KINDS)}.")],
    received: Annotated[str, typer.Option(help="When it came; ISO 8601, UTC unless it says otherwise.")],
    subject: Annotated[
        str, typer.Option(help="Who asks, as calls name the person; needs a vault. Or give --decision.")
    ] = "",
    decision: Decisions = None,
    group: Annotated[str, typer.Option(help="Of a contest: the group of reviewers that decides.")] = "",
    identity: Identity = "",
    text: Annotated[str, typer.Option(help="What was asked. Kept as erasable facts.")] = "",
    as_json: Json = False,
) -> None:
    """Open a request and print it with its deadline.

    A contest opens a review for the group, which nobody may settle who decided on the call before: approved,
    the contest is granted; rejected, the decision stands.
    """
    request = wire.OpenRequestRequest(
        system=system,
        category=member("--kind", kind, _KIND, _KINDS),
        received_us=parse_us_since_1970(received, "--received"),
        subject=subject,
        decisions=decision or (),
        identity=identity,
        text=text,
        group=group,
    )
    print_matter(_shown(control.ask(RequestServiceStub, "OpenRequest", request).request), as_json=as_json)


@app.command("extend", epilog='Example: `ombud request extend ID --system credit --reason "many documents"`')
@asks_gateway
def extend_command(
    control: Control, request: Id, *, system: System, reason: Reason, as_json: Json = False
) -> None:
    """Extend a deadline by two months: once, and before it has passed."""
    asked = wire.ExtendRequestRequest(system=system, id=request, reason=reason)
    print_matter(_shown(control.ask(RequestServiceStub, "ExtendRequest", asked).request), as_json=as_json)


@app.command(
    "answer", epilog='Example: `ombud request answer ID --system credit --identity "passport" --text "sent"`'
)
@asks_gateway
def answer_command(
    control: Control,
    request: Id,
    *,
    system: System,
    answered: Annotated[str, typer.Option(help="When it was answered, if not now; ISO 8601.")] = "",
    identity: Identity = "",
    text: Annotated[str, typer.Option(help="What was answered. Kept as erasable facts.")] = "",
    as_json: Json = False,
) -> None:
    """Say that a request was answered; a contest can be once its review is settled or has expired."""
    asked = wire.AnswerRequestRequest(
        system=system,
        id=request,
        answered_us=parse_us_since_1970(answered, "--answered"),
        identity=identity,
        answer=text,
    )
    print_matter(_shown(control.ask(RequestServiceStub, "AnswerRequest", asked).request), as_json=as_json)


@app.command("close", epilog='Example: `ombud request close ID --system credit --reason "withdrawn"`')
@asks_gateway
def close_command(
    control: Control, request: Id, *, system: System, reason: Reason = "", as_json: Json = False
) -> None:
    """Close a request, for good; --reason must be given where it was not answered and may be written."""
    asked = wire.CloseRequestRequest(system=system, id=request, reason=reason)
    print_matter(_shown(control.ask(RequestServiceStub, "CloseRequest", asked).request), as_json=as_json)


@app.command("list", epilog="Example: `ombud request list --system credit --open`")
@asks_gateway
def list_command(
    control: Control,
    *,
    system: System,
    request: Annotated[str, typer.Option("--id", metavar="ID", help="Only this one, with all of it.")] = "",
    open_only: OpenOnly = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """List what people asked about a system, what is due first at the top."""
    asked = wire.ListRequestsRequest(system=system, id=request, open_only=open_only)
    found = control.ask(RequestServiceStub, "ListRequests", asked).requests
    print_matters([_shown(each) for each in found], output, whole=bool(request))


def _shown(request: wire.PersonRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "system": request.system,
        "kind": name_of(wire.RequestCategory, request.category, _KIND),
        "state": request.state,
        "received": shown_time(request.received_us),
        "due": shown_time(request.due_us),
        "deadline": deadline(request.deadline),
        "extended": request.extended,
        "answered": shown_time(request.answered_us),
        "identity_by": request.identity_by,
        "decisions": list(request.decisions),
        "review": request.review,
        "review_state": request.review_state,
        "notes": notes_of(request.notes),
    }
