# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The reports on what the demonstration did: made, checked against the ledger, and listed on one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ombud_cli.demo.commands import Person, run, typed
from ombud_cli.demo.later import Happened
from ombud_cli.demo.workspace import PRINCIPALS, Workspace
from ombud_reports import Listed, kind_of, to_index

NOTE: Final = (
    "Demonstration: the people who act here are invented and no loan was decided. The applications, the "
    "lenders' decisions of 1990 and the groups are real; the model is of today, and so are the calls."
)
BASIS: Final = "Demonstration: published research data of 1990 without names; nobody's rights are touched."
ACCESS: Final = "Demonstration: whoever runs it; the file lies under given/ until the next run."
_FILES: Final = (".html", ".pdf", ".json")
_ORDER: Final = ("ai-act", "card", "operations", "drift", "bias", "explain", "incident")


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was made: of which kind, by whom, by which command."""

    title: str
    about: str
    by: str
    words: tuple[str, ...]
    page: Path
    given: Mapping[str, Path] = field(default_factory=dict)
    """The files it was given, by option."""


def through_gateway(cora: Person, happened: Happened) -> list[Made]:
    """Have the gateway make the reports that take no file: judged by policy, made apart, recorded.

    Raises CommandFailed.
    """
    reports = str(cora.workspace.reports)
    windows = ("--reference-from", happened.begin, "--reference-to", happened.turn, "--from", happened.turn)
    made = []
    for kind, words in (
        ("drift", windows),
        ("operations", ()),
        ("card", ()),
        ("incident", ("--incident", happened.incident)),
        ("ai-act", ()),
    ):
        asked = ("report", kind, "--system", "credit", *words, "--out", reports)
        made.append(_made(kind, cora.principal, cora.words(*asked), cora.ask_json(*asked, "--json")))
    return made


def from_folder(workspace: Workspace, happened: Happened, answers: Mapping[str, Path]) -> list[Made]:
    """Make those that are given files, from the ledger's folder, which no gateway writes to now.

    `answers` are the model's, as `ombud explain` keeps them, by the decision explained; an empty text stands
    for the system as a whole. Raises CommandFailed.
    """
    bias = (
        "--to", happened.turn, "--joined", str(workspace.given / "groups.csv"), "--intersection", "race,sex",
        "--unit", "cases",
        "--legal-basis", BASIS, "--access", ACCESS,
    )  # fmt: skip
    made = [_offline(workspace, "bias", "compliance", bias, {"joined": workspace.given / "groups.csv"})]
    for decision, file in answers.items():
        about = ("--decision", decision) if decision else ()
        words = (*about, "--answers", str(file))
        made.append(_offline(workspace, "explain", "auditor", words, {"answers": file}, whole=not decision))
    return made


def _offline(
    workspace: Workspace,
    kind: str,
    role: str,
    words: tuple[str, ...],
    given: Mapping[str, Path],
    *,
    whole: bool = False,
) -> Made:
    folder = workspace.reports / "whole-system" if whole else workspace.reports
    asked = (
        "report", kind, str(workspace.ledger), "--system", "credit", *words,
        "--signing-key", str(workspace.root / "keys" / "signing.key"), "--by", PRINCIPALS[role],
        "--out", str(folder),
    )  # fmt: skip
    return _made(kind, PRINCIPALS[role], asked, json.loads(run(*asked, "--json")), given, whole=whole)


def _made(
    kind: str,
    by: str,
    words: tuple[str, ...],
    told: Mapping[str, Any],
    given: Mapping[str, Path] | None = None,
    *,
    whole: bool = False,
) -> Made:
    known = kind_of(kind)
    title = f"{known.title}, whole system" if whole else known.title
    return Made(title, known.about, by, words, Path(told["files"]["html"]), given or {})


def check(workspace: Workspace, made: Sequence[Made]) -> list[Listed]:
    """Compute every figure of every report again, as `ombud report verify` does; sorted for reading."""
    return [_checked(workspace, each) for each in sorted(made, key=_place)]


def _place(made: Made) -> tuple[int, str]:
    return _ORDER.index(made.words[1]), made.title


def _checked(workspace: Workspace, made: Made) -> Listed:
    from ombud_cli.report_kind import given_file
    from ombud_reports import read_report, verify_report

    files = {option: given_file(option, path) for option, path in made.given.items()}
    found = verify_report(read_report(made.page.read_bytes()), workspace.ledger, files=files)
    if found.same:
        at = found.entries[0]
        verdict = (
            f"all {found.figures:,} figures computed again from the ledger and the same; "
            f"recorded as entry {at.seq} of log {at.log}"
        )
    else:
        verdict = f"{len(found.differences)} differences, {len(found.entries)} entries that tell of it"
    beside = sorted(made.page.parent.glob(f"{made.page.stem}.*"), key=lambda path: _FILES.index(path.suffix))
    names = tuple(str(path.relative_to(workspace.reports)) for path in beside)
    return Listed(made.title, made.about, made.by, names, found.same, verdict, typed(made.words))


def write_index(workspace: Workspace, listed: Sequence[Listed]) -> Path:
    """Write the index beside the reports; return where it is."""
    example = f"ombud report verify {workspace.reports / listed[0].files[0]} {workspace.ledger}"
    page = to_index(
        "Ombud demonstration: reports on the system credit",
        NOTE,
        listed,
        more=(f"Check one: {example}", "What was given beside the ledger: given/, one folder up."),
    )
    path = workspace.reports / "index.html"
    path.touch(0o600)
    path.write_bytes(page)
    return path
