# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What incidents and requests have in common: a state told by entries, a deadline, texts that can be erased.

Each entry has the whole state in its record, so the newest one tells it; what people wrote is facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ombud_gateway.errors import Conflict, Invalid, NotFound, Refusal, Unavailable
from ombud_gateway.systems import Systems
from ombud_ledger import (
    Facts,
    Ledger,
    LedgerError,
    RecordInvalid,
    SubjectErased,
    SubjectKeyMissing,
    cases,
    matters,
)

MOST_DECISIONS: Final = 100
LONGEST_TEXT: Final = 20_000
"""Characters; in facts, escaped, they may be several times as many bytes."""
LONGEST_ID: Final = 128
_EARLIEST: Final = 946_684_800_000_000  # 2000

Deadline = Literal["running", "overdue", "met", "met_late", "closed_unmet"]
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tie:
    """Whom texts are about, if that is one person; `bar` says why nothing may be written, if so.

    Nothing may be that no erasure would find: of somebody who was erased, or perhaps of somebody, where
    nothing tells of whom.
    """

    subject: str | None
    bar: Literal["", "erased", "untied"] = ""

    def demand(self, texts: Texts) -> None:
        """Raise Refusal for a text that may not be written, or is too long."""
        for name, text in texts.items():
            if len(text) > LONGEST_TEXT:
                expected = f"must be at most {LONGEST_TEXT}"
                raise Invalid("TEXT", f"{name} has {len(text)} characters, {expected}")
        if not any(texts.values()) or not self.bar:
            return
        if self.bar == "erased":
            raise erased()
        why = "facts of its decisions are pruned or were never kept, so nothing tells whom a text is about"
        raise Conflict("UNTIED", f"{why}: leave texts out; a request may name its subject")


@dataclass(frozen=True, slots=True)
class Note:
    """What was said at one time, by whom; `text` is empty where nothing was written, or it is erased."""

    at: int
    by: str
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Matter:
    """An incident or request: its newest record, and what was said. `subject` is whom its facts are about.

    `erased` says that facts which were there are gone.
    """

    record: Mapping[str, Any]
    notes: tuple[Note, ...]
    subject: str | None
    erased: bool

    @property
    def id(self) -> str:
        """The id of the call that opened it."""
        return str(self.record["id"])

    @property
    def state(self) -> str:
        """Its state: open, answered or closed."""
        return str(self.record["state"])

    def deadline(self, now: int) -> Deadline:
        """Say where its deadline stands."""
        met, due = self.record.get("met_at"), self.record["due_at"]
        if met is not None:
            return "met" if met <= due else "met_late"
        if self.state == "closed":
            return "closed_unmet"
        return "overdue" if now > due else "running"


class Matters:
    """The incidents, or the requests, in the ledger of one gateway. Raises Refusal."""

    def __init__(self, ledger: Ledger, systems: Systems, kind: str, clock: Callable[[], int]) -> None:
        self.clock = clock
        self._ledger = ledger
        self._systems = systems
        self._kind = kind
        # Between looking at a state and changing it nobody else may. Several gateways are not kept apart.
        self._one = asyncio.Lock()
        self._under_way: set[asyncio.Task[Matter]] = set()

    async def find(self, system: str, matter: str = "", *, open_only: bool = False) -> list[Matter]:
        """Return a system's matters, or one of them: those due first at the top, closed ones last."""
        self.demand_system(system)
        found = [each for each in await self._read(matter) if each.record.get("system") == system]
        if matter and not found:
            raise self._unknown(matter, system)
        found = [each for each in found if not open_only or each.state != "closed"]
        return sorted(found, key=lambda each: (each.state == "closed", each.record["due_at"], each.id))

    async def change(self, work: Callable[[], Coroutine[Any, Any, Matter]]) -> Matter:
        """Do one change, alone, and to its end although its caller leaves."""

        async def alone() -> Matter:
            async with self._one:
                return await work()

        task = asyncio.ensure_future(alone())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def get(self, system: str, matter: str) -> Matter:
        """Return one of a system's matters; raise `NotFound`."""
        if not matter:
            raise Invalid("MALFORMED", "id is empty, expected the id of one")
        (found,) = await self.find(system, matter)
        return found

    async def append(
        self, body: Mapping[str, Any], texts: Texts, tie: Tie, *, remember: bool = False
    ) -> Matter:
        """Record a new state with what was written, and return the matter as it stands then.

        `remember` keeps whom it is about although nothing was written: what is written later is theirs.
        """
        tie.demand(texts)
        written = {name: text for name, text in texts.items() if text}
        kept = written or (remember and tie.subject)
        facts = Facts(None, {}, written, tie.subject) if kept else None
        try:
            await self._ledger.append(self._kind, body, facts)
        except (SubjectErased, SubjectKeyMissing) as error:
            raise erased() from error
        except RecordInvalid as error:
            raise Invalid("MALFORMED", f"it cannot be recorded: {error}") from error
        except LedgerError as error:
            raise Unavailable(
                "LEDGER_UNAVAILABLE", "it could not be recorded, so nothing was done"
            ) from error
        return await self.get(str(body["system"]), str(body["id"]))

    async def calls(self, system: str, decisions: Sequence[str]) -> list[cases.Case]:
        """Return calls of a system by id; raise `Invalid`, `NotFound` naming what is not one."""
        if len(decisions) > MOST_DECISIONS:
            raise Invalid(
                "DECISIONS", f"there are {len(decisions)} decisions, must be at most {MOST_DECISIONS}"
            )
        for decision in decisions:
            if not 0 < len(decision) <= LONGEST_ID:
                raise Invalid("DECISIONS", f"decision is {decision[:80]!r}, must be the id of a call")
        found = await self._look_up(decisions)
        for decision in decisions:
            case = found.calls.get(decision)
            if case is None or case.system != system:
                expected = f"must be the id of a call of system {system} in a log of this ledger"
                raise NotFound("DECISION_UNKNOWN", f"decision is {decision!r}, {expected}")
        return [found.calls[decision] for decision in decisions]

    async def tie(self, system: str, decisions: Sequence[str]) -> Tie:
        """Say whom texts about calls are tied to: the one person they are about, if all are about one.

        What is known to be about several people is tied to nobody. Else it must be known of every call.
        """
        found = await self._look_up(decisions)
        calls = [found.calls.get(each) for each in decisions]
        people = {call.subject if call else None for call in calls}
        if len(people - {None}) > 1:
            return Tie(None)
        states = {call.facts if call else "pruned" for call in calls}
        if "erased" in states:
            return Tie(None, "erased")
        governed = self._systems.get(system)
        names_people = governed is not None and governed.contract.subject is not None
        if names_people and not states.isdisjoint({"pruned", "none"}):
            return Tie(None, "untied")
        return Tie(people.pop() if len(people) == 1 else None)

    async def _look_up(self, decisions: Sequence[str]) -> cases.Cases:
        try:
            return await asyncio.to_thread(cases.look_up, self._ledger.place, decisions)
        except LedgerError as error:
            raise _unreadable() from error

    def demand_system(self, system: str) -> None:
        """Raise `NotFound` for a system that this gateway does not govern."""
        if self._systems.get(system) is None:
            known = ", ".join(sorted(each.name for each in self._systems))
            raise NotFound("SYSTEM_UNKNOWN", f"system is {system[:80]!r}, must be one of: {known}")

    def demand_time(self, name: str, at: int, *, since: int = _EARLIEST) -> None:
        """Raise `Invalid` for a time before another, or in the future."""
        if not since <= at <= self.clock():
            least = "after the clock began" if since != _EARLIEST else "since 2000"
            raise Invalid("TIME", f"{name} is {at}, must be microseconds UTC, {least}, not in the future")

    async def _read(self, matter: str) -> list[Matter]:
        try:
            entries = await asyncio.to_thread(matters.stated, self._ledger.place, self._kind, matter or None)
        except LedgerError as error:
            raise _unreadable() from error
        by_id: dict[str, list[matters.Stated]] = {}
        for entry in entries:
            by_id.setdefault(str(entry.record.get("id")), []).append(entry)
        return [_matter(told) for told in by_id.values()]

    def _unknown(self, matter: str, system: str) -> Refusal:
        expected = f"must be the id of a {self._kind} of system {system}"
        return NotFound(f"{self._kind.upper()}_UNKNOWN", f"id is {matter[:80]!r}, {expected}")


def erased() -> Refusal:
    """Refuse a text about somebody who has been erased: no erasure would find it any more."""
    return Conflict("SUBJECT_ERASED", "the person has been erased: nothing can be written of them any more")


def _unreadable() -> Refusal:
    return Unavailable("LEDGER_UNREADABLE", "the ledger cannot be searched now")


def _matter(told: Sequence[matters.Stated]) -> Matter:
    subject = next((each.facts["subject"] for each in told if each.facts and "subject" in each.facts), None)
    gone = any("facts_commit" in each.record and each.facts is None for each in told)
    return Matter(told[-1].record, tuple(_note(each) for each in told), subject, gone)


def _note(entry: matters.Stated) -> Note:
    facts = entry.facts or {}
    texts = [f"{name}: {text}" for name, text in sorted(facts.items()) if name not in ("values", "subject")]
    record = entry.record
    return Note(record["ts"], str(record.get("by", "")), str(record.get("event", "")), "\n".join(texts))
