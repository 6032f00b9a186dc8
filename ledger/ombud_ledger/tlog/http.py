# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Serve what logs published over HTTP, read-only: what an auditor's tools and mirrors read (C2SP tlog-tiles).

    /<log>/checkpoint    /<log>/cosigned    /<log>/tile/<L>/<N>[.p/<W>]    /<log>/tile/entries/<N>[.p/<W>]

No path reaches the file system: a request names a log that there is, and a tile by its numbers.
"""

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Final

from ombud_ledger.errors import LedgerError, LedgerUnreadable, NotProven
from ombud_ledger.place import Place, place_of
from ombud_ledger.tlog.bounded import MOST_PATH, BoundedHandler, BoundedServer
from ombud_ledger.tlog.published import Published
from ombud_ledger.tlog.tiles import parse_path

_LOG: Final = logging.getLogger(__name__)
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_FRESH: Final = "no-cache"


class TileServer(BoundedServer):
    """Serves the logs of a ledger; `serve_forever` until `shutdown`."""

    def __init__(self, root: Path | Place, address: tuple[str, int], only: str | None = None) -> None:
        self.place = place_of(root)
        self.only = only
        super().__init__(address, _Handler)

    def published(self, log: str) -> Published | None:
        """Return what a log published, None where there is no such log."""
        if log not in self.place.logs() or self.only not in (None, log):
            return None
        return Published(self.place.layout(log))


class _Handler(BoundedHandler):
    server: TileServer

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        self._answer(body=True)

    def do_HEAD(self) -> None:  # noqa: N802 - the base class's name
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        try:
            found = self._find()
        except (NotProven, LedgerUnreadable) as error:
            _LOG.debug("not found: %s", error)
            found = None
        except (LedgerError, OSError) as error:
            _LOG.warning("cannot answer %s: %r", self.path[:MOST_PATH], error)
            self.send(HTTPStatus.INTERNAL_SERVER_ERROR, b"", "text/plain", _FRESH, body=body)
            return
        if found is None:
            self.send(HTTPStatus.NOT_FOUND, b"", "text/plain", _FRESH, body=body)
        else:
            self.send(HTTPStatus.OK, *found, body=body)

    def _find(self) -> tuple[bytes, str, str] | None:
        log, slash, rest = self.path[:MOST_PATH].removeprefix("/").partition("/")
        published = self.server.published(log) if slash else None
        if published is None:
            return None
        if rest == "checkpoint":
            return published.checkpoint().note.to_bytes(), "text/plain; charset=utf-8", _FRESH
        if rest == "cosigned":
            cosigned = published.cosigned()
            note = None if cosigned is None else cosigned.note.to_bytes()
            return None if note is None else (note, "text/plain; charset=utf-8", _FRESH)
        try:
            tile = parse_path(rest)
        except ValueError:
            return None
        return published.tile(tile), "application/octet-stream", _IMMUTABLE
