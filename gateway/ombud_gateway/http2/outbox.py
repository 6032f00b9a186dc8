# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a connection sends: what the peer has room for; all that one turn of the loop says, in one write."""

from __future__ import annotations

import asyncio
from typing import Final

from ombud_gateway.http2 import frames
from ombud_gateway.http2.frames import ProtocolError

_MOST_ANSWERS: Final = 1_000
"""Acknowledgements that a peer may make us hold while it reads nothing."""


class _Unsent:
    """What of a request the peer had no room for; `window` is the room in its stream."""

    __slots__ = ("rest", "window")

    def __init__(self, rest: memoryview, window: int) -> None:
        self.rest = rest
        self.window = window


class Outbox:
    """Frames on their way out. Of a stream that is all sent nothing is kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._frames: list[bytes] = []
        self._window = frames.FIRST_WINDOW  # room in the connection
        self._stream_window = frames.FIRST_WINDOW  # room in a new stream
        self._frame_size = frames.LEAST_FRAME
        self._unsent: dict[int, _Unsent] = {}
        self._paused = False
        self._answers_held = 0

    def attach(self, transport: asyncio.Transport) -> None:
        """Send by this from now on."""
        self._transport = transport

    def send(self, *parts: bytes) -> None:
        """Send with what else is sent in this turn of the loop."""
        if not self._frames:
            self._loop.call_soon(self._flush)
        self._frames += parts

    def answer(self, frame: bytes) -> None:
        """Send what the peer made us say. Raises ProtocolError if it asks and never reads."""
        if self._paused:
            self._answers_held += 1
            if self._answers_held > _MOST_ANSWERS:
                raise ProtocolError(frames.ENHANCE_YOUR_CALM, "a peer that asks and does not read")
        self.send(frame)

    def request(self, number: int, block: bytes, message: bytes) -> None:
        """Send a whole request, its message as there is room for it."""
        self._headers(number, block)
        size = len(message)
        fits = size <= self._frame_size and size <= self._stream_window and size <= self._window
        if fits and not self._unsent:
            self._window -= size
            self.send(frames.head(size, frames.DATA, frames.END_STREAM, number), message)
        else:
            self._unsent[number] = _Unsent(memoryview(message), self._stream_window)
            self.pump()

    def drop(self, number: int) -> bool:
        """Send no more of a stream's request; tell whether there was any left."""
        return self._unsent.pop(number, None) is not None

    def more_room(self, number: int, more: int) -> bool:
        """The peer has room for `more` bytes; tell whether that is within HTTP/2's bounds for a stream.

        Raises ProtocolError where it is not for the connection.
        """
        unsent = self._unsent.get(number)
        if number == 0:
            self._window += more
            if more == 0 or self._window > frames.MOST_WINDOW:
                raise ProtocolError(frames.FLOW_CONTROL_ERROR, f"a window of {self._window}")
        elif unsent is not None:
            unsent.window += more
            if more == 0 or unsent.window > frames.MOST_WINDOW:
                return False
        self.pump()
        return True

    def apply(self, setting: int, value: int) -> None:
        """Keep a setting of the peer's; `pump` once it is acknowledged. Raises ProtocolError."""
        if setting == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MOST_WINDOW:
                raise ProtocolError(frames.FLOW_CONTROL_ERROR, f"a first window of {value}")
            for unsent in self._unsent.values():
                unsent.window += value - self._stream_window
            self._stream_window = value
        elif setting == frames.MAX_FRAME_SIZE:
            if not frames.LEAST_FRAME <= value < 2**24:
                raise ProtocolError(frames.PROTOCOL_ERROR, f"frames of {value} bytes")
            self._frame_size = value

    def pause(self) -> None:
        """The network takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        """It does again."""
        self._paused = False
        self._answers_held = 0
        self.pump()

    def close(self, *last: bytes) -> None:
        """Send what waits, and these, unless the transport is closed already; close it."""
        self._unsent.clear()
        transport, self._transport = self._transport, None
        if transport is not None:
            if not transport.is_closing():
                transport.write(b"".join((*self._frames, *last)))
            transport.close()
        self._frames.clear()

    def _flush(self) -> None:
        if self._transport is not None and self._frames:
            self._transport.write(b"".join(self._frames))
        self._frames.clear()

    def _headers(self, number: int, block: bytes) -> None:
        size = self._frame_size
        if len(block) <= size:
            self.send(frames.head(len(block), frames.HEADERS, frames.END_HEADERS, number), block)
            return
        pieces = [block[at : at + size] for at in range(0, len(block), size)]
        for place, piece in enumerate(pieces):
            kind = frames.CONTINUATION if place else frames.HEADERS
            flags = frames.END_HEADERS if place == len(pieces) - 1 else 0
            self.send(frames.head(len(piece), kind, flags, number), piece)

    def pump(self) -> None:
        """Send of what waits as much as there is room for."""
        if self._paused:
            return
        for number, unsent in list(self._unsent.items()):
            while unsent.rest:
                size = min(len(unsent.rest), self._frame_size, unsent.window, self._window)
                if size <= 0:
                    break
                piece, unsent.rest = bytes(unsent.rest[:size]), unsent.rest[size:]
                self._window -= size
                unsent.window -= size
                flags = 0 if unsent.rest else frames.END_STREAM
                self.send(frames.head(size, frames.DATA, flags, number), piece)
            if not unsent.rest:
                del self._unsent[number]
            if self._window <= 0:
                return
