# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Header blocks of unary gRPC calls: requests as literals, responses read once and remembered.

Neither side uses HPACK's dynamic table (RFC 7541): we say SETTINGS_HEADER_TABLE_SIZE 0 and index nothing. So
a block means the same wherever it stands, and one that was read before need not be read again.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from hpack import Decoder, HPACKError

from ombud_gateway.call import Metadata
from ombud_gateway.http2.frames import COMPRESSION_ERROR, ProtocolError
from ombud_gateway.http2.messages import ENCODINGS

MOST_HEADERS: Final = 16_384
"""Bytes of a header list that we read, as HTTP/2 counts them; gRPC's own default is 8 KiB."""
_REMEMBERED: Final = 256
_SHORT: Final = 512
_KEY: Final = re.compile(r"[0-9a-z_.-]+\Z")
_VALUE: Final = re.compile(r"[\x20-\x7e]*\Z")


@dataclass(frozen=True, slots=True)
class Head:
    """What one header block of a response says; `status` is 0 and `grpc_status` None where absent."""

    status: int
    content_type: str
    encoding: str
    grpc_status: int | None
    message: str
    metadata: Metadata


class Heads:
    """Reads the header blocks of one connection."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self._decoder = Decoder(max_header_list_size=MOST_HEADERS)
        self._decoder.header_table_size = self._decoder.max_allowed_table_size = 0

    def read(self, block: bytes) -> Head:
        """Return what a block says. Raises ProtocolError, and ValueError for what gRPC does not say so."""
        found = self._known.get(block)
        if found is None:
            try:
                found = _head(
                    [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
                )
            except HPACKError as error:
                raise ProtocolError(COMPRESSION_ERROR, f"a header block cannot be read: {error}") from None
            if len(block) <= _SHORT:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[block] = found
        return found


def request_prefix(path: str, authority: str, agent: str, *, secure: bool) -> bytes:
    """Return the part of a request's header block that is the same for every call of a method."""
    fixed = {":path": path, ":authority": authority, "te": "trailers", "content-type": "application/grpc"}
    fixed["grpc-accept-encoding"] = ",".join(ENCODINGS)
    return (
        b"\x83"  # :method POST
        + (b"\x87" if secure else b"\x86")  # :scheme
        + b"".join(_literal(name.encode(), value.encode()) for name, value in fixed.items())
        + _literal(b"user-agent", agent.encode())
    )


def timeout_block(seconds: float) -> bytes:
    """Return the part that says how long the caller waits."""
    return _literal(b"grpc-timeout", _timeout(seconds))


def metadata_block(metadata: Metadata) -> bytes:
    """Return the part with a call's own metadata. Raises ValueError for what cannot be sent."""
    parts = []
    for key, value in metadata:
        if not _KEY.match(key):
            raise ValueError(f"metadata {key!r}: a key has lower-case letters, digits, and any of _ - .")
        if key.endswith("-bin"):
            raw = value if isinstance(value, bytes) else value.encode()
            parts.append(_literal(key.encode(), base64.b64encode(raw).rstrip(b"=")))
            continue
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if not _VALUE.match(text):
            raise ValueError(f"metadata {key!r}: a value has printable ASCII alone, or its key ends in -bin")
        parts.append(_literal(key.encode(), text.encode()))
    return b"".join(parts)


def _timeout(seconds: float) -> bytes:
    """Spell a time as gRPC does: at most eight digits and a unit."""
    for unit, size in ((b"m", 1e3), (b"S", 1.0)):
        number = max(1, round(seconds * size))
        if number < 100_000_000:
            return b"%d%s" % (number, unit)
    return b"99999999S"


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field that is never indexed for later (RFC 7541, 6.2.2), its strings as they are."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    length = len(text)
    if length < 127:
        return bytes((length,)) + text
    length -= 127
    octets = bytearray((127,))
    while length >= 128:
        octets.append(length & 0x7F | 0x80)
        length >>= 7
    octets.append(length)
    return bytes(octets) + text


def _head(fields: list[tuple[bytes, bytes]]) -> Head:
    status, content_type, encoding, message = 0, "", "identity", ""
    grpc_status: int | None = None
    metadata: list[tuple[str, str | bytes]] = []
    for raw_name, raw in fields:
        name, value = raw_name.decode("latin-1"), raw.decode("latin-1")
        match name:
            case ":status":
                status = _number(name, value)
            case "grpc-status":
                grpc_status = _number(name, value)
            case "grpc-message":
                message = unquote_to_bytes(raw).decode("utf-8", "replace")
            case "grpc-encoding":
                encoding = value
            case "content-type":
                content_type = value
            case _ if name.startswith(":"):
                raise ValueError(f"the pseudo-header {name!r}")
            case _ if name.endswith("-bin"):
                metadata.extend((name, _binary(name, part)) for part in raw.split(b","))
            case _:
                metadata.append((name, value))
    return Head(status, content_type, encoding, grpc_status, message, tuple(metadata))


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError(f"{name} {value[:32]!r}, which is no number")
    return int(value)


def _binary(name: str, value: bytes) -> bytes:
    try:
        return base64.b64decode(value.strip() + b"=" * (-len(value.strip()) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"{name} with what is not base64") from None
