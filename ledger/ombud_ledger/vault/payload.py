# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A payload: the request and response bytes of one call, and the one way to lay them side by side."""

import re
from dataclasses import dataclass
from typing import Final

from ombud_ledger.errors import LedgerBroken, RecordInvalid

MAX_PAYLOAD: Final = 64 * 1024 * 1024
PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")
_REQUEST: Final = b"\x01"
_BOTH: Final = b"\x02"
_LENGTH: Final = 4
_HEAD: Final = 1 + _LENGTH


@dataclass(frozen=True, slots=True)
class Payload:
    """What a call carried. `subject` is the pseudonym of whom it is about, None if that is not known."""

    subject: str | None
    request: bytes
    response: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of request and response."""
        return len(self.request) + len(self.response or b"")

    def encode(self) -> bytes:
        """Return the bytes that are encrypted (FORMAT.md, "Payloads"). Raises RecordInvalid."""
        check_pseudonym("payload", self.subject)
        if self.size > MAX_PAYLOAD:
            raise RecordInvalid(f"payload: {self.size} bytes, at most {MAX_PAYLOAD} allowed")
        head = (_REQUEST if self.response is None else _BOTH) + len(self.request).to_bytes(_LENGTH, "big")
        return b"".join((head, self.request, self.response or b""))


def decode(subject: str | None, data: bytes) -> Payload:
    """Return the payload that these bytes, decrypted, hold. Raises LedgerBroken."""
    end = _HEAD + int.from_bytes(data[1:_HEAD], "big")
    if len(data) < _HEAD or data[:1] not in (_REQUEST, _BOTH) or end > len(data):
        raise LedgerBroken("a payload is not laid out as the format says")
    if data[:1] == _REQUEST and end != len(data):
        raise LedgerBroken("a payload without response goes on after its request")
    return Payload(subject, data[_HEAD:end], None if data[:1] == _REQUEST else data[end:])


def check_pseudonym(where: str, subject: str | None) -> None:
    """Raise RecordInvalid for a subject that is no pseudonym: it could be a person's own identifier."""
    if subject is not None and not PSEUDONYM.fullmatch(subject):
        raise RecordInvalid(
            f"{where}: subject must be a pseudonym of 32 hex digits, as Vault.pseudonym gives"
        )
