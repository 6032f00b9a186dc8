# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Serve what logs published over HTTP, read-only: what an auditor's tools and mirrors read (C2SP tlog-tiles).

    /<log>/checkpoint    /<log>/tile/<L>/<N>[.p/<W>]    /<log>/tile/entries/<N>[.p/<W>]

No path reaches the file system: a request names a log that there is, and a tile by its numbers.
"""

import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, socket
from typing import Any, ClassVar, Final

from ombud_ledger.errors import LedgerError, LedgerUnreadable, NotProven
from ombud_ledger.layout import log_layout, log_names
from ombud_ledger.tlog.published import Published
from ombud_ledger.tlog.tiles import parse_path

_LOG: Final = logging.getLogger(__name__)
_MOST_PATH: Final = 200
_MOST_CLIENTS: Final = 64
_SECONDS: Final = 10.0  # a client may keep us waiting
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_FRESH: Final = "no-cache"


class TileServer(ThreadingHTTPServer):
    """Serves the logs under `root`; `serve_forever` until `shutdown`. At most so many clients at once."""

    daemon_threads = True

    def __init__(self, root: Path, address: tuple[str, int], only: str | None = None) -> None:
        self.root = root
        self.only = only
        if ":" in address[0]:
            self.address_family = AF_INET6
        self._free = threading.BoundedSemaphore(_MOST_CLIENTS)
        super().__init__(address, _Handler)

    def published(self, log: str) -> Published | None:
        """Return what a log published, None where there is no such log."""
        if log not in log_names(self.root) or self.only not in (None, log):
            return None
        return Published(log_layout(self.root, log))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, unless there are too many: then hang up."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Make room again when done."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say that a client went away; that is no error of ours."""
        del request
        _LOG.info("client %s: gone", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: TileServer
    server_version = "ombud"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = _SECONDS

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        _LOG.debug("%s " + format, self.address_string(), *args)

    def _answer(self, *, body: bool) -> None:
        try:
            found = self._find()
        except (NotProven, LedgerUnreadable) as error:
            _LOG.debug("not found: %s", error)
            found = None
        except (LedgerError, OSError) as error:
            _LOG.warning("cannot answer %s: %r", self.path[:_MOST_PATH], error)
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"", "text/plain", _FRESH, body=body)
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain", _FRESH, body=body)
        else:
            self._send(HTTPStatus.OK, *found, body=body)

    def _find(self) -> tuple[bytes, str, str] | None:
        log, slash, rest = self.path[:_MOST_PATH].removeprefix("/").partition("/")
        published = self.server.published(log) if slash else None
        if published is None:
            return None
        if rest == "checkpoint":
            return published.checkpoint().note.to_bytes(), "text/plain; charset=utf-8", _FRESH
        try:
            tile = parse_path(rest)
        except ValueError:
            return None
        return published.tile(tile), "application/octet-stream", _IMMUTABLE

    def _send(self, status: HTTPStatus, data: bytes, kind: str, caching: str, *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", caching)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if body:
            self.wfile.write(data)
