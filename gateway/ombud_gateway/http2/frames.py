# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames as bytes (RFC 9113, sections 4 and 6)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD: Final = 9
"""Bytes of a frame's head."""
LEAST_FRAME: Final = 16_384
MOST_WINDOW: Final = 2**31 - 1
FIRST_WINDOW: Final = 65_535

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11
INADEQUATE_SECURITY: Final = 12

_HEAD: Final = struct.Struct(">BHBBI")
_WORD: Final = struct.Struct(">I")
_SETTING: Final = struct.Struct(">HI")


class ProtocolError(Exception):
    """The peer broke HTTP/2: the connection ends with this error code."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """Return the nine bytes before a payload of `length` bytes."""
    return _HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream)


def read_head(buffer: bytes, at: int) -> tuple[int, int, int, int]:
    """Return length, kind, flags and stream of the frame that begins at `at`."""
    high, low, kind, flags, stream = _HEAD.unpack_from(buffer, at)
    return high << 16 | low, kind, flags, stream & 0x7FFF_FFFF


def settings(values: Mapping[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    payload = b"".join(_SETTING.pack(*pair) for pair in values.items())
    return head(len(payload), SETTINGS, 0, 0) + payload


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Return (setting, value) in order. Raises ProtocolError."""
    if len(payload) % _SETTING.size:
        raise ProtocolError(FRAME_SIZE_ERROR, "SETTINGS of a length that is no multiple of 6")
    return list(_SETTING.iter_unpack(payload))


def window_update(stream: int, more: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return head(4, WINDOW_UPDATE, 0, stream) + _WORD.pack(more)


def rst_stream(stream: int, code: int) -> bytes:
    """Return a RST_STREAM frame."""
    return head(4, RST_STREAM, 0, stream) + _WORD.pack(code)


def goaway(code: int) -> bytes:
    """Return a GOAWAY frame of a client, which has answered no stream."""
    return head(8, GOAWAY, 0, 0) + _WORD.pack(0) + _WORD.pack(code)


def word(payload: bytes, at: int = 0) -> int:
    """Return four bytes as a number, without the reserved bit."""
    if len(payload) < at + 4:
        raise ProtocolError(FRAME_SIZE_ERROR, "a frame is shorter than its fields")
    return int(_WORD.unpack_from(payload, at)[0]) & 0x7FFF_FFFF


def whole_word(payload: bytes, at: int = 0) -> int:
    """Return four bytes as a number."""
    if len(payload) < at + 4:
        raise ProtocolError(FRAME_SIZE_ERROR, "a frame is shorter than its fields")
    return int(_WORD.unpack_from(payload, at)[0])


def unpadded(payload: bytes, flags: int) -> bytes:
    """Return a DATA or HEADERS payload without padding and priority. Raises ProtocolError."""
    begin, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ProtocolError(FRAME_SIZE_ERROR, "a padded frame without a length of its padding")
        begin, end = 1, end - payload[0]
    if flags & PRIORITISED:
        begin += 5
    if begin > end:
        raise ProtocolError(PROTOCOL_ERROR, "more padding than frame")
    return payload[begin:end]
