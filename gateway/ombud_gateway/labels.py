# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Labels: what came of calls, or should have, typed by the contract and tied to whom the calls were about.

The value lies in facts, under the pseudonym that the facts of the call have: whoever erases a person erases
it. A label that could not be found then is not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ombud_gateway.contract.compiled import COLUMNS
from ombud_gateway.contract.values import FactValue
from ombud_gateway.errors import Invalid, NotFound, Unavailable
from ombud_gateway.systems import System, Systems
from ombud_ledger import Facts, Ledger, LedgerError, SubjectErased, SubjectKeyMissing, cases, labels

MOST_LABELS: Final = 5_000
"""In one request."""
LONGEST_ID: Final = 256
_TOGETHER: Final = 512
"""Labels handed to the ledger at a time: they share commits, and leave room in its queue for calls."""
_YEAR_10000: Final = 253_402_300_800_000_000

Result = Literal[
    "recorded",
    "corrected",
    "unchanged",
    "superseded",
    "unknown_decision",
    "other_system",
    "erased",
    "untied",
    "invalid",
]


@dataclass(frozen=True, slots=True)
class Label:
    """One label as it is reported; `observed_at` is microseconds UTC, None where nobody knows."""

    decision: str
    value: bool | int | float | str | None
    kind: str
    selection: str
    observed_at: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one label: where it stands, as log:seq, or what is wrong with it."""

    result: Result
    entry: str = ""
    message: str = ""


@dataclass(slots=True)
class _Batch:
    """One request on its way: what was told of each label so far, and what is known of their calls."""

    system: System
    by: str
    call: str
    labels: Sequence[Label]
    values: list[FactValue] = field(default_factory=list)
    told: list[Told | None] = field(default_factory=list)


class Labels:
    """Takes labels of one gateway's systems, about calls in any log of its ledger. Raises Refusal."""

    def __init__(self, ledger: Ledger, systems: Systems) -> None:
        self._ledger = ledger
        self._systems = systems
        # One request at a time: between looking for a label and recording it no other may record the same.
        self._one = asyncio.Lock()
        self._under_way: set[asyncio.Task[list[Told]]] = set()
        self._contracts: dict[str, str] = {}

    async def report(self, system: str, reported: Sequence[Label], *, by: str, call: str) -> list[Told]:
        """Record labels of a system's calls; return what became of each, in order.

        `by` reports them, in the control call `call`. A crash, or a ledger that fails, leaves some of them
        recorded: sending them again finds those unchanged.
        """
        if len(reported) > MOST_LABELS:
            raise Invalid("LABELS", f"there are {len(reported)} labels, must be at most {MOST_LABELS}")
        found = self._systems.get(system)
        if found is None:
            known = ", ".join(sorted(each.name for each in self._systems))
            raise NotFound("SYSTEM_UNKNOWN", f"system is {system[:80]!r}, must be one of: {known}")
        if found.contract.label is None:
            raise Invalid("NO_LABEL", f"the contract of system {system} has no output with role label")
        # Finished although its caller leaves: whoever sends it again must find all of it recorded, or none.
        task = asyncio.ensure_future(self._report(_Batch(found, by, call, reported)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _report(self, batch: _Batch) -> list[Told]:
        # 1. What needs no look at the ledger: is each label what it can be?
        for label in batch.labels:
            _check(batch, label)
        wanted = {each.decision for each, told in zip(batch.labels, batch.told, strict=True) if told is None}
        async with self._one:
            # 2. The calls they are about, and the labels that these have.
            try:
                known = await asyncio.to_thread(cases.look_up, self._ledger.place, wanted)
            except LedgerError as error:
                raise Unavailable("LEDGER_UNREADABLE", "the ledger cannot be searched now") from error
            # 3. Record what is new, in order, some at a time. A crash leaves the first ones recorded.
            await self._record(batch, known)
        return [told or Told("invalid") for told in batch.told]

    async def _record(self, batch: _Batch, known: cases.Cases) -> None:
        for start in range(0, len(batch.labels), _TOGETHER):
            work = []
            for at in range(start, min(start + _TOGETHER, len(batch.labels))):
                if batch.told[at] is None:
                    batch.told[at] = _judge(batch, at, known)
                    if batch.told[at] is None:
                        work.append(self._append(batch, at, known.calls[batch.labels[at].decision]))
                        batch.told[at] = _note(batch, at, known)
            for ended in await asyncio.gather(*work, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended

    async def _append(self, batch: _Batch, at: int, case: cases.Case) -> None:
        label, value, contract = batch.labels[at], batch.values[at], batch.system.contract
        body: dict[str, Any] = {
            "decision": label.decision,
            "label_kind": label.kind,
            "selection": label.selection,
            "system": batch.system.name,
            "contract": contract.digest,
            "by": batch.by,
            "call": batch.call,
        }
        if label.observed_at is not None:
            body["observed_at"] = label.observed_at
        column = COLUMNS[contract.label.type] if contract.label else ""
        facts = Facts(self._contract(column), {f"value_{column}": value}, subject=case.subject)
        try:
            position = await self._ledger.append("label", body, facts)
        except (SubjectErased, SubjectKeyMissing):
            batch.told[at] = _erased(label)
        except LedgerError as error:
            raise Unavailable("LEDGER_UNAVAILABLE", "the labels could not be recorded; send again") from error
        else:
            told = batch.told[at]
            batch.told[at] = Told(told.result if told else "recorded", f"{position.log}:{position.seq}")

    def _contract(self, column: str) -> str:
        if column not in self._contracts:
            self._contracts[column] = self._ledger.put_object(labels.CONTRACTS[column])
        return self._contracts[column]


def _check(batch: _Batch, label: Label) -> None:
    """Type one label's value; note what is wrong with it."""
    value: FactValue = ""
    wrong = ""
    if not 0 < len(label.decision.encode(errors="replace")) <= LONGEST_ID:
        wrong = f"decision is {label.decision[:80]!r}, must be the id of a call"
    elif label.kind not in labels.KINDS:
        wrong = f"kind is {label.kind!r}, must be one of {', '.join(labels.KINDS)}"
    elif label.selection not in labels.SELECTIONS:
        wrong = f"selection is {label.selection!r}, must be one of {', '.join(labels.SELECTIONS)}"
    elif label.observed_at is not None and not 0 < label.observed_at < _YEAR_10000:
        wrong = f"observed_at is {label.observed_at}, must be microseconds since 1970"
    elif label.value is None:
        wrong = "value is missing, must be given"
    else:
        try:
            value = batch.system.contract.label_of(label.value)
        except Invalid as error:
            wrong = error.message
    batch.values.append(value)
    batch.told.append(Told("invalid", message=wrong) if wrong else None)


def _judge(batch: _Batch, at: int, known: cases.Cases) -> Told | None:
    """Say why a label is not recorded; None for one that is to be."""
    label, system = batch.labels[at], batch.system
    case = known.calls.get(label.decision)
    if case is None:
        return Told(
            "unknown_decision",
            message=f"decision is {label.decision!r}, must be the id of a call in a log of this ledger",
        )
    if case.system != system.name or case.action != "infer":
        of = f"one of system {case.system}" if case.system else "of no system"
        what = of if case.action == "infer" else f"no model's answer but a call to {case.action}"
        return Told(
            "other_system",
            message=f"decision {label.decision} is {what}, must be an inference of system {system.name}",
        )
    if case.facts == "erased":
        return _erased(label)
    if case.facts == "pruned" or (case.facts == "none" and system.contract.subject is not None):
        why = "are pruned" if case.facts == "pruned" else "were never kept"
        return Told(
            "untied",
            message=f"the facts of decision {label.decision} {why}: nothing tells whom its label is about",
        )
    history = known.labels.get((label.decision, label.kind), [])
    same = (batch.values[at], label.selection, label.observed_at)
    for back, told in enumerate(reversed(history)):
        if (told.value, told.selection, told.observed_at) == same:
            return Told("superseded" if back else "unchanged", f"{told.log}:{told.seq}" if told.ts else "")
    return None


def _note(batch: _Batch, at: int, known: cases.Cases) -> Told:
    """Count a label that is about to be recorded: the next of this request may be about the same call."""
    label = batch.labels[at]
    history = known.labels.setdefault((label.decision, label.kind), [])
    told = Told("corrected" if history else "recorded")
    history.append(cases.Told(0, "", 0, label.kind, label.selection, label.observed_at, batch.values[at]))
    return told


def _erased(label: Label) -> Told:
    return Told("erased", message=f"the person that decision {label.decision} was about has been erased")
