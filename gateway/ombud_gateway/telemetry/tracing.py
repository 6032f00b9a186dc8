# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Spans around a call and its steps, and W3C Trace Context in and out (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_NO_SPAN: AbstractContextManager[object] = nullcontext()


class Tracing:
    """Makes spans where an exporter is given.

    Without one, no span is made and the caller's context is passed on unchanged, as the specification allows
    a participant that does not trace.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._provider = (
            TracerProvider(resource=Resource.create({"service.name": "ombud"})) if exporter else None
        )
        if self._provider and exporter:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ombud") if self._provider else None
        self._propagator = TraceContextTextMapPropagator()

    def call(
        self, name: str, traceparent: str, tracestate: str, decision: str
    ) -> AbstractContextManager[object]:
        """Make the span of one call the current one, as child of the caller's."""
        if self._tracer is None:
            return _NO_SPAN
        parent = self._propagator.extract({"traceparent": traceparent, "tracestate": tracestate})
        return self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes={"ombud.decision_id": decision},
            record_exception=False,  # an exception's text may hold values; the record has what may be kept
        )

    def step(self, name: str) -> trace.Span | None:
        """Start the span of one step under the current call's; the caller ends it."""
        return self._tracer.start_span(f"ombud.{name}") if self._tracer else None

    def outgoing(self, traceparent: str, tracestate: str) -> tuple[tuple[str, str], ...]:
        """Trace context to hand to the upstream."""
        if self._tracer is not None:
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier)
            return tuple(carrier.items())
        if not traceparent or not _TRACEPARENT.fullmatch(traceparent):
            return ()
        state = (("tracestate", tracestate),) if tracestate else ()
        return (("traceparent", traceparent), *state)

    def trace_id(self, traceparent: str) -> str:
        """Trace id of the call at hand as 32 hex digits; empty where there is none."""
        if self._tracer is not None:
            context = trace.get_current_span().get_span_context()
            return f"{context.trace_id:032x}" if context.is_valid else ""
        found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        return found[1] if found else ""

    def close(self) -> None:
        """Flush and stop the exporter."""
        if self._provider:
            self._provider.shutdown()
