# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A witness (C2SP tlog-witness): cosigns a log's checkpoint only if it extends all that it cosigned before.

So whoever demands its cosignature cannot be shown another log than everybody else. It knows the logs by
configuration alone, and believes nothing that is not proven.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from ombud_ledger.errors import KeyUnusable, LedgerUnreadable, NotProven
from ombud_ledger.tlog.add_checkpoint import SIZE_TYPE, parse_add_checkpoint
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.cosignature import cosign, demand_witness
from ombud_ledger.tlog.merkle import verify_consistency
from ombud_ledger.tlog.note import ED25519, Note, Signer, VerifierKey
from ombud_ledger.tlog.witness_memory import Seen, WitnessMemory

_LOG: Final = logging.getLogger(__name__)
TEXT: Final = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What a witness answers: an HTTP status, a body, and the body's type."""

    status: HTTPStatus
    body: bytes
    kind: str = TEXT


class Witness:
    """Answers for the logs whose keys it was given; any thread may ask."""

    def __init__(
        self,
        memory: WitnessMemory,
        signers: Sequence[Signer],
        logs: Sequence[VerifierKey],
        clock: Callable[[], int],
    ) -> None:
        """Take `clock` for seconds since the epoch; several keys of one log rotate. Raises KeyUnusable."""
        for signer in signers:
            demand_witness(signer.key)
        for key in logs:
            if key.kind != ED25519:
                raise KeyUnusable(f"key {key} is no log's: its type must be {ED25519:#04x}")
        self._memory = memory
        self._signers = tuple(signers)
        self._logs = tuple(logs)
        self._clock = clock

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs that it knows."""
        return tuple(dict.fromkeys(key.name for key in self._logs))

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a log that asks for a cosignature. Raises sqlite3.Error, KeyUnusable, LedgerUnreadable."""
        # 1. A well-formed request, of a log that is known.
        try:
            request = parse_add_checkpoint(body)
            signed = parse_checkpoint(request.checkpoint)
        except LedgerUnreadable as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        origin, new = signed.checkpoint.origin, Seen(signed.checkpoint.size, signed.checkpoint.root)
        keys = [key for key in self._logs if key.name == origin]
        if not keys:
            return _refusal(HTTPStatus.NOT_FOUND, f"no log {origin[:80]!r} is known here")
        # 2. Signed by the log: from here on, what is refused is the log's own doing.
        try:
            signed.verify(keys)
        except NotProven as error:
            return _refusal(HTTPStatus.FORBIDDEN, str(error))
        if request.old > new.size:
            return _refusal(HTTPStatus.BAD_REQUEST, f"old {request.old} is more than the size, {new.size}")
        # 3. From the size that was cosigned last: the log may have missed that one, and is told.
        old = self._memory.seen(origin)
        if request.old != old.size:
            return _conflict(old)
        # 4. An extension of it.
        try:
            verify_consistency(old.size, old.root, new.size, new.root, request.proof)
        except NotProven as error:
            # The proof may just be wrong; a log that was forked has no other to give. Keep what it signed.
            _LOG.error(
                "log %s: from size %d to %d: %s; it signed:\n%s",
                origin,
                old.size,
                new.size,
                error,
                request.checkpoint.decode(errors="backslashreplace"),
            )
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        # 5. Remember it: durable before it is signed. A crash after this has cosigned nothing; the log asks
        #    again and is told the size. If another request came between, nothing is signed either.
        if not self._memory.advance(origin, old, new):
            return _conflict(self._memory.seen(origin))
        # 6. Cosign, keep the note for readers, answer.
        return Answer(HTTPStatus.OK, self._cosign(origin, new, signed, keys))

    def checkpoint(self, origin: str) -> bytes | None:
        """Return the newest checkpoint of a log that it cosigned, None if none. Raises sqlite3.Error."""
        return self._memory.note(origin)

    def _cosign(self, origin: str, seen: Seen, signed: Signed, keys: Sequence[VerifierKey]) -> bytes:
        known = {(key.name, key.id) for key in keys}
        logs_own = [line for line in signed.note.signatures if (line.name, line.key_id) in known]
        now = self._clock()
        lines = [cosign(signed.note.text, signer, now) for signer in self._signers]
        note = Note(signed.note.text, (*dict.fromkeys(logs_own), *lines))
        try:
            self._memory.keep(origin, seen, note.to_bytes())
        except sqlite3.Error as error:  # readers go without; what was cosigned is remembered
            _LOG.warning(
                "log %s: the cosigned checkpoint of %d cannot be shown: %r", origin, seen.size, error
            )
        return "".join(map(str, lines)).encode()


def _refusal(status: HTTPStatus, why: str) -> Answer:
    return Answer(status, f"{why}\n".encode())


def _conflict(seen: Seen) -> Answer:
    return Answer(HTTPStatus.CONFLICT, f"{seen.size}\n".encode(), SIZE_TYPE)
