# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the model server counts of its own calls is in the ledger: a call past the gateway shows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tritonclient.grpc import service_pb2

from integration.gateway import Gateway, Workspace, amount, direct, infer_request
from ombud_cli.demo.upstream import ModelServer
from ombud_ledger import query
from ombud_reports.ai_act.measure import Row, measure
from ombud_reports.ai_act.measures.coverage import SPANS
from ombud_reports.reading import Reading
from ombud_reports.result import Window

ALWAYS = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def ask(gateway: Gateway, value: float) -> None:
    """Call the model through the gateway."""
    with gateway.caller("agent") as agent:
        assert agent.send("ModelInfer", infer_request("echo", amount(value))).code == "OK"


def bypass(server: ModelServer, value: float) -> None:
    """Call the model past the gateway."""
    assert direct(server, "ModelInfer", infer_request("echo", amount(value))).code == "OK"


def reconciled(workspace: Workspace) -> list[Row]:
    """Return what the ledger alone says of the server's counts against its own calls."""
    with query.connect(workspace.ledger) as ledger:
        rows = measure(Reading(ledger, "study", ALWAYS), SPANS, {"grain": "month"}).rows
    times = {"begins", "ends", "edge", "span"}
    return [{key: value for key, value in row.items() if key not in times} for row in rows]


def found(**figures: Any) -> Row:
    """What is said of a span of `echo` in which nothing failed."""
    return {"served": "triton echo 1", "version": "1", "failed": 0, **figures}


def test_calls_past_the_gateway_are_found(triton: ModelServer, tmp_path: Path) -> None:
    """One call went to the server itself while a gateway served, one while none did: neither is explained."""
    workspace = Workspace(tmp_path, triton.grpc_address)
    with Gateway(workspace) as gateway:
        ask(gateway, 1)
        bypass(triton, 2)
    bypass(triton, 3)
    with Gateway(workspace) as gateway:
        ask(gateway, 4)

    assert reconciled(workspace) == [found(server=4, ledger=2, least=2, most=2, restarted="no")]


def test_a_model_that_was_loaded_again_counts_anew(triton: ModelServer, tmp_path: Path) -> None:
    """A counter that went down is a restart: what it has now is the least that it grew by."""
    workspace = Workspace(tmp_path, triton.grpc_address)
    for value in range(5):
        bypass(triton, value)
    with Gateway(workspace) as gateway:
        ask(gateway, 1)
        for method, request in (
            ("RepositoryModelUnload", service_pb2.RepositoryModelUnloadRequest(model_name="echo")),
            ("RepositoryModelLoad", service_pb2.RepositoryModelLoadRequest(model_name="echo")),
        ):
            assert direct(triton, method, request).code == "OK"
        ask(gateway, 2)

    assert reconciled(workspace) == [found(server=1, ledger=2, least=0, most=0, restarted="yes")]


def test_a_server_that_is_away_is_on_record(tmp_path: Path) -> None:
    """The gateway starts without its model server, and says once that it did not tell."""
    with Gateway(Workspace(tmp_path, "127.0.0.1:1", coverage={"sample_seconds": 0.2})) as gateway:
        said = [entry.record for entry in gateway.entries("e.kind = 'upstream'")]

    assert sorted((each["event"], each["system"], each["reason"]) for each in said) == [
        ("uncounted", "study", "UNAVAILABLE"),
        ("uncounted", "timing", "UNAVAILABLE"),
    ]
