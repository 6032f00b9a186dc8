# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Held answers at rest: AES-256-GCM under a key file that only the gateway reads (NIST SP 800-38D)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ombud_gateway.errors import Broken

_NONCE = 12


class ParkedAnswers:
    """Seals and opens answers, each bound to the id of its review."""

    def __init__(self, key: bytes, randomness: Callable[[int], bytes] = os.urandom) -> None:
        if len(key) != 32:
            raise ValueError(f"review key: got {len(key)} bytes, expected 32")
        self._cipher = AESGCM(key)
        self._randomness = randomness

    def __repr__(self) -> str:
        return "ParkedAnswers(key withheld)"

    def seal(self, review: str, answer: bytes) -> bytes:
        """Return nonce and ciphertext of an answer."""
        nonce = self._randomness(_NONCE)
        return nonce + self._cipher.encrypt(nonce, answer, review.encode())

    def open(self, review: str, sealed: bytes) -> bytes:
        """Return the answer; raise `Broken` where it is not what was sealed for this review."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], review.encode())
        except (InvalidTag, ValueError) as error:
            raise Broken("REVIEW_BROKEN", "the held answer cannot be opened") from error


def key_from_file(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> bytes:
    """Read a 32-byte key, making the file (mode 0600) where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(randomness(32))
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()
