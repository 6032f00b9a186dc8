# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Spans, metrics and trace context of a gateway process."""

from ombud_gateway.telemetry.metrics import Gauges, Metrics, OtlpMetrics, PrometheusMetrics
from ombud_gateway.telemetry.tracing import Tracing

__all__ = ["Gauges", "Metrics", "OtlpMetrics", "PrometheusMetrics", "Telemetry", "Tracing"]


class Telemetry:
    """Tracing, and every sink that metrics go to."""

    def __init__(self, tracing: Tracing, sinks: tuple[Metrics, ...] = ()) -> None:
        self.tracing = tracing
        self.sinks = sinks

    def count(self, action: str, verdict: str, outcome: str, steps: dict[str, int], added_us: int) -> None:
        """Count one finished call; times in microseconds."""
        for sink in self.sinks:
            sink.count(action, verdict, outcome, steps, added_us)

    def close(self) -> None:
        """Flush and stop the exporters."""
        self.tracing.close()
        for sink in self.sinks:
            sink.close()
