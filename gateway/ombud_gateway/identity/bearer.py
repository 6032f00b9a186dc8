# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Who holds a bearer token, from a token file that may change while the gateway runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ombud_gateway.errors import Unavailable
from ombud_gateway.identity.principal import Principal, malformed, rejected
from ombud_gateway.identity.token import Token, matches, parse
from ombud_gateway.identity.token_file import TokenFileInvalid, read_tokens

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0

_Version = tuple[int, int, int, int] | None


class Bearer:
    """Verifies tokens; looks at most once a second whether their file has changed.

    A file that cannot be trusted closes the door (`Unavailable`) until it is mended: going on with the tokens
    it held before would keep a revoked one alive.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._monotonic = monotonic
        self._version = _version(path)
        self._tokens: dict[str, Token] | None = read_tokens(path)
        self._looked = monotonic()

    def principal(self, authorization: str) -> Principal:
        """Return whose token it is; raise `Unauthenticated`, or `Unavailable` if the file cannot be read."""
        scheme, _, text = authorization.partition(" ")
        parsed = parse(text.strip()) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise malformed()
        tokens = self._current()
        token = tokens.get(parsed[0])
        if not matches(token, parsed[1]) or token is None or token.expired(self._clock()):
            raise rejected()
        return token.principal

    def _current(self) -> dict[str, Token]:
        now = self._monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            version = _version(self._path)
            if version != self._version or self._tokens is None:
                self._reload(version)
        if self._tokens is None:
            raise Unavailable("UNAVAILABLE", "identities cannot be checked now")
        return self._tokens

    def _reload(self, version: _Version) -> None:
        try:
            self._tokens = read_tokens(self._path)
        except TokenFileInvalid as error:
            if version != self._version:
                _LOG.error("no token is accepted until the token file is mended: %s", error)
            self._tokens = None
        # Taken before reading: a file replaced in between is read again at the next look.
        self._version = version


def _version(path: Path) -> _Version:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode
