# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What operators see: the Prometheus page, and spans and metrics by OTLP in the caller's own trace."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from integration.gateway import Gateway, Workspace, amount, infer_request
from integration.reviews import send
from integration.test_gateway_metadata import Stub, stub
from ombud_cli.demo.upstream import ModelServer

__all__ = ["stub"]

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector(trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer):
    """An OTLP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        self.services: set[str] = set()

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's name
        """Take spans, or metrics."""
        if isinstance(request, trace_service_pb2.ExportTraceServiceRequest):
            for group in request.resource_spans:
                self._name(group.resource)
                self.spans += [span for scope in group.scope_spans for span in scope.spans]
            return trace_service_pb2.ExportTraceServiceResponse()
        for group in request.resource_metrics:
            self._name(group.resource)
            self.metrics.update({each.name: each for scope in group.scope_metrics for each in scope.metrics})
        return metrics_service_pb2.ExportMetricsServiceResponse()

    def _name(self, resource: Any) -> None:
        self.services |= {
            each.value.string_value for each in resource.attributes if each.key == "service.name"
        }


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    """Run a collector."""
    kept = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)  # type: ignore[no-untyped-call]
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(kept, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield kept, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_prometheus_page_counts_calls_steps_and_the_hot_tail(triton: ModelServer, tmp_path: Path) -> None:
    """Calls by action, verdict and outcome; time by step; what is in flight, queued and not yet sealed."""
    with Gateway(Workspace(tmp_path, triton.grpc_address)) as gateway, gateway.caller("agent") as agent:
        codes = [
            send(agent, value, certainty).code for value, certainty in ((1, 1), (2, 1), (950, 1), (3, 0.1))
        ]
        page = gateway.page()
        size = len(gateway.entries("true"))

        assert codes == ["OK", "OK", "PERMISSION_DENIED", "FAILED_PRECONDITION"]
        wanted = {
            'ombud_calls_total{action="infer",outcome="answered",verdict="allow"}': 2,
            'ombud_calls_total{action="infer",outcome="refused",verdict="deny"}': 1,
            'ombud_calls_total{action="infer",outcome="held",verdict="review"}': 1,
            'ombud_step_duration_seconds_count{step="identify"}': 4,
            'ombud_step_duration_seconds_count{step="contract"}': 4,
            'ombud_step_duration_seconds_count{step="decide"}': 4,
            'ombud_step_duration_seconds_count{step="forward"}': 3,
            'ombud_step_duration_seconds_count{step="release"}': 3,
            "ombud_added_seconds_count": 4,
            "ombud_calls_in_flight": 0,
            "ombud_calls_waiting": 0,
            "ombud_ledger_queue": 0,
            "ombud_hot_tail_entries": size,
        }
        assert {series: gateway.metric(series) for series in wanted} == wanted
        assert "agent" not in page, "who calls is in the ledger, not on an open page"


def test_spans_continue_the_caller_s_trace(
    collector: tuple[Collector, str], stub: tuple[Stub, str], tmp_path: Path
) -> None:
    """Caller, gateway, upstream and ledger all know the call by one trace id."""
    workspace = Workspace(tmp_path, stub[1], telemetry={"otlp_endpoint": collector[1]})
    with Gateway(workspace) as gateway, gateway.caller("agent") as agent:
        request = infer_request("echo", amount(1))
        answer = agent.send("ModelInfer", request, traceparent=f"00-{TRACE_ID}-{PARENT}-01")
        upstream = stub[0].seen[-1]
        record = agent.record()
        assert gateway.stop() == 0

    spans = [span for span in collector[0].spans if span.trace_id.hex() == TRACE_ID]
    (root,) = [span for span in spans if span.name == "ModelInfer"]
    assert (answer.code, root.parent_span_id.hex(), collector[0].services) == ("OK", PARENT, {"ombud"})
    assert {each.key: each.value.string_value for each in root.attributes} == {
        "ombud.decision_id": answer.decision
    }
    children = {span.name for span in spans if span.parent_span_id == root.span_id}
    assert children == {
        *("ombud.identify", "ombud.contract", "ombud.decide", "ombud.forward", "ombud.release"),
    }
    version, trace, parent, flags = upstream["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE_ID, "01")
    assert parent in {span.span_id.hex() for span in spans}
    assert record["trace_id"] == TRACE_ID


def test_calls_without_a_trace_get_one(
    collector: tuple[Collector, str], triton: ModelServer, tmp_path: Path
) -> None:
    """Where spans are made, the record's trace id finds them; refusals say nothing of values."""
    workspace = Workspace(tmp_path, triton.grpc_address, telemetry={"otlp_endpoint": collector[1]})
    with Gateway(workspace) as gateway, gateway.caller("agent") as agent:
        breach = send(agent, 4321)
        record = agent.record()
        assert gateway.stop() == 0

    (root,) = [span for span in collector[0].spans if span.name == "ModelInfer"]
    assert (breach.reason, root.trace_id.hex()) == ("CONTRACT", record["trace_id"])
    assert "4321" not in str(collector[0].spans)
    calls = collector[0].metrics["ombud.calls"].sum.data_points
    assert [
        ({each.key: each.value.string_value for each in point.attributes}, point.as_int) for point in calls
    ] == [({"action": "infer", "verdict": "none", "outcome": "refused"}, 1)]
    assert {"ombud.calls.in.flight", "ombud.hot.tail.entries"} <= set(collector[0].metrics)
