# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Unary calls to one address: connects when first asked, and again when a connection is lost."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ombud_gateway.call import Metadata
from ombud_gateway.errors import UpstreamFailed
from ombud_gateway.http2 import status
from ombud_gateway.http2.connection import DEADLINE_TEXT, Connection, NotProcessed, Reply
from ombud_gateway.http2.heads import metadata_block, request_prefix, timeout_block

_LOG = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 20.0
_FIRST_BACKOFF: Final = 0.2
_MOST_BACKOFF: Final = 2.0
_SILENCE_MS: Final = 20_000
"""How long what we sent may go unacknowledged by the peer's host before the connection counts as lost."""
_TRIES: Final = 3
_MOST_CONNECTIONS: Final = 64
"""A server that takes few calls at a time on each is given more of them, to here."""
_AGENT: Final = f"ombud/{version('ombud')}"


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return what a channel needs to speak TLS: whom it trusts (None: this host's authorities), who it is.

    Raises OSError, ssl.SSLError among them, for files that cannot be used.
    """
    context = ssl.create_default_context(cafile=ca)
    # Alike on every Python: from 3.13 on, authorities without a key identifier would be refused.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2"])
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


class Channel:
    """Calls of one gRPC server at `host:port`, over TLS where `context` is given; of the running event loop.

    A call waits while a connection is being made. Where none could be made, calls fail at once for a moment.
    """

    def __init__(
        self,
        address: str,
        message_bytes: int,
        context: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._authority = server_name or address
        self._message_bytes = message_bytes
        self._context = context
        self._server_name = server_name or self._host
        self._prefixes: dict[str, bytes] = {}
        self._connections: list[Connection] = []
        self._connecting: asyncio.Task[None] | None = None
        self._backoff = 0.0
        self._not_before = 0.0
        self._closed = False

    async def unary(self, path: str, body: bytes, *, metadata: Metadata = (), seconds: float) -> Reply:
        """Return the reply of `/package.Service/Method` within `seconds`. Raises UpstreamFailed."""
        end = self._loop.time() + seconds
        try:
            fixed = self._prefix(path) + metadata_block(metadata)
        except ValueError as error:
            raise UpstreamFailed(status.INTERNAL, str(error)) from None
        for _ in range(_TRIES):
            while (connection := self._usable()) is None:
                await self._connect(end - self._loop.time())
            left = end - self._loop.time()
            number, answered = connection.begin(fixed + timeout_block(left), body, left)
            try:
                return await answered
            except NotProcessed:
                continue
            except asyncio.CancelledError:
                connection.abandon(number)
                raise
        raise UpstreamFailed(status.UNAVAILABLE, "the server refuses calls")

    async def close(self) -> None:
        """End every connection; calls under way are cancelled."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        for connection in list(self._connections):
            connection.close()

    def _prefix(self, path: str) -> bytes:
        prefix = self._prefixes.get(path)
        if prefix is None:
            secure = self._context is not None
            prefix = self._prefixes[path] = request_prefix(path, self._authority, _AGENT, secure=secure)
        return prefix

    def _usable(self) -> Connection | None:
        for each in self._connections:
            if each.usable and not each.full:
                return each
        return None

    async def _connect(self, seconds: float) -> None:
        """Wait for a connection that is being made, by whomever. Raises UpstreamFailed."""
        if self._closed:
            raise UpstreamFailed(status.CANCELLED, "the gateway is closing")
        if len(self._connections) >= _MOST_CONNECTIONS:
            raise UpstreamFailed(
                status.UNAVAILABLE, "the server takes no more calls at a time", reached=False
            )
        if self._connecting is None:
            if self._loop.time() < self._not_before:
                raise _unreachable()
            self._connecting = self._loop.create_task(self._open())
            self._connecting.add_done_callback(self._opened)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._connecting)
        except TimeoutError:
            raise UpstreamFailed(status.DEADLINE_EXCEEDED, DEADLINE_TEXT, reached=False) from None

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # whoever waits has it

    async def _open(self) -> None:
        connection = Connection(self._message_bytes, self._forget)
        self._connections.append(connection)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                transport, _ = await self._loop.create_connection(
                    lambda: connection,
                    self._host,
                    self._port,
                    ssl=self._context,
                    server_hostname=self._server_name if self._context else None,
                )
                _notice_silence(transport.get_extra_info("socket"))
                tls = transport.get_extra_info("ssl_object")
                if tls is not None and tls.selected_alpn_protocol() != "h2":
                    raise ssl.SSLError("it does not speak HTTP/2")
                await connection.ready()
        except (OSError, TimeoutError, UpstreamFailed) as error:
            connection.close()
            _LOG.warning("upstream %s cannot be reached: %s", self._authority, error or "it is silent")
            raise _unreachable() from None
        except BaseException:
            connection.close()
            raise

    def _forget(self, connection: Connection) -> None:
        self._connections.remove(connection)
        if connection.used:
            self._backoff = 0.0
        else:  # it never came, or came and went: trying again at once would be for ever
            self._backoff = min(max(2 * self._backoff, _FIRST_BACKOFF), _MOST_BACKOFF)
            self._not_before = self._loop.time() + self._backoff


def _unreachable() -> UpstreamFailed:
    return UpstreamFailed(status.UNAVAILABLE, "the server cannot be reached", reached=False)


def _notice_silence(sock: socket.socket) -> None:
    """Let the kernel end a connection whose other end is silent: no packet says that a host is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 30),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", _SILENCE_MS),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
