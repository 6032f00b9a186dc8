# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Incidents and the clocks of Article 73 of Regulation (EU) 2024/1689.

What an incident is in law, and what caused it, people judge; here is kept who judged what, when it is due,
and whether it was reported by then. Days are counted as 24 hours from awareness, so a deadline is never later
than by any reading of the law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ombud_gateway.errors import Conflict, Invalid
from ombud_gateway.matters import Matter, Matters

_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Duty:
    """By which paragraph of Article 73, and within how many days, an incident is reported at the latest."""

    article: str
    days: int


CATEGORIES: Final = MappingProxyType(
    {
        "death": Duty("73(4)", 10),
        "serious_harm_to_health": Duty("73(2)", 15),
        "critical_infrastructure": Duty("73(3)", 2),
        "widespread_infringement": Duty("73(3)", 2),
        "fundamental_rights": Duty("73(2)", 15),
        "property_or_environment": Duty("73(2)", 15),
    }
)
"""By category of Article 3, point 49. Source: the article's text as published in 2024, OJ L, 2024/1689."""
CAUSAL_LINKS: Final = ("suspected", "reasonably_likely", "established", "excluded")


@dataclass(frozen=True, slots=True)
class Change:
    """What is told of an incident; empty strings and None say nothing new. Times in microseconds UTC."""

    category: str = ""
    causal_link: str = ""
    reported: int | None = None
    decisions: Sequence[str] = ()
    text: str = ""


class Incidents:
    """Opens, changes and closes incidents; a closed one stays closed. Raises Refusal."""

    def __init__(self, matters: Matters) -> None:
        self.matters = matters

    async def open(self, system: str, aware: int, change: Change, *, by: str, call: str) -> Matter:
        """Open an incident whose clock runs from `aware`; its id is that of the control call."""
        self.matters.demand_system(system)
        self.matters.demand_time("aware", aware)
        if not change.category:
            raise Invalid("CATEGORY", f"category is missing, must be one of {', '.join(CATEGORIES)}")
        body = {"id": call, "system": system, "began_at": aware, "causal_link": "suspected", "decisions": []}
        return await self.matters.change(lambda: self._say(body, "opened", change, by=by, call=call))

    async def update(self, system: str, incident: str, change: Change, *, by: str, call: str) -> Matter:
        """Change what is known of an open incident."""
        if change == Change():
            raise Invalid("MALFORMED", "nothing is changed: say what is new")

        async def work() -> Matter:
            body = self._open(await self.matters.get(system, incident))
            return await self._say(body, "updated", change, by=by, call=call)

        return await self.matters.change(work)

    async def close(self, system: str, incident: str, reason: str, *, by: str, call: str) -> Matter:
        """Close an open incident for good; why must be said, where anything may be written of it."""

        async def work() -> Matter:
            body = self._open(await self.matters.get(system, incident))
            if not reason.strip() and not (await self.matters.tie(system, body["decisions"])).bar:
                raise Invalid("REASON", "reason is empty, expected why the incident is closed")
            return await self._say(body, "closed", Change(text=reason), by=by, call=call)

        return await self.matters.change(work)

    def _open(self, found: Matter) -> dict[str, Any]:
        if found.state != "open":
            raise Conflict("INCIDENT_CLOSED", f"incident {found.id} is {found.state}, must be open")
        kept = ("id", "system", "began_at", "causal_link", "decisions", "category", "met_at")
        return {name: found.record[name] for name in kept if name in found.record}

    async def _say(self, body: dict[str, Any], event: str, change: Change, *, by: str, call: str) -> Matter:
        category = change.category or body["category"]
        if category not in CATEGORIES:
            raise Invalid("CATEGORY", f"category is {category!r}, must be one of {', '.join(CATEGORIES)}")
        link = change.causal_link or body["causal_link"]
        if link not in CAUSAL_LINKS:
            raise Invalid("CAUSAL_LINK", f"causal link is {link!r}, must be one of {', '.join(CAUSAL_LINKS)}")
        if change.reported is not None:
            self.matters.demand_time("reported", change.reported, since=body["began_at"])
            body["met_at"] = change.reported
        decisions = list(dict.fromkeys([*body["decisions"], *change.decisions]))
        await self.matters.calls(body["system"], change.decisions)
        tie = await self.matters.tie(body["system"], decisions)
        duty = CATEGORIES[category]
        body |= {
            "event": event,
            "state": "closed" if event == "closed" else "open",
            "category": category,
            "article": duty.article,
            "due_at": body["began_at"] + duty.days * _DAY,
            "causal_link": link,
            "decisions": decisions,
            "by": by,
            "call": call,
        }
        return await self.matters.append(body, {"reason" if event == "closed" else "text": change.text}, tie)
