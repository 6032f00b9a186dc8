# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Calls over our own HTTP/2, and what answers them: gRPC's own server, or a peer as told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
import uvloop

from gateway.http2.server import DONE, OK, Peer, Request
from ombud_gateway.errors import GRPC_CODES, UpstreamFailed
from ombud_gateway.http2 import Channel

SECONDS = 10.0
LIMIT = 8 * 2**20
PATH = "/a.Service/Method"


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run on both event loops that a gateway may have."""
    asyncio.run(work())  # type: ignore[arg-type]
    uvloop.run(work())  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def opened(address: str, limit: int = LIMIT) -> AsyncIterator[Channel]:
    """Give a channel."""
    channel = Channel(address, limit)
    try:
        yield channel
    finally:
        await channel.close()


async def ask(channel: Channel, body: bytes = b"ask", **how: Any) -> bytes:
    """Call, and return the body of the reply."""
    return (await channel.unary(PATH, body, **{"seconds": SECONDS, **how})).body


async def failure(channel: Channel, body: bytes = b"ask", **how: Any) -> tuple[str, str, bool]:
    """Call, and return code, message and whether the server was reached."""
    with pytest.raises(UpstreamFailed) as raised:
        await ask(channel, body, **how)
    return GRPC_CODES[raised.value.code], raised.value.message, raised.value.reached


class Handler(grpc.GenericRpcHandler):
    """One method, for gRPC's own server."""

    def __init__(self, method: Callable[[bytes, Any], Awaitable[bytes]]) -> None:
        self._method = method

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        known = handler_call_details.method == PATH
        return grpc.unary_unary_rpc_method_handler(self._method) if known else None


@contextlib.asynccontextmanager
async def grpc_server(method: Callable[[bytes, Any], Awaitable[bytes]]) -> AsyncIterator[str]:
    """Serve one method with gRPC's own server; yields its address."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((Handler(method),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def echo(peer: Peer, request: Request) -> None:
    """Answer with the message that was asked."""
    peer.reply(request, bytes(request.body[5:]))


def respond(*blocks: tuple[list[tuple[str, str]], bytes, bool]) -> Callable[[Peer, Request], None]:
    """Answer with headers and data, block by block; those that say so end the stream."""

    def act(peer: Peer, request: Request) -> None:
        for headers, data, end in blocks:
            if headers:
                peer.http.send_headers(request.stream, headers, end_stream=end and not data)
            if data:
                peer.http.send_data(request.stream, data, end_stream=end)

    return act


def packed(encoding: str, data: bytes) -> Callable[[Peer, Request], None]:
    """Answer with data that is said to be encoded so."""
    return respond(([*OK, ("grpc-encoding", encoding)], data, False), (DONE, b"", True))
