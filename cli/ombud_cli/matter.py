# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands for incidents and requests have in common: options, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from ombud.v1 import incident_pb2
from ombud_cli.failure import unusable
from ombud_cli.output import Format, print_fields, print_json, print_rows, printable
from ombud_cli.times import shown_time

System = Annotated[str, typer.Option(help="The system it is about, as its file in systems/ is named.")]
Decisions = Annotated[
    list[str] | None, typer.Option("--decision", metavar="ID", help="A decision it is about. Repeatable.")
]
OpenOnly = Annotated[bool, typer.Option("--open", help="Leave closed ones out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_COLUMNS: Final = ("id", "kind", "state", "due", "deadline")


def member(option: str, text: str, prefix: str, names: Iterable[str]) -> str:
    """Return the wire's name of what an option names, as in `serious-harm-to-health`; raise `Failure`."""
    known = list(names)
    if text.replace("-", "_") not in known:
        shown = ", ".join(each.replace("_", "-") for each in known)
        raise unusable(f"{option}: is {text[:80]!r}, must be one of {shown}")
    return prefix + text.replace("-", "_").upper()


def name_of(enum: Any, value: int, prefix: str) -> str:
    """Return a member of the wire's enum as people read it."""
    return str(enum.Name(value)).removeprefix(prefix).lower().replace("_", "-")


def deadline(state: int) -> str:
    """Say where a deadline stands: running, OVERDUE, met, met late, or closed unmet."""
    text = name_of(incident_pb2.DeadlineState, state, "DEADLINE_STATE_").replace("-", " ")
    return text.upper() if text == "overdue" else text


def notes_of(notes: Iterable[incident_pb2.MatterNote]) -> list[dict[str, str]]:
    """Return notes for JSON."""
    return [
        {"at": shown_time(note.at_us), "by": note.by, "event": note.event, "text": note.text}
        for note in notes
    ]


def print_matter(shown: Mapping[str, Any], *, as_json: bool) -> None:
    """Print all of one matter: its fields, then what was said, the oldest first."""
    if as_json:
        print_json(shown)
        return
    print_fields({name: value for name, value in shown.items() if name != "notes"})
    for note in shown["notes"]:
        print(printable(f"{note['at']} {note['event']} by {note['by']}"))
        for line in note["text"].splitlines():
            print(printable(f"  {line}"))


def print_matters(shown: Sequence[Mapping[str, Any]], output: Format, *, whole: bool) -> None:
    """Print matters, one a row; `whole` prints all of each where people read."""
    if output is Format.JSON:
        print_json(shown)
    elif whole and output is Format.TABLE:
        for each in shown:
            print_matter(each, as_json=False)
    else:
        print_rows(_COLUMNS, [[each[column] for column in _COLUMNS] for each in shown], output)
