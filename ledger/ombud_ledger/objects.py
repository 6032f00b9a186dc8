# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Content-addressed objects beside the logs: bundles, contracts, entity snapshots, by SHA-256."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from ombud_ledger.durable import Durable, store
from ombud_ledger.errors import LedgerBroken, LedgerUnavailable, ObjectMissing

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Objects:
    """Store and fetch immutable objects under `folder`, each in a file named by its SHA-256."""

    def __init__(self, folder: Path, durable: Durable) -> None:
        self._folder = folder
        self._durable = durable

    def put(self, data: bytes) -> str:
        """Return the digest of `data`, durable in the store. Raises LedgerUnavailable."""
        digest = sha256(data).hexdigest()
        path = self._folder / digest
        # A short file left by a power cut must not pass for the object: existence alone is never trusted.
        try:
            if path.is_file() and sha256(path.read_bytes()).hexdigest() == digest:
                return digest
            store(path, data, self._durable, "object")
        except OSError as error:
            raise LedgerUnavailable(f"object {digest[:16]} could not be stored: {error}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Return the object. Raises ObjectMissing, or LedgerBroken if the stored bytes have another hash."""
        if not _DIGEST.fullmatch(digest):
            raise ObjectMissing(f"{digest[:80]!r} is not a SHA-256 in lower-case hex")
        try:
            data = (self._folder / digest).read_bytes()
        except FileNotFoundError as error:
            raise ObjectMissing(f"object {digest} is not in {self._folder.name}/") from error
        if sha256(data).hexdigest() != digest:
            raise LedgerBroken(f"object {digest}: stored bytes hash to something else")
        return data
