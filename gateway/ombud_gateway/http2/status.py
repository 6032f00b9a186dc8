# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What HTTP/2 says of a failed call, as gRPC status codes (gRPC over HTTP/2, "HTTP2 Transport Mapping")."""

from __future__ import annotations

from typing import Final

from ombud_gateway.errors import GRPC_CODES
from ombud_gateway.http2 import frames

OK: Final = 0
CANCELLED: Final = GRPC_CODES.index("CANCELLED")
UNKNOWN: Final = GRPC_CODES.index("UNKNOWN")
DEADLINE_EXCEEDED: Final = GRPC_CODES.index("DEADLINE_EXCEEDED")
PERMISSION_DENIED: Final = GRPC_CODES.index("PERMISSION_DENIED")
RESOURCE_EXHAUSTED: Final = GRPC_CODES.index("RESOURCE_EXHAUSTED")
UNIMPLEMENTED: Final = GRPC_CODES.index("UNIMPLEMENTED")
INTERNAL: Final = GRPC_CODES.index("INTERNAL")
UNAVAILABLE: Final = GRPC_CODES.index("UNAVAILABLE")
UNAUTHENTICATED: Final = GRPC_CODES.index("UNAUTHENTICATED")

_OF_HTTP: Final = {
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}
_OF_RESET: Final = {
    frames.REFUSED_STREAM: UNAVAILABLE,
    frames.CANCEL: CANCELLED,
    frames.ENHANCE_YOUR_CALM: RESOURCE_EXHAUSTED,
    frames.INADEQUATE_SECURITY: PERMISSION_DENIED,
}


def of_http(status: int) -> int:
    """Return the code for an HTTP status of a response that is not gRPC's."""
    return _OF_HTTP.get(status, UNKNOWN)


def of_reset(error: int) -> int:
    """Return the code for a stream that the peer reset."""
    return _OF_RESET.get(error, INTERNAL)
