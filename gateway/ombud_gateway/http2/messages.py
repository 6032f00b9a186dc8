# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A gRPC message on the wire: whether it is compressed, its length, its bytes."""

from __future__ import annotations

import zlib
from typing import Final

from ombud_gateway.errors import UpstreamFailed
from ombud_gateway.http2 import status

PREFIX: Final = 5
"""Bytes before a message."""
ENCODINGS: Final = {"identity": 0, "deflate": zlib.MAX_WBITS, "gzip": 16 + zlib.MAX_WBITS}
"""What a message may be compressed with, and how zlib is told."""


def message(body: bytes) -> bytes:
    """Return a body with its prefix, not compressed."""
    return b"".join((b"\x00", len(body).to_bytes(4, "big"), body))


def body_of(whole: bytes, encoding: str, limit: int) -> bytes:
    """Return the body of a whole message, decompressed. Raises UpstreamFailed, for one past the limit too."""
    if not whole[0]:
        return whole[PREFIX:]
    bits = ENCODINGS[encoding]
    if whole[0] != 1 or not bits:
        raise UpstreamFailed(status.INTERNAL, "the response is compressed, and does not say how")
    decompressor = zlib.decompressobj(bits)
    try:
        body = decompressor.decompress(memoryview(whole)[PREFIX:], limit + 1)
    except zlib.error:
        raise UpstreamFailed(status.INTERNAL, f"the response is no {encoding}") from None
    if len(body) > limit:
        text = f"the response, decompressed, has more than the {limit:,} bytes that may be"
        raise UpstreamFailed(status.RESOURCE_EXHAUSTED, text)
    if not decompressor.eof:
        raise UpstreamFailed(status.INTERNAL, f"the response ends in the middle of its {encoding}")
    return body
