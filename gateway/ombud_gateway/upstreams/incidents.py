# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`IncidentService` between wire and ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from ombud.v1 import incident_pb2 as wire
from ombud_gateway.call import Call
from ombud_gateway.incidents import CATEGORIES, CAUSAL_LINKS, Change, Incidents
from ombud_gateway.matters import Matter, Note
from ombud_gateway.upstreams.control import Operations

_CATEGORIES: Final = {
    wire.IncidentCategory.Value(f"INCIDENT_CATEGORY_{name.upper()}"): name for name in CATEGORIES
}
_LINKS: Final = {wire.CausalLink.Value(f"CAUSAL_LINK_{name.upper()}"): name for name in CAUSAL_LINKS}


def operations(incidents: Incidents) -> Operations:
    """Return what carries the service's methods out."""

    async def open_(call: Call, by: str) -> Message:
        request = wire.OpenIncidentRequest.FromString(call.body)
        change = _change(request)
        found = await incidents.open(request.system, request.aware_us, change, by=by, call=call.id)
        return wire.OpenIncidentResponse(incident=told(found))

    async def update(call: Call, by: str) -> Message:
        request = wire.UpdateIncidentRequest.FromString(call.body)
        change = _change(request, request.reported_us or None)
        found = await incidents.update(request.system, request.id, change, by=by, call=call.id)
        return wire.UpdateIncidentResponse(incident=told(found))

    async def close(call: Call, by: str) -> Message:
        request = wire.CloseIncidentRequest.FromString(call.body)
        found = await incidents.close(request.system, request.id, request.reason, by=by, call=call.id)
        return wire.CloseIncidentResponse(incident=told(found))

    async def list_(call: Call, _by: str) -> Message:
        request = wire.ListIncidentsRequest.FromString(call.body)
        found = await incidents.matters.find(request.system, request.id, open_only=request.open_only)
        return wire.ListIncidentsResponse(incidents=map(told, found))

    def told(found: Matter) -> wire.Incident:
        record = found.record
        return wire.Incident(
            id=found.id,
            system=record["system"],
            state=found.state,
            category=f"INCIDENT_CATEGORY_{record['category'].upper()}",
            article=record["article"],
            aware_us=record["began_at"],
            due_us=record["due_at"],
            reported_us=record.get("met_at", 0),
            deadline=deadline_of(found, incidents.matters.clock),
            causal_link=f"CAUSAL_LINK_{record['causal_link'].upper()}",
            decisions=record["decisions"],
            notes=map(note, found.notes),
        )

    return {
        "IncidentService.OpenIncident": open_,
        "IncidentService.UpdateIncident": update,
        "IncidentService.CloseIncident": close,
        "IncidentService.ListIncidents": list_,
    }


def deadline_of(found: Matter, clock: Callable[[], int]) -> str:
    """Return where a deadline stands, as the wire names it."""
    return f"DEADLINE_STATE_{found.deadline(clock()).upper()}"


def note(said: Note) -> wire.MatterNote:
    """Return a note as it goes over the wire."""
    return wire.MatterNote(at_us=said.at, by=said.by, event=said.event, text=said.text)


def _change(request: Any, reported: int | None = None) -> Change:
    return Change(
        _named(_CATEGORIES, request.category),
        _named(_LINKS, request.causal_link),
        reported,
        tuple(request.decisions),
        request.text,
    )


def _named(names: dict[Any, str], value: int) -> str:
    return names.get(value, str(value)) if value else ""
