# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud review`: what waits for a human, and the human's verdict, through the control API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ombud.v1 import review_pb2
from ombud.v1.review_pb2_grpc import ReviewServiceStub
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.output import Format, print_fields, print_json, print_rows
from ombud_cli.times import shown_time

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="List and settle the calls that wait for a human. Exit code 1: the gateway says no.",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The decision id of the call that opened it.")]
Group = Annotated[str, typer.Option(help="The group you decide for; needed where policies ask for several.")]
Reason = Annotated[str, typer.Option(help="Why; kept as erasable facts, never in the record.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to print.")]

_COLUMNS = ("id", "state", "stage", "system", "requester", "resource", "groups", "opened", "expires")


@app.command("list", epilog="Example: `ombud review list --state open`")
@asks_gateway
def list_command(
    control: Control,
    state: Annotated[
        str, typer.Option(help="open, approved, rejected, claimed, used, expired, erased; empty for all.")
    ] = "open",
    system: Annotated[str, typer.Option(help="Only this system's.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first.")] = 100,
    output: Output = Format.TABLE,
) -> None:
    """List reviews, newest first."""
    request = review_pb2.ListReviewsRequest(state=state, system=system, page_size=limit)
    reply = control.ask(ReviewServiceStub, "ListReviews", request)
    shown = [_shown(review) for review in reply.reviews]
    print_rows(_COLUMNS, ([review[column] for column in _COLUMNS] for review in shown), output)


@app.command("show", epilog="Example: `ombud review show 019a2f6e-5d0c-7c41-b1f4-0d6a53a7c1e2`")
@asks_gateway
def show_command(control: Control, review: Id, as_json: Json = False) -> None:
    """Show one review with the inputs, and for a held answer the outputs, that its reviewer needs."""
    reply = control.ask(ReviewServiceStub, "GetReview", review_pb2.GetReviewRequest(id=review))
    _print(reply.review, as_json=as_json)


@app.command("approve", epilog='Example: `ombud review approve ID --group adjusters --reason "payslips"`')
@asks_gateway
def approve_command(
    control: Control, review: Id, group: Group = "", reason: Reason = "", as_json: Json = False
) -> None:
    """Approve the exact call that waits; its caller resumes it with `ombud-resume: ID`."""
    request = review_pb2.ApproveReviewRequest(id=review, group=group, reason=reason)
    _print(control.ask(ReviewServiceStub, "ApproveReview", request).review, as_json=as_json)


@app.command("reject", epilog='Example: `ombud review reject ID --reason "income not shown"`')
@asks_gateway
def reject_command(
    control: Control, review: Id, group: Group = "", reason: Reason = "", as_json: Json = False
) -> None:
    """Reject the call; while the review lives, the same call is denied."""
    request = review_pb2.RejectReviewRequest(id=review, group=group, reason=reason)
    _print(control.ask(ReviewServiceStub, "RejectReview", request).review, as_json=as_json)


def _print(review: review_pb2.Review, *, as_json: bool) -> None:
    if as_json:
        print_json(_shown(review))
    else:
        shown = _shown(review)
        facts = shown.pop("facts", None)
        print_fields({**shown, **(_flat(facts) if isinstance(facts, dict) else {"facts": facts})})


def _shown(review: review_pb2.Review) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": review.id,
        "state": review.state,
        "stage": review.stage,
        "system": review.system,
        "requester": review.requester,
        "action": review.action,
        "resource": review.resource,
        "groups": list(review.groups),
        "approved_groups": list(review.approved_groups),
        "policies": list(review.policies),
        "opened": shown_time(review.opened_us),
        "expires": shown_time(review.expires_us),
        "correlation_id": review.correlation_id,
    }
    if review.facts_json:
        shown["facts"] = _facts(review.facts_json)
    return shown


def _facts(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _flat(facts: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Name nested facts `input.amount`, one line each."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        flat.update(_flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value})
    return flat
