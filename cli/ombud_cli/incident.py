# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud incident`: incidents of a system and their deadlines, through the control API."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from ombud.v1 import incident_pb2 as wire
from ombud.v1.incident_pb2_grpc import IncidentServiceStub
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
    help="Keep incidents and their deadlines (Regulation (EU) 2024/1689, Article 73): 15 days from awareness,"
    " 10 for a death, 2 for widespread infringement or disrupted critical infrastructure. Exit code 1: the "
    "gateway says no.",
)
_KIND: Final = "INCIDENT_CATEGORY_"
_LINK: Final = "CAUSAL_LINK_"
_KINDS: Final = [name.removeprefix(_KIND).lower() for name in wire.IncidentCategory.keys()[1:]]
_LINKS: Final = [name.removeprefix(_LINK).lower() for name in wire.CausalLink.keys()[1:]]
_SAYS: Final = ", ".join(each.replace("_", "-") for each in _KINDS)

Id = Annotated[str, typer.Argument(metavar="ID", help="The id that `ombud incident list` shows.")]
Link = Annotated[
    str,
    typer.Option("--causal-link", help=f"The link to the system: {', '.join(_LINKS).replace('_', '-')}."),
]
Text = Annotated[
    str,
    typer.Option(help="What happened. Kept as erasable facts; name nobody unless all decisions are theirs."),
]


@app.command(
    "open",
    epilog="Example: `ombud incident open --system credit --kind fundamental-rights --aware 2026-03-01 "
    '--decision ID --text "declined by a stale model"`',
)
@asks_gateway
def open_command(
    control: Control,
    *,
    system: System,
    kind: Annotated[str, typer.Option(help=f"What it is (Article 3, point 49): {_SAYS}.")],
    aware: Annotated[
        str, typer.Option(help="When you became aware; ISO 8601, UTC unless it says otherwise.")
    ],
    causal_link: Link = "suspected",
    decision: Decisions = None,
    text: Text = "",
    as_json: Json = False,
) -> None:
    """Open an incident and print it with its deadline, counted as 24 hours a day from awareness."""
    request = wire.OpenIncidentRequest(
        system=system,
        category=member("--kind", kind, _KIND, _KINDS),
        aware_us=parse_us_since_1970(aware, "--aware"),
        causal_link=member("--causal-link", causal_link, _LINK, _LINKS),
        decisions=decision or (),
        text=text,
    )
    print_matter(_shown(control.ask(IncidentServiceStub, "OpenIncident", request).incident), as_json=as_json)


@app.command(
    "update",
    epilog="Example: `ombud incident update ID --system credit --reported-at 2026-03-04T15:00Z "
    "--causal-link established`",
)
@asks_gateway
def update_command(
    control: Control,
    incident: Id,
    *,
    system: System,
    kind: Annotated[str, typer.Option(help=f"What it turned out to be: {_SAYS}.")] = "",
    causal_link: Link = "",
    reported_at: Annotated[str, typer.Option(help="When it was reported to the authority; ISO 8601.")] = "",
    decision: Decisions = None,
    text: Text = "",
    as_json: Json = False,
) -> None:
    """Add to an open incident what is known now. A new kind moves the deadline, counted from awareness."""
    request = wire.UpdateIncidentRequest(
        system=system,
        id=incident,
        category=member("--kind", kind, _KIND, _KINDS) if kind else None,
        causal_link=member("--causal-link", causal_link, _LINK, _LINKS) if causal_link else None,
        reported_us=parse_us_since_1970(reported_at, "--reported-at"),
        decisions=decision or (),
        text=text,
    )
    print_matter(
        _shown(control.ask(IncidentServiceStub, "UpdateIncident", request).incident), as_json=as_json
    )


@app.command(
    "close",
    epilog='Example: `ombud incident close ID --system credit --reason "model withdrawn; see 73 file"`',
)
@asks_gateway
def close_command(
    control: Control,
    incident: Id,
    *,
    system: System,
    reason: Annotated[str, typer.Option(help="Why; kept as erasable facts, never in the record.")] = "",
    as_json: Json = False,
) -> None:
    """Close an incident, for good; --reason must be given where anything may be written of it."""
    request = wire.CloseIncidentRequest(system=system, id=incident, reason=reason)
    print_matter(_shown(control.ask(IncidentServiceStub, "CloseIncident", request).incident), as_json=as_json)


@app.command("list", epilog="Example: `ombud incident list --system credit --open`")
@asks_gateway
def list_command(
    control: Control,
    *,
    system: System,
    incident: Annotated[str, typer.Option("--id", metavar="ID", help="Only this one, with all of it.")] = "",
    open_only: OpenOnly = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """List a system's incidents, those due first at the top."""
    request = wire.ListIncidentsRequest(system=system, id=incident, open_only=open_only)
    found = control.ask(IncidentServiceStub, "ListIncidents", request).incidents
    print_matters([_shown(each) for each in found], output, whole=bool(incident))


def _shown(incident: wire.Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "system": incident.system,
        "kind": name_of(wire.IncidentCategory, incident.category, _KIND),
        "state": incident.state,
        "aware": shown_time(incident.aware_us),
        "due": shown_time(incident.due_us),
        "deadline": deadline(incident.deadline),
        "reported": shown_time(incident.reported_us),
        "article": incident.article,
        "causal_link": name_of(wire.CausalLink, incident.causal_link, _LINK),
        "decisions": list(incident.decisions),
        "notes": notes_of(incident.notes),
    }
