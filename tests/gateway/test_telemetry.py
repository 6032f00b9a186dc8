# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Spans, trace context and metrics of calls."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gateway.scene import scene
from governed import FORBIDDEN, SMALL
from ombud_gateway.call import Call, Correlation
from ombud_gateway.telemetry import PrometheusMetrics, Telemetry, Tracing

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (PARENT, TRACE),
        (f"00-{TRACE}-{SPAN}-00", TRACE),
        (f"fe-{TRACE}-{SPAN}-01", TRACE),
        ("", ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        (f"00-{TRACE}-{SPAN}", ""),
        (f"00-{TRACE[1:]}-{SPAN}-01", ""),
        (f" {PARENT}", ""),
        (f"{PARENT}\n", ""),
    ],
)
def test_trace_context_without_exporter(traceparent: str, trace: str) -> None:
    """A valid context is named in records and handed on unchanged; an invalid one is neither."""
    tracing = Tracing()
    assert tracing.trace_id(traceparent) == trace
    handed_on = (("traceparent", traceparent), ("tracestate", "a=b")) if trace else ()
    assert tracing.outgoing(traceparent, "a=b") == handed_on
    assert tracing.outgoing(traceparent, "") == handed_on[:1]
    assert tracing.step("identify") is None
    tracing.close()


def traced(
    tmp_path: Path, amount: float, state: Correlation
) -> tuple[list[Any], dict[str, Any], Mapping[str, Any]]:
    """Judge one call with tracing on; return its spans, its record, and what was sent along."""
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(Tracing(exporter))

    async def run() -> tuple[dict[str, Any], Mapping[str, Any]]:
        async with scene(tmp_path, telemetry=telemetry) as one:
            call = one.call(amount, correlation=state)
            if amount == FORBIDDEN:
                await one.refused(call)
                return one.records()[0], {}
            await one.pipeline.judge(call)
            return one.records()[0], dict(one.models.seen[0][1].metadata)

    record, sent = asyncio.run(run())
    telemetry.close()
    return list(exporter.get_finished_spans()), record, sent


def test_spans_of_a_call(tmp_path: Path) -> None:
    """A call is a server span under its caller's, each step a span under the call's, the upstream's next."""
    spans, record, sent = traced(tmp_path, SMALL, Correlation(traceparent=PARENT, tracestate="a=b"))
    *steps, call = spans
    assert call.name == "ModelInfer"
    assert call.kind == SpanKind.SERVER
    assert dict(call.attributes) == {"ombud.decision_id": record["id"]}
    assert f"{call.parent.span_id:016x}" == SPAN
    assert [step.name for step in steps] == [
        "ombud.identify",
        "ombud.contract",
        "ombud.decide",
        "ombud.forward",
        "ombud.release",
    ]
    assert {step.parent.span_id for step in steps} == {call.context.span_id}
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE} == {record["trace_id"]}
    assert sent["traceparent"] == f"00-{TRACE}-{call.context.span_id:016x}-01"
    assert sent["tracestate"] == "a=b"


def test_spans_tell_nothing_of_the_call(tmp_path: Path) -> None:
    """A refused call's spans carry no exception text; without a caller's context a trace begins here."""
    spans, record, _ = traced(tmp_path, FORBIDDEN, Correlation())
    assert [len(span.events) for span in spans] == [0] * len(spans)
    assert spans[-1].parent is None
    assert record["trace_id"] == f"{spans[-1].context.trace_id:032x}"
    assert "7000" not in repr([span.to_json() for span in spans])


@pytest.fixture
def page() -> Iterator[PrometheusMetrics]:
    """A metrics page on a free port."""
    metrics = PrometheusMetrics(("127.0.0.1", 0), {"ombud_calls_in_flight": lambda: 3})
    yield metrics
    metrics.close()


def read(page: PrometheusMetrics) -> dict[str, float]:
    """Fetch the page; return its samples by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        text = answer.read().decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines if not name.endswith("_created")}


def test_prometheus_page(page: PrometheusMetrics) -> None:
    """Calls are counted by action, verdict, outcome; time by step and in all, in seconds; gauges are live."""
    telemetry = Telemetry(Tracing(), (page,))
    telemetry.count("infer", "allow", "answered", {"identify": 50, "forward": 400_000}, 700)
    telemetry.count("infer", "allow", "answered", {"identify": 50}, 900)
    telemetry.count("infer", "deny", "refused", {}, 30)
    found = read(page)
    assert found['ombud_calls_total{action="infer",outcome="answered",verdict="allow"}'] == 2
    assert found['ombud_calls_total{action="infer",outcome="refused",verdict="deny"}'] == 1
    assert found['ombud_step_duration_seconds_count{step="identify"}'] == 2
    assert found['ombud_step_duration_seconds_bucket{le="0.0001",step="identify"}'] == 2
    assert found['ombud_step_duration_seconds_bucket{le="0.25",step="forward"}'] == 0
    assert found['ombud_step_duration_seconds_bucket{le="0.5",step="forward"}'] == 1
    assert found["ombud_added_seconds_count"] == 3
    assert found["ombud_added_seconds_sum"] == pytest.approx(0.00163)
    assert found["ombud_calls_in_flight"] == 3


def test_calls_reach_the_page(tmp_path: Path, page: PrometheusMetrics) -> None:
    """Judged calls are counted, denials among them."""

    async def run() -> None:
        async with scene(tmp_path, telemetry=Telemetry(Tracing(), (page,))) as one:
            call: Call = one.call(SMALL)
            await one.pipeline.judge(call)
            await one.refused(one.call(FORBIDDEN))

    asyncio.run(run())
    found = read(page)
    assert found['ombud_calls_total{action="infer",outcome="answered",verdict="allow"}'] == 1
    assert found['ombud_calls_total{action="infer",outcome="refused",verdict="deny"}'] == 1
    assert found['ombud_step_duration_seconds_count{step="decide"}'] == 2
