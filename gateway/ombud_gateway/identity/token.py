# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens: `ombud_<id>_<secret>`. The secret is 32 random bytes; only its SHA-256 is kept.

A plain hash suffices: there is nothing to guess in 256 random bits, so no slow password hash is needed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ombud_gateway.identity.principal import Principal

_TEXT = re.compile(r"ombud_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its file keeps it: without the secret."""

    id: str
    principal: Principal
    created: datetime
    expires: datetime | None = None
    note: str = ""
    sha256: bytes = field(default=_NOBODY, repr=False)

    def expired(self, now: datetime) -> bool:
        """Tell whether the token has run out."""
        return self.expires is not None and now >= self.expires


def draw(randomness: Callable[[int], bytes]) -> tuple[str, str, bytes]:
    """Draw a new token: its id, its text and the hash of its secret."""
    token_id = randomness(8).hex()
    secret = base64.urlsafe_b64encode(randomness(32)).rstrip(b"=").decode()
    return token_id, f"ombud_{token_id}_{secret}", _hash(secret)


def parse(text: str) -> tuple[str, str] | None:
    """Split a token into id and secret; None if it is not a token of ours."""
    match = _TEXT.fullmatch(text)
    return None if match is None else (match[1], match[2])


def matches(token: Token | None, secret: str) -> bool:
    """Compare in constant time; an unknown token costs the same as a wrong secret."""
    expected = _NOBODY if token is None else token.sha256
    return hmac.compare_digest(_hash(secret), expected) and token is not None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
