# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server with bounds: so many clients at once, so long a wait, no more of a body than was agreed."""

import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, socket
from typing import Any, ClassVar, Final

_LOG: Final = logging.getLogger(__name__)
MOST_PATH: Final = 200
_MOST_CLIENTS: Final = 64
_SECONDS: Final = 10.0  # a client may keep us waiting


class BoundedServer(ThreadingHTTPServer):
    """`serve_forever` until `shutdown`. At most so many clients at once."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: "type[BoundedHandler]") -> None:
        if ":" in address[0]:
            self.address_family = AF_INET6
        self._free = threading.BoundedSemaphore(_MOST_CLIENTS)
        super().__init__(address, handler)

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


class BoundedHandler(BaseHTTPRequestHandler):
    """Answers one client."""

    server_version = "ombud"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = _SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log at a level that a flood does not fill disks at."""
        _LOG.debug("%s " + format, self.address_string(), *args)

    def read_body(self, most: int) -> bytes | None:
        """Return a body of at most so many bytes; None if that was refused, and answered, already."""
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            status, why = HTTPStatus.LENGTH_REQUIRED, "a Content-Length is required"
        elif len(length) > 9 or int(length) > most:
            status, why = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body of at most {most} bytes is read"
        else:
            data = self.rfile.read(int(length))
            if len(data) == int(length):
                return data
            status, why = HTTPStatus.BAD_REQUEST, "the body ends early"
        self.close_connection = True  # what follows is a body that was not read
        self.send(status, f"{why}\n".encode(), "text/plain; charset=utf-8", "no-store")
        return None

    def send(self, status: HTTPStatus, data: bytes, kind: str, caching: str, *, body: bool = True) -> None:
        """Answer, or with `body` false say only what the answer would be."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", caching)
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(data)
