# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 server that does what a test says, over python-hyper's h2, and what that refuses to do, raw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

Act = Callable[["Peer", "Request"], None]
OK = [(":status", "200"), ("content-type", "application/grpc")]
DONE = [("grpc-status", "0")]


def message(body: bytes) -> bytes:
    """Return a gRPC message with its prefix."""
    return b"\x00" + len(body).to_bytes(4, "big") + body


@dataclass
class Request:
    """What a client asked."""

    stream: int
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


class Peer(asyncio.Protocol):
    """One connection; `act` is called once a request is whole."""

    def __init__(self, act: Act, server: Server) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.http = h2.connection.H2Connection(config)
        self.server = server
        self._act = act
        self._requests: dict[int, Request] = {}
        self._later: list[tuple[int, bytes, list[tuple[str, str]]]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.peers.append(self)
        self.http.local_settings = h2.settings.Settings(client=False, initial_values=self.server.settings)
        self.http.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.http.receive_data(data):
            match event:
                case h2.events.RequestReceived(stream_id=stream, headers=headers):
                    self._requests[stream] = Request(stream, {str(key): str(value) for key, value in headers})
                case h2.events.DataReceived(stream_id=stream, data=piece, flow_controlled_length=size):
                    self._requests[stream].body += piece
                    self.server.pieces.append(len(piece))
                    self.http.acknowledge_received_data(size, stream)
                case h2.events.StreamEnded(stream_id=stream):
                    self._act(self, self._requests.pop(stream))
                case h2.events.StreamReset(stream_id=stream, error_code=code):
                    self.server.resets.append(int(code or 0))
                case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                    self._send_later()
                case h2.events.ConnectionTerminated(error_code=code):
                    self.server.goaways.append(int(code or 0))
        self.flush()

    def reply(self, request: Request, body: bytes, trailers: list[tuple[str, str]] | None = None) -> None:
        """Answer as gRPC does, unless the client waits no more."""
        try:
            self.http.send_headers(request.stream, OK)
        except h2.exceptions.StreamClosedError:
            return
        self._later.append((request.stream, message(body), trailers or DONE))
        self._send_later()

    def raw(self, data: bytes) -> None:
        """Send bytes that h2 would not."""
        self.flush()
        self.transport.write(data)

    def flush(self) -> None:
        """Send what h2 has to say."""
        if waiting := self.http.data_to_send():
            self.transport.write(waiting)

    def _send_later(self) -> None:
        kept, self._later = self._later, []
        for stream, data, trailers in kept:
            at = 0
            while at < len(data):
                window = self.http.local_flow_control_window(stream)
                size = min(window, len(data) - at, self.http.max_outbound_frame_size)
                if size <= 0:
                    break
                self.http.send_data(stream, data[at : at + size])
                at += size
            if at < len(data):
                self._later.append((stream, data[at:], trailers))
            else:
                self.http.send_headers(stream, trailers, end_stream=True)


@dataclass
class Server:
    """A listening server, and what it saw."""

    address: str = ""
    settings: dict[Any, int] = field(default_factory=dict)
    peers: list[Peer] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    goaways: list[int] = field(default_factory=list)


@asynccontextmanager
async def serving(act: Act, peer: type[Peer] = Peer, **settings: int) -> AsyncIterator[Server]:
    """Serve on loopback; settings are those of h2.settings.SettingCodes."""
    server = Server(settings={h2.settings.SettingCodes[name]: value for name, value in settings.items()})
    listening = await asyncio.get_running_loop().create_server(lambda: peer(act, server), "127.0.0.1", 0)
    server.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for each in server.peers:
            each.transport.close()
        await listening.wait_closed()
