# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the model said, in order: asked once, live and governed; read again wherever a report is made or
checked.

An explanation asks the same cases in the same order whenever it is made from the same entries, options and
seed. So a file of answers is all it takes to compute its figures again without the model; a case that
differs from the one that was answered is refused. The file holds no cases, only the digest of each list of
them, but it is about a person: keep it as you keep facts.

Format, JSON, one object::

    {"format": "ombud-explanation/1", "system", "decision" ("" for a whole system), "model", "version",
     "config", "artifact", "contract": digests as recorded, "options": {...}, "case": ["log", seq] or [],
     "window": [begin, end] in ISO 8601, "background": [["log", seq], ...], "asked": [{"cases": SHA-256 hex,
     "outputs": [[...], ...]}, ...], "calls": [["decision id", "log:seq", cases], ...]}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ombud_reports.errors import OptionInvalid, ReportUnreadable
from ombud_reports.explain.contract import Case
from ombud_reports.explain.model import Answers, Ask, GovernedCall
from ombud_reports.result import Window

FORMAT: Final = "ombud-explanation/1"
LARGEST: Final = 256 << 20
Place = tuple[str, int]
"""Log and number of an entry."""


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answered, or is to answer: as a decision's record names it."""

    name: str
    version: str
    config: str
    artifact: str
    contract: str


@dataclass(slots=True)
class Transcript:
    """Answers in the order they were asked for; grows while the model is asked."""

    system: str
    decision: str
    model: Model
    window: Window
    """Which decisions were compared with."""
    options: Mapping[str, int | str]
    case: Place | None
    background: tuple[Place, ...]
    asked: list[tuple[str, tuple[Case, ...]]] = field(default_factory=list)
    calls: list[GovernedCall] = field(default_factory=list)

    def recording(self, ask: Ask) -> Ask:
        """Return a function that asks, and notes what is answered."""

        def record(cases: Sequence[Case]) -> Answers:
            answers = ask(cases)
            self.asked.append((_digest(cases), answers.outputs))
            self.calls += answers.calls
            return answers

        return record

    def replaying(self) -> Ask:
        """Return a function that answers as was noted; raises OptionInvalid for other cases than those."""
        left = iter(self.asked)

        def replay(cases: Sequence[Case]) -> Answers:
            digest, outputs = next(left, ("", ()))
            if digest != _digest(cases):
                raise OptionInvalid(
                    "answers: the model was asked about other cases: the file is not of this decision, "
                    "these options and these entries, facts were erased since, or it was changed"
                )
            return Answers(outputs, ())

        return replay

    def to_bytes(self) -> bytes:
        """Return the file."""
        body = {
            "format": FORMAT,
            "system": self.system,
            "decision": self.decision,
            "model": self.model.name,
            "version": self.model.version,
            "config": self.model.config,
            "artifact": self.model.artifact,
            "contract": self.model.contract,
            "options": dict(self.options),
            "window": [self.window.begin.isoformat(), self.window.end.isoformat()],
            "case": list(self.case or ()),
            "background": self.background,
            "asked": [{"cases": digest, "outputs": outputs} for digest, outputs in self.asked],
            "calls": [(call.decision, call.position, call.cases) for call in self.calls],
        }
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def parse_transcript(content: bytes) -> Transcript:
    """Read a file of answers. Raises ReportUnreadable."""
    if len(content) > LARGEST:
        raise ReportUnreadable(f"answers: the file has {len(content)} bytes, at most {LARGEST} are read")
    try:
        body = json.loads(content)
        if body["format"] != FORMAT:
            raise ReportUnreadable(f"answers: format is {str(body['format'])[:40]!r}, must be {FORMAT}")
        named = [body[key] for key in ("model", "version", "config", "artifact", "contract")]
        texts = [*named, body["system"], body["decision"]]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("texts")
        return Transcript(
            body["system"],
            body["decision"],
            Model(*named),
            _window(body["window"]),
            {str(key): _option(value) for key, value in body["options"].items()},
            _place(body["case"]) if body["case"] else None,
            tuple(_place(each) for each in body["background"]),
            [(str(each["cases"]), tuple(_case(row) for row in each["outputs"])) for each in body["asked"]],
            [GovernedCall(str(id_), str(at), int(cases)) for id_, at, cases in body["calls"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReportUnreadable("answers: the file is none that `ombud explain` writes") from error


def _digest(cases: Sequence[Case]) -> str:
    text = json.dumps(cases, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _window(pair: Sequence[Any]) -> Window:
    begin, end = (datetime.fromisoformat(each) for each in pair)
    if begin.tzinfo is None or end.tzinfo is None:
        raise ValueError("a time has no zone")
    return Window(begin, end)


def _place(pair: Sequence[Any]) -> Place:
    log, seq = pair
    return str(log), int(seq)


def _case(row: Sequence[Any]) -> Case:
    if not all(value is None or isinstance(value, bool | int | float | str) for value in row):
        raise TypeError("a value is none")
    return tuple(row)


def _option(value: Any) -> int | str:
    if not isinstance(value, int | str):
        raise TypeError("an option is none")
    return value
