# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A witness over HTTP, for logs and for everybody else.

POST /add-checkpoint    GET /<hex SHA-256 of the origin>/checkpoint
"""

import logging
import sqlite3
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from ombud_ledger.errors import LedgerError
from ombud_ledger.tlog.add_checkpoint import MOST_REQUEST, PATH
from ombud_ledger.tlog.bounded import MOST_PATH, BoundedHandler, BoundedServer
from ombud_ledger.tlog.witness import TEXT, Answer, Witness

_LOG: Final = logging.getLogger(__name__)


class WitnessServer(BoundedServer):
    """Serves one witness; `serve_forever` until `shutdown`."""

    def __init__(self, witness: Witness, address: tuple[str, int]) -> None:
        self.witness = witness
        self.paths = {f"/{sha256(each.encode()).hexdigest()}/checkpoint": each for each in witness.origins}
        super().__init__(address, _Handler)


class _Handler(BoundedHandler):
    server: WitnessServer

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        self._show(body=True)

    def do_HEAD(self) -> None:  # noqa: N802 - the base class's name
        self._show(body=False)

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        body = self.read_body(MOST_REQUEST)
        if body is None:
            return
        answer = Answer(HTTPStatus.NOT_FOUND, f"POST {PATH} is all there is\n".encode())
        if self.path == PATH:
            try:
                answer = self.server.witness.add_checkpoint(body)
            except (LedgerError, sqlite3.Error, OSError) as error:
                _LOG.error("cannot answer: %r", error)
                answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"the witness cannot remember\n")
        self.send(answer.status, answer.body, answer.kind, "no-store")

    def _show(self, *, body: bool) -> None:
        origin = self.server.paths.get(self.path[:MOST_PATH])
        try:
            note = None if origin is None else self.server.witness.checkpoint(origin)
        except sqlite3.Error as error:
            _LOG.error("cannot answer: %r", error)
            self.send(HTTPStatus.INTERNAL_SERVER_ERROR, b"", TEXT, "no-cache", body=body)
            return
        status = HTTPStatus.NOT_FOUND if note is None else HTTPStatus.OK
        self.send(status, note or b"", TEXT, "no-cache", body=body)
