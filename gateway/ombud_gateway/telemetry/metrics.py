# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Calls, verdicts, latency by step and gauges: as a Prometheus page, by OTLP, or both.

The Prometheus client records a value in under a microsecond, the OpenTelemetry SDK in about six; the page is
therefore served from the former and the SDK is loaded only where an OTLP end point is configured (ADR 0004).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Protocol

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Gauges = Mapping[str, Callable[[], int]]
"""Name -> reader of the value now."""

SECONDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of the latency buckets."""
_MICROSECONDS = [bound * 1e6 for bound in SECONDS]


class Metrics(Protocol):
    """Where finished calls are counted."""

    def count(self, action: str, verdict: str, outcome: str, steps: Mapping[str, int], added_us: int) -> None:
        """Count one finished call; times in microseconds."""

    def close(self) -> None:
        """Flush and stop."""


class PrometheusMetrics(Collector):
    """Metrics on an HTTP page at `address` (host, port).

    A call is counted into plain integers, and the page is made of them when it is asked for: the client's own
    counters, each behind a lock, took three times as long (measured).
    """

    def __init__(self, address: tuple[str, int], gauges: Gauges) -> None:
        self._gauges = gauges
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._steps: defaultdict[str, _Histogram] = defaultdict(_Histogram)
        self._added = _Histogram()
        registry = prometheus_client.CollectorRegistry()
        registry.register(self)
        self._server, self._thread = prometheus_client.start_http_server(
            address[1], addr=address[0], registry=registry
        )

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self._server.server_port)

    def count(self, action: str, verdict: str, outcome: str, steps: Mapping[str, int], added_us: int) -> None:
        self._calls[action, verdict, outcome] += 1
        for name, spent in steps.items():
            self._steps[name].observe(spent)
        self._added.observe(added_us)

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily("ombud_calls", "Judged calls", labels=("action", "verdict", "outcome"))
        for labels, number in self._calls.copy().items():
            calls.add_metric(labels, number)
        steps = HistogramMetricFamily("ombud_step_duration_seconds", "Time by step", labels=("step",))
        for name, spent in self._steps.copy().items():
            steps.add_metric((name,), *spent.cumulated())
        added = HistogramMetricFamily("ombud_added_seconds", "Time in the gateway, the upstream's left out")
        added.add_metric((), *self._added.cumulated())
        yield from (calls, steps, added)
        for name, read in self._gauges.items():
            yield GaugeMetricFamily(name, name.replace("_", " "), value=read())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Histogram:
    """Microseconds, counted by bucket, by one thread; a page made meanwhile is at most a call behind."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self._total = 0

    def observe(self, microseconds: int) -> None:
        self._counts[bisect_left(_MICROSECONDS, microseconds)] += 1
        self._total += microseconds

    def cumulated(self) -> tuple[list[tuple[str, float]], float]:
        """Return (upper bound, observations up to it) of every bucket, and the sum in seconds."""
        bounds = [*map(str, SECONDS), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True)), self._total / 1e6


class OtlpMetrics:
    """The same figures through the OpenTelemetry SDK."""

    def __init__(self, endpoint: str, gauges: Gauges, *, insecure: bool) -> None:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.metrics import CallbackOptions, Observation
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource

        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint, insecure=insecure))
        self._provider = MeterProvider([reader], resource=Resource.create({"service.name": "ombud"}))
        meter = self._provider.get_meter("ombud")
        bounds = list(SECONDS)
        self._calls = meter.create_counter("ombud.calls")
        self._steps = meter.create_histogram(
            "ombud.step.duration", unit="s", explicit_bucket_boundaries_advisory=bounds
        )
        self._added = meter.create_histogram(
            "ombud.added", unit="s", explicit_bucket_boundaries_advisory=bounds
        )
        for name, read in gauges.items():

            def observe(_options: CallbackOptions, read: Callable[[], int] = read) -> Iterable[Observation]:
                return (Observation(read()),)

            meter.create_observable_gauge(name.replace("_", "."), callbacks=[observe])

    def count(self, action: str, verdict: str, outcome: str, steps: Mapping[str, int], added_us: int) -> None:
        self._calls.add(1, {"action": action, "verdict": verdict, "outcome": outcome})
        for name, spent in steps.items():
            self._steps.record(spent / 1e6, {"step": name})
        self._added.record(added_us / 1e6)

    def close(self) -> None:
        self._provider.shutdown()
