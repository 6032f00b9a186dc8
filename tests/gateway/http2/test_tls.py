# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The same calls over TLS: whom a channel trusts, who it says it is, and what it makes of others."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certificates import Authority
from gateway.http2.calls import LIMIT, Handler, ask, failure, run
from ombud_gateway.http2 import Channel, tls_context

UNREACHED = ("UNAVAILABLE", "the server cannot be reached", False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make certificates: of two servers, a client, and one that another authority vouches for."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority.make(folder, "authority"), Authority.make(folder, "other")
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    authority.issue("server", {NameOID.COMMON_NAME: "models"}, loopback, x509.DNSName("models"))
    authority.issue("named", {NameOID.COMMON_NAME: "models"}, x509.DNSName("models"))
    authority.issue("client", {NameOID.COMMON_NAME: "gateway"})
    other.issue("foreign", {NameOID.COMMON_NAME: "gateway"})
    return folder


async def _who(_body: bytes, context: Any) -> bytes:
    names = context.auth_context().get("x509_common_name", [b"nobody"])
    return bytes(names[0])


@asynccontextmanager
async def tls_server(folder: Path, name: str, *, mutual: bool = False) -> AsyncIterator[str]:
    """Serve with a certificate; yields the address."""
    pair = ((folder / f"{name}.key").read_bytes(), (folder / f"{name}.pem").read_bytes())
    authority = (folder / "authority.pem").read_bytes() if mutual else None
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(_who),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair], authority, mutual))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def _channel(address: str, folder: Path, client: str = "", **how: Any) -> Channel:
    pair = [folder / f"{client}.{kind}" if client else None for kind in ("pem", "key")]
    return Channel(address, LIMIT, tls_context(how.pop("ca", folder / "authority.pem"), *pair), **how)


def test_server_and_client_know_each_other(folder: Path) -> None:
    """By address, by a name that was given, and both ways."""

    async def work() -> None:
        async with tls_server(folder, "server", mutual=True) as address:
            channel = _channel(address, folder, "client")
            assert await ask(channel) == b"gateway"
            await channel.close()
        async with tls_server(folder, "named") as address:
            channel = _channel(address, folder, server_name="models")
            assert await ask(channel) == b"nobody"
            await channel.close()

    run(work)


def test_strangers_are_not_spoken_to(folder: Path) -> None:
    """An unknown authority, a wrong name, a client without the right certificate: nothing is sent."""

    async def work() -> None:
        async with tls_server(folder, "server") as address:
            for channel in (
                _channel(address, folder, ca=folder / "other.pem"),
                _channel(address, folder, server_name="elsewhere"),
            ):
                assert await failure(channel) == UNREACHED
                await channel.close()
        async with tls_server(folder, "server", mutual=True) as address:
            for client in ("", "foreign"):
                channel = _channel(address, folder, client)
                assert (await failure(channel))[0] == "UNAVAILABLE"
                await channel.close()

    run(work)


def test_a_tls_server_without_http2_is_not_reached(folder: Path) -> None:
    """It must agree to HTTP/2 in the handshake."""

    async def work() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        channel = _channel(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", folder)
        assert await failure(channel) == UNREACHED
        await channel.close()
        server.close()
        await server.wait_closed()

    run(work)
