# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Which metadata travels on to the next hop, in either direction (RFC 9110, section 7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable

from ombud_gateway.call import Metadata

_HOP_BY_HOP = frozenset(
    {
        "authorization",
        "connection",
        "content-type",
        "cookie",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""Entries that speak to this hop alone; the trace context is written anew for the next."""


def passed_on(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """Keep what is meant for the other end: not this hop's, gRPC's or Ombud's own."""
    return tuple(
        (key, value)
        for key, value in metadata
        if key == "grpc-status-details-bin"
        or (key not in _HOP_BY_HOP and not key.startswith((":", "grpc-", "ombud-", "proxy-")))
    )
