# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the demonstration does after its calls, on few applications: a real model server, the real gateway."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from ombud_cli.demo import documents, later
from ombud_cli.demo.commands import Person
from ombud_cli.demo.gateway_process import GatewayProcess
from ombud_cli.demo.traffic import send
from ombud_cli.demo.upstream import ModelServer, Prepared, held_out_half, load
from ombud_cli.demo.upstream.server_process import free_ports
from ombud_cli.demo.workspace import Workspace, lay_out
from ombud_ledger import query
from ombud_reports import Listed, from_json

APPLICATIONS = held_out_half(load())[:140]


@dataclass(frozen=True)
class Told:
    """A demonstration that has ended."""

    workspace: Workspace
    happened: later.Happened
    listed: list[Listed]
    index: Path

    def figures(self, kind: str) -> dict[str, object]:
        """Return a report's figures by name."""
        report = from_json((self.workspace.reports / f"{kind}-credit.json").read_bytes())
        return {figure.name: figure.value for figure in report.figures()}


@pytest.fixture(scope="module")
def told(embedded: ModelServer, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """140 applications, what comes later, and reports: some by the gateway, some from the folder."""
    port, metrics = free_ports(2)
    workspace = lay_out(
        tmp_path_factory.mktemp("demo"),
        port=port,
        metrics=metrics,
        upstream=embedded.grpc_address,
        artifact=str(prepared.model["sha256"]),
    )
    address = f"127.0.0.1:{port}"
    with GatewayProcess(workspace, address):
        begin = later.now()
        token = workspace.tokens["loan-intake"]
        send(address, token, APPLICATIONS, clients=4, sent=lambda: None)
        happened = later.happen(
            Console(quiet=True),
            workspace,
            address,
            embedded,
            APPLICATIONS,
            begin=begin,
            clients=4,
            whole=True,
        )
        made = documents.through_gateway(Person(workspace, address, "compliance"), happened)
    made += documents.from_folder(workspace, happened, {})
    listed = documents.check(workspace, made)
    return Told(workspace, happened, listed, documents.write_index(workspace, listed))


def test_every_report_is_recorded_and_computes_again(told: Told) -> None:
    """Each kind is there, the same when it is computed again, linked from the index, and says what it is."""
    assert [each.files[0].removesuffix("-credit.html") for each in told.listed] == [
        "ai-act", "card", "operations", "drift", "bias", "incident",
    ]  # fmt: skip
    assert [each.verdict for each in told.listed if not each.same] == []
    index = told.index.read_text()
    for each in told.listed:
        assert f'href="{each.files[0]}"' in index
        assert "Demonstration" in (told.workspace.reports / each.files[0]).read_text()


def test_the_call_past_the_gateway_is_found(told: Told) -> None:
    """The AI Act document counts exactly one request that the ledger has no call for."""
    found = told.figures("ai-act")
    assert (found["coverage.least"], found["coverage.most"]) == (1, 1)


def test_past_decisions_are_historical_labels(told: Told) -> None:
    """They are told by the compliance officer, and read as agreement, no more."""
    asked = "SELECT DISTINCT label_kind, actor, selection FROM newest_labels"
    with query.connect(told.workspace.ledger) as ledger:
        kinds = ledger.execute(asked).fetchall()
    assert kinds == [("historical", 'User::"cora"', "all")]
    assert "agreement with past decisions" in (told.workspace.reports / "bias-credit.html").read_text()


def test_the_second_window_moved(told: Told) -> None:
    """Drift says that applicants' income moved between the windows, and bias is over the first alone."""
    moved = told.figures("drift")["monthly_income.psi"]
    assert isinstance(moved, float)
    assert moved > 0.2
    assert told.figures("bias")["current.cases"] == len(APPLICATIONS)
