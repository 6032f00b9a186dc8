# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where a command's HTTP server listens, and serving there until the command is stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from socketserver import BaseServer
from typing import Annotated, Any

import typer

from ombud_cli.failure import unusable

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Listen = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen.")]
Plaintext = Annotated[
    bool, typer.Option("--plaintext", help="Listen beyond this host, readable to the network between.")
]


def listening_address(listen: str, *, plaintext: bool) -> tuple[str, int]:
    """Return host and port; beyond this host only with `plaintext`. Raises `Failure`."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise unusable(f"--listen: is {listen!r}, must be HOST:PORT")
    host = host.strip("[]")
    if host not in _LOOPBACK and not plaintext:
        raise unusable(f"--listen: {listen} is beyond this host: put TLS in front of it, or give --plaintext")
    return host, int(port)


def serve_until_stopped(make: Callable[[], BaseServer], listen: str, what: str) -> None:
    """Make a server and let it serve; say on stderr what it serves, and on which port. Raises `Failure`."""
    try:
        server = make()
    except OSError as error:
        raise unusable(f"--listen: {listen}: {error.strerror or error}") from error
    with server:
        address: Any = server.server_address
        print(f"{what} on {address[0]}:{address[1]}", file=sys.stderr, flush=True)
        server.serve_forever()
