# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One HTTP/2 connection to a gRPC server, as a client of unary calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from ombud_gateway.call import Metadata
from ombud_gateway.errors import GRPC_CODES, UpstreamFailed
from ombud_gateway.http2 import frames, status
from ombud_gateway.http2.frames import ProtocolError
from ombud_gateway.http2.heads import MOST_HEADERS, Head, Heads
from ombud_gateway.http2.messages import ENCODINGS, PREFIX, body_of, message
from ombud_gateway.http2.outbox import Outbox

_LOG = logging.getLogger(__name__)
_CONNECTION_WINDOW: Final = 16 * 2**20
DEADLINE_TEXT: Final = "the server did not answer in time"


class NotProcessed(Exception):
    """The server surely did nothing with the call, so another connection may try it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered: the message's bytes, and metadata without gRPC's own fields."""

    body: bytes
    initial: Metadata
    trailing: Metadata


class _Stream:
    """A call that is not answered yet."""

    __slots__ = ("answered", "chunks", "deadline", "head", "received", "wanted")

    def __init__(self, answered: asyncio.Future[Reply], deadline: asyncio.Handle) -> None:
        self.answered = answered
        self.deadline = deadline
        self.head: Head | None = None
        self.chunks: list[bytes] = []
        self.received = 0
        self.wanted = -1  # bytes of the message with its prefix, once that is here


class Connection(asyncio.Protocol):
    """Everything happens on one event loop. `when_useless` is told once when no more calls can be begun."""

    def __init__(self, message_bytes: int, when_useless: Callable[[Connection], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._message_bytes = message_bytes
        self._when_useless = when_useless
        self._usable = True
        self._out = Outbox(self._loop)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._streams: dict[int, _Stream] = {}
        self._next = 1
        self._heads = Heads()
        self._buffer = b""
        self._block: tuple[int, int, bytearray] | None = None  # stream, flags, header block so far
        self._most_streams = 2**31
        self._unsaid = 0  # bytes that the peer does not know we read

    @property
    def usable(self) -> bool:
        """Whether a call can be begun: the peer's SETTINGS are here, and neither side has ended it."""
        return self._usable and self._ready.done()

    @property
    def used(self) -> bool:
        """Whether a call was ever begun."""
        return self._next > 1

    @property
    def full(self) -> bool:
        """Whether the peer wants no more calls at a time."""
        return len(self._streams) >= self._most_streams

    async def ready(self) -> None:
        """Wait for the peer's SETTINGS. Raises UpstreamFailed."""
        await self._ready

    def begin(self, block: bytes, body: bytes, seconds: float) -> tuple[int, asyncio.Future[Reply]]:
        """Send a request; return its stream and what becomes its reply, or fails with UpstreamFailed."""
        number = self._next
        self._next += 2
        deadline = self._loop.call_later(seconds, self._late, number)
        stream = self._streams[number] = _Stream(self._loop.create_future(), deadline)
        if self._next >= 2**31:  # the last that HTTP/2 can count
            self._retire()
        self._out.request(number, block, message(body))
        return number, stream.answered

    def abandon(self, number: int) -> None:
        """Tell the server that nobody waits for the reply any more."""
        if self._take(number) is not None:
            self._out.send(frames.rst_stream(number, frames.CANCEL))
            self._settle()

    def close(self) -> None:
        """End it at once; calls under way are cancelled."""
        self._end(frames.NO_ERROR, UpstreamFailed(status.CANCELLED, "the gateway is closing"))

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out.attach(cast("asyncio.Transport", transport))  # uvloop's are not subclasses
        # A stream carries one message; one that is too large is refused by its prefix. So no window grows.
        window = min(self._message_bytes + frames.FIRST_WINDOW, frames.MOST_WINDOW)
        said = frames.settings(
            {
                frames.HEADER_TABLE_SIZE: 0,
                frames.ENABLE_PUSH: 0,
                frames.INITIAL_WINDOW_SIZE: window,
                frames.MAX_HEADER_LIST_SIZE: MOST_HEADERS,
            }
        )
        more = _CONNECTION_WINDOW - frames.FIRST_WINDOW
        self._out.send(frames.PREFACE + said + frames.window_update(0, more))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None, UpstreamFailed(status.UNAVAILABLE, "the connection to the server was lost"))

    def pause_writing(self) -> None:
        self._out.pause()

    def resume_writing(self) -> None:
        self._out.resume()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        try:
            while end - at >= frames.HEAD:
                length, kind, flags, number = frames.read_head(buffer, at)
                if length > frames.LEAST_FRAME:
                    raise ProtocolError(frames.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
                begin, after = at + frames.HEAD, at + frames.HEAD + length
                if after > end:
                    break
                self._read(kind, flags, number, buffer[begin:after])
                at = after
        except ProtocolError as error:
            _LOG.warning("an upstream broke HTTP/2: %s", error)
            self._end(error.code, UpstreamFailed(status.UNAVAILABLE, "the server broke HTTP/2"))
            return
        self._buffer = buffer[at:] if at else buffer

    # Reading.

    def _read(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._block is not None and (kind != frames.CONTINUATION or number != self._block[0]):
            raise ProtocolError(frames.PROTOCOL_ERROR, "a frame within a header block")
        if kind == frames.DATA:
            self._data(flags, number, payload)
        elif kind == frames.HEADERS:
            self._headers(flags, number, payload)
        else:
            self._control(kind, flags, number, payload)

    def _control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        match kind:
            case frames.WINDOW_UPDATE:
                if not self._out.more_room(number, frames.word(payload)):
                    self._fail(number, status.INTERNAL, "the server broke HTTP/2's flow control")
            case frames.SETTINGS:
                self._settings(flags, payload)
            case frames.PING:
                self._ping(flags, payload)
            case frames.RST_STREAM:
                self._reset(number, frames.whole_word(payload))
            case frames.GOAWAY:
                self._goaway(frames.word(payload), frames.whole_word(payload, 4))
            case frames.CONTINUATION:
                self._continuation(flags, payload)
            case frames.PUSH_PROMISE:
                raise ProtocolError(frames.PROTOCOL_ERROR, "a push, which was refused")
            case _:
                pass  # PRIORITY, and what later versions add (RFC 9113, 5.5)

    def _ping(self, flags: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise ProtocolError(frames.FRAME_SIZE_ERROR, "a PING that has not 8 bytes")
        if not flags & frames.ACK:
            self._out.answer(frames.head(8, frames.PING, frames.ACK, 0) + payload)

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        if number == 0:
            raise ProtocolError(frames.PROTOCOL_ERROR, "DATA of no stream")
        self._unsaid += len(payload)
        if self._unsaid >= _CONNECTION_WINDOW // 2:
            self._out.answer(frames.window_update(0, self._unsaid))
            self._unsaid = 0
        stream = self._streams.get(number)
        if stream is None:
            return  # abandoned
        if flags & frames.PADDED:
            payload = frames.unpadded(payload, flags & frames.PADDED)
        if payload:
            stream.chunks.append(payload)
            stream.received += len(payload)
            if not self._fits(number, stream):
                return
        if flags & frames.END_STREAM:
            self._fail(number, status.INTERNAL, "the response has no status")

    def _fits(self, number: int, stream: _Stream) -> bool:
        """Read the message's prefix once it is here; tell whether the message may go on."""
        if stream.head is None:
            self._fail(number, status.INTERNAL, "the response has no headers")
            return False
        if stream.wanted < 0 and stream.received >= PREFIX:
            begin = stream.chunks[0] if len(stream.chunks[0]) >= PREFIX else b"".join(stream.chunks)
            length = int.from_bytes(begin[1:PREFIX], "big")
            if length > self._message_bytes:
                text = f"the response has {length:,} bytes, more than the {self._message_bytes:,} that may be"
                self._fail(number, status.RESOURCE_EXHAUSTED, text)
                return False
            stream.wanted = length + PREFIX
        if 0 <= stream.wanted < stream.received:
            self._fail(number, status.INTERNAL, "the response has more than one message")
            return False
        return True

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if number == 0 or number % 2 == 0 or number >= self._next:
            raise ProtocolError(frames.PROTOCOL_ERROR, f"HEADERS of stream {number}, which nobody opened")
        if flags & (frames.PADDED | frames.PRIORITISED):
            payload = frames.unpadded(payload, flags)
        if flags & frames.END_HEADERS:
            self._head(flags, number, payload)
        else:
            self._block = (number, flags, bytearray(payload))

    def _continuation(self, flags: int, payload: bytes) -> None:
        if self._block is None:
            raise ProtocolError(frames.PROTOCOL_ERROR, "CONTINUATION of no header block")
        number, first_flags, block = self._block
        block += payload
        if len(block) > MOST_HEADERS or not payload:
            raise ProtocolError(frames.ENHANCE_YOUR_CALM, "a header block without bounds")
        if flags & frames.END_HEADERS:
            self._block = None
            self._head(first_flags, number, bytes(block))

    def _head(self, flags: int, number: int, block: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return  # abandoned; without a dynamic table nobody misses what it said
        try:
            head = self._heads.read(block)
        except ValueError as error:
            self._fail(number, status.INTERNAL, f"the response has {error}")
            return
        if flags & frames.END_STREAM:
            self._finish(number, stream, head)
        elif 100 <= head.status < 200:
            pass  # the response comes later
        elif stream.head is not None:
            self._fail(number, status.INTERNAL, "the response goes on after its trailers")
        elif problem := _no_grpc(head):
            self._fail(number, *problem)
        else:
            stream.head = head

    def _finish(self, number: int, stream: _Stream, trailers: Head) -> None:
        """The stream is over: it is a reply, or says why not."""
        if self._out.drop(number):  # answered before the request was all sent
            self._out.send(frames.rst_stream(number, frames.NO_ERROR))
        self._take(number)
        first = stream.head or trailers
        if trailers.grpc_status is None and (problem := _no_grpc(first)):
            _refuse(stream, UpstreamFailed(*problem))
        elif trailers.grpc_status is None:
            _refuse(stream, UpstreamFailed(status.UNKNOWN, "the response has no status"))
        elif trailers.grpc_status != status.OK:
            code = trailers.grpc_status if trailers.grpc_status < len(GRPC_CODES) else status.UNKNOWN
            _refuse(stream, UpstreamFailed(code, trailers.message, trailers.metadata))
        elif stream.received != stream.wanted or stream.head is None:
            _refuse(stream, UpstreamFailed(status.INTERNAL, "the response has no whole message"))
        elif not stream.answered.done():
            whole = stream.chunks[0] if len(stream.chunks) == 1 else b"".join(stream.chunks)
            try:
                body = body_of(whole, stream.head.encoding, self._message_bytes)
            except UpstreamFailed as failed:
                _refuse(stream, failed)
            else:
                stream.answered.set_result(Reply(body, stream.head.metadata, trailers.metadata))
        self._settle()

    def _take(self, number: int) -> _Stream | None:
        """Forget a stream, whatever became of it."""
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.deadline.cancel()
            self._out.drop(number)
        return stream

    def _fail(self, number: int, code: int, text: str) -> None:
        """End a call without a reply; the server is told, for it may not be done."""
        stream = self._take(number)
        if stream is not None:
            self._out.send(frames.rst_stream(number, frames.CANCEL))
            _refuse(stream, UpstreamFailed(code, text))
            self._settle()

    def _late(self, number: int) -> None:
        self._fail(number, status.DEADLINE_EXCEEDED, DEADLINE_TEXT)

    def _reset(self, number: int, error: int) -> None:
        if number == 0:
            raise ProtocolError(frames.PROTOCOL_ERROR, "RST_STREAM of no stream")
        stream = self._take(number)
        if stream is not None:
            code, text = status.of_reset(error), f"the server reset the call (HTTP/2 error {error})"
            _refuse(stream, NotProcessed() if error == frames.REFUSED_STREAM else UpstreamFailed(code, text))
            self._settle()

    def _goaway(self, last: int, error: int) -> None:
        if error != frames.NO_ERROR:
            _LOG.warning("an upstream ends a connection with HTTP/2 error %d", error)
        for number in [each for each in self._streams if each > last]:
            if (stream := self._take(number)) is not None:
                _refuse(stream, NotProcessed())
        self._retire()

    def _settings(self, flags: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        for setting, value in frames.read_settings(payload):
            if setting == frames.MAX_CONCURRENT_STREAMS:
                self._most_streams = value
            else:
                self._out.apply(setting, value)
        self._out.answer(frames.head(0, frames.SETTINGS, frames.ACK, 0))
        self._out.pump()
        if not self._ready.done():
            self._ready.set_result(None)

    # Ending.

    def _retire(self) -> None:
        """Begin no more calls; end when those under way are answered."""
        if self._usable:
            self._usable = False
            self._when_useless(self)
        self._settle()

    def _settle(self) -> None:
        if not self._usable and not self._streams:
            self._end(frames.NO_ERROR, UpstreamFailed(status.UNAVAILABLE, "the connection is over"))

    def _end(self, code: int | None, failed: UpstreamFailed) -> None:
        """End it, and every call under way with it; `code` is for the peer, if that still listens."""
        if self._usable:
            self._usable = False
            self._when_useless(self)
        for number in list(self._streams):
            if (stream := self._take(number)) is not None:
                _refuse(stream, UpstreamFailed(failed.code, failed.message))  # each waiter raises its own
        if not self._ready.done():
            self._ready.set_exception(failed)
            self._ready.exception()  # nobody need ask for it
        self._out.close(*(() if code is None else (frames.goaway(code),)))


def _refuse(stream: _Stream, why: Exception) -> None:
    if not stream.answered.done():
        stream.answered.set_exception(why)


def _no_grpc(head: Head) -> tuple[int, str] | None:
    """Return status and words for a response that is not gRPC's."""
    if head.status != 200:
        return status.of_http(head.status), f"the server answered with HTTP status {head.status}"
    if not head.content_type.startswith("application/grpc"):
        return status.UNKNOWN, f"the server answered with content of type {head.content_type[:64]!r}"
    if head.encoding not in ENCODINGS:
        return status.INTERNAL, f"the response is encoded as {head.encoding[:64]!r}, which was not asked for"
    return None
