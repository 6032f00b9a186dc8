# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Unary calls over our own HTTP/2, against a server that breaks HTTP/2, or gRPC, as told."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from gateway.http2.calls import LIMIT, ask, echo, failure, opened, packed, respond, run
from gateway.http2.server import DONE, OK, Peer, Request, message, serving
from ombud_gateway.http2 import frames


@pytest.mark.parametrize(
    ("act", "code", "text"),
    [
        (respond(([(":status", "404")], b"", True)), "UNIMPLEMENTED", "HTTP status 404"),
        (respond(([(":status", "503")], b"sorry", True)), "UNAVAILABLE", "HTTP status 503"),
        (
            respond(([(":status", "200"), ("content-type", "text/html")], b"<p>", True)),
            "UNKNOWN",
            "text/html",
        ),
        (respond((OK, message(b"x"), True)), "INTERNAL", "no status"),
        (respond(([*OK, ("grpc-status", "0")], b"", True)), "INTERNAL", "no whole message"),
        (respond((OK, message(b"x")[:-1], False), (DONE, b"", True)), "INTERNAL", "no whole message"),
        (respond((OK, message(b"x") * 2, False), (DONE, b"", True)), "INTERNAL", "more than one message"),
        (respond((OK, b"\x01" + message(b"x")[1:], False), (DONE, b"", True)), "INTERNAL", "compressed"),
        (respond(([*OK, ("grpc-encoding", "br")], b"", False), (DONE, b"", True)), "INTERNAL", "br"),
        (packed("gzip", b"\x01" + message(bytes(20))[1:]), "INTERNAL", "no gzip"),
        (packed("gzip", b"\x01" + message(gzip.compress(b"x")[:-9])[1:]), "INTERNAL", "middle of its gzip"),
        (
            packed("gzip", b"\x01" + message(gzip.compress(bytes(LIMIT + 1)))[1:]),
            "RESOURCE_EXHAUSTED",
            "more",
        ),
        (packed("deflate", b"\x02" + message(zlib.compress(b"x"))[1:]), "INTERNAL", "does not say how"),
        (respond((OK, message(b"x"), False), ([("grpc-status", "99")], b"", True)), "UNKNOWN", ""),
        (respond((OK, message(b"x"), False), ([("grpc-status", "x")], b"", True)), "INTERNAL", "no number"),
        (respond((OK, message(b"x"), False), ([("a", "b")], b"", True)), "UNKNOWN", "no status"),
        (respond(([*OK, ("a-bin", "$$")], b"", False), (DONE, b"", True)), "INTERNAL", "base64"),
    ],
)
def test_what_is_no_reply_fails_one_call(act: Callable[[Peer, Request], None], code: str, text: str) -> None:
    """It says what is wrong, and the connection goes on with other calls."""

    def both(peer: Peer, request: Request) -> None:
        (echo if request.body[5:] == b"well" else act)(peer, request)

    async def work() -> None:
        async with serving(both) as server, opened(server.address) as channel:
            told = await failure(channel)
            assert (told[0], text in told[1]) == (code, True), told
            assert await ask(channel, b"well") == b"well"
            assert len(server.peers) == 1

    run(work)


SETTINGS = frames.settings({})
BEGUN = frames.head(0, frames.HEADERS, 0, 1)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frames.head(20_000, frames.DATA, 0, 1), frames.FRAME_SIZE_ERROR),
        (frames.head(1, frames.DATA, 0, 0) + b"x", frames.PROTOCOL_ERROR),
        (frames.head(1, frames.HEADERS, frames.END_HEADERS, 1) + b"\xbe", frames.COMPRESSION_ERROR),
        (frames.head(1, frames.HEADERS, frames.END_HEADERS, 8) + b"\x88", frames.PROTOCOL_ERROR),
        (frames.head(1, frames.HEADERS, frames.END_HEADERS, 99) + b"\x88", frames.PROTOCOL_ERROR),
        (frames.head(0, frames.HEADERS, 0, 1) + frames.head(0, frames.PING, 0, 0), frames.PROTOCOL_ERROR),
        (
            frames.head(0, frames.HEADERS, 0, 1) + frames.head(0, frames.CONTINUATION, 0, 1),
            frames.ENHANCE_YOUR_CALM,
        ),
        (frames.head(0, frames.CONTINUATION, 0, 1), frames.PROTOCOL_ERROR),
        (frames.head(2, frames.DATA, frames.PADDED, 1) + b"\x09x", frames.PROTOCOL_ERROR),
        (frames.head(3, frames.SETTINGS, 0, 0) + b"abc", frames.FRAME_SIZE_ERROR),
        (frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31}), frames.FLOW_CONTROL_ERROR),
        (frames.settings({frames.MAX_FRAME_SIZE: 1}), frames.PROTOCOL_ERROR),
        (frames.window_update(0, 2**31 - 1), frames.FLOW_CONTROL_ERROR),
        (frames.head(1, frames.PING, 0, 0) + b"x", frames.FRAME_SIZE_ERROR),
        (frames.head(4, frames.PUSH_PROMISE, 0, 1) + b"\0\0\0\2", frames.PROTOCOL_ERROR),
        (frames.rst_stream(0, 8), frames.PROTOCOL_ERROR),
    ],
)
def test_a_broken_peer_is_told_and_left(sent: bytes, code: int) -> None:
    """HTTP/2's own error goes out, calls under way fail, and the next call finds a new connection."""

    def act(peer: Peer, request: Request) -> None:
        if request.body[5:] == b"well":
            echo(peer, request)
        else:
            peer.raw(sent)

    async def work() -> None:
        async with serving(act) as server, opened(server.address) as channel:
            assert (await failure(channel))[:2] == ("UNAVAILABLE", "the server broke HTTP/2")
            assert await ask(channel, b"well") == b"well"
            assert (server.goaways, len(server.peers)) == ([code], 2)

    run(work)


def test_a_peer_that_is_no_http2_server_is_not_reached() -> None:
    """One that says something else, and one that says nothing until the deadline."""

    class Nonsense(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2_000)

    class Silent(asyncio.Protocol):
        pass

    async def work() -> None:
        for kind, code in ((Nonsense, "UNAVAILABLE"), (Silent, "DEADLINE_EXCEEDED")):
            server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0)
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with opened(address) as channel:
                assert (await failure(channel, seconds=0.5))[::2] == (code, False)
            server.close()
            await server.wait_closed()

    run(work)
