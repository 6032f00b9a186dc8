# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What comes after the calls: past decisions, groups, another kind of applicant, a bypass, an incident.

Each by who would do it, with the command that they would type.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from tritonclient.grpc import InferenceServerClient

from ombud_cli.demo.commands import Person
from ombud_cli.demo.traffic import send
from ombud_cli.demo.upstream import MODEL, Application, ModelServer, infer_inputs
from ombud_cli.demo.workspace import Workspace

SHIFTED: Final = 240
"""Applications of the second window: enough for figures on drift, few enough to be quick."""
_ANSWERS: Final = """
SELECT correlation_id AS "case", arg_min(id, ts) AS id, arg_min(outcome, ts) AS outcome
FROM decisions
WHERE system = 'credit' AND action = 'infer' AND outcome IN ('answered', 'held')
  AND correlation_id IS NOT NULL
GROUP BY correlation_id ORDER BY correlation_id
"""


@dataclass(frozen=True, slots=True)
class Happened:
    """What reports ask about: moments, as ISO 8601 in UTC, and ids."""

    begin: str
    """Before the first call."""
    turn: str
    """After the calls of the first window, before those of the second."""
    incident: str
    held: str
    """A decision whose answer was held for an underwriter."""


def now() -> str:
    """Return this moment as commands take it."""
    return datetime.now(UTC).isoformat()


def happen(
    out: Console,
    workspace: Workspace,
    address: str,
    server: ModelServer,
    applications: Sequence[Application],
    *,
    begin: str,
    clients: int,
    whole: bool,
) -> Happened:
    """Let it all happen; `whole` sends all of the second window's applications twice over."""
    auditor, cora, pia = (Person(workspace, address, role) for role in ("auditor", "compliance", "privacy"))
    # 1. Past decisions, tied to calls by the auditor's look at the ledger.
    calls = auditor.ask_json("ledger", "query", _ANSWERS, "-o", "json")
    ids = {call["case"]: call["id"] for call in calls}
    held = next(call["id"] for call in calls if call["outcome"] == "held")
    past, groups = workspace.given / "past-decisions.csv", workspace.given / "groups.csv"
    write_past_decisions(past, applications, ids)
    write_groups(groups, applications)
    cora.ask("label", "import", str(past), "--system", "credit", "--kind", "historical", "--selection", "all")
    out.print(f"   {len(ids)} past decisions of 1990 imported as labels of kind historical, by cora")
    out.print(f"   {groups}  race and sex of each case, which model and gateway never saw")
    # 2. The second window: other applicants than the model was made for.
    turn = now()
    other = shifted(applications, len(applications) // 2 if whole else SHIFTED)
    send(
        address,
        workspace.tokens["loan-intake"],
        other,
        clients=clients,
        sent=lambda: None,
        case=lambda each: f"second-{each.row:04d}",
    )
    out.print(f"   {len(other)} applications with the largest loans for their income sent again, alone")
    # 3. Past the gateway.
    with InferenceServerClient(server.grpc_address) as direct:
        direct.infer(MODEL, infer_inputs(applications[0]))
    out.print("   one call went to the model server itself, past the gateway")
    # 4. What people do about it.
    about = ("--system", "credit", "--decision", held)
    opened = cora.ask_json(
        "incident", "open", *about, "--kind", "fundamental-rights", "--aware", turn, "--json",
        "--text", "Demonstration: answers to applicants with low incomes are looked into.",
    )  # fmt: skip
    pia.ask(
        "request", "open", *about, "--kind", "explanation", "--received", turn,
        "--identity", "Demonstration: nobody asked, nobody was checked.",
    )  # fmt: skip
    out.print("   cora opened an incident; pia took a request for an explanation of a decision that was held")
    return Happened(begin, turn, str(opened["id"]), held)


def shifted(applications: Sequence[Application], count: int) -> tuple[Application, ...]:
    """Return those with the largest loans for their income, but none so large that the call itself waits."""
    asked = [each for each in applications if each.features["loan_amount"] <= 250]
    asked.sort(key=lambda each: -_burden(each.features))
    return tuple(asked[:count])


def _burden(features: Mapping[str, float]) -> float:
    return features["loan_amount"] / max(features["monthly_income"], 1.0)


def write_past_decisions(path: Path, applications: Iterable[Application], ids: Mapping[str, str]) -> None:
    """Write what lenders decided in 1990 on the cases that a model answered, for `ombud label import`."""
    rows = ((ids[each.subject], str(each.approved).lower()) for each in applications if each.subject in ids)
    _write(path, ("decision", "value"), rows)


def write_groups(path: Path, applications: Iterable[Application]) -> None:
    """Write race and sex of each case, for `ombud report bias --joined`; who did not say stays blank."""
    known = ({**each.protected, "case": each.subject} for each in applications)
    rows = ((each["case"], each["race"], each["sex"].replace("unknown", "")) for each in known)
    _write(path, ("correlation_id", "race", "sex"), rows)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.touch(0o600)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((header, *rows))
