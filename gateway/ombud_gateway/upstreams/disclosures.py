# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Evidence folders for whoever may read the ledger: first on record, then handed out in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ombud_gateway.errors import Invalid, NotFound, Unavailable
from ombud_gateway.upstreams.alone import Alone, refusal
from ombud_gateway.upstreams.retention import MOST_REASON
from ombud_ledger import Ledger, LedgerError, LedgerUnavailable

if TYPE_CHECKING:
    from ombud_ledger import export

_MOST_BYTES: Final = 1 << 20  # in a message, before its last piece
_MOST_PIECES: Final = 1_000  # in a message; most files of a folder are small
_MOST_NAME: Final = 256  # bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What an evidence folder is to hold, for whom and why; times are microseconds UTC, None where open."""

    system: str
    begin: int | None
    end: int | None
    facts: bool
    payloads: bool
    recipient: str
    reason: str


class Disclosures:
    """Hands out evidence of this gateway's log. Raises Refusal."""

    def __init__(self, ledger: Ledger, alone: Alone) -> None:
        self._ledger = ledger
        self._alone = alone

    async def export(
        self, asked: Asked, *, by: str
    ) -> AsyncGenerator[export.Evidence | list[export.Piece], None]:
        """Yield what the folder is, then its pieces, about a megabyte at a time.

        Nothing is written here: a caller who leaves leaves nothing behind but the record of the disclosure.
        """
        _check(asked)

        def gather() -> export.Evidence | None:
            from ombud_ledger import export  # here, in a thread: it needs Arrow, which takes its time to load

            wanted = export.Wanted(asked.system, asked.begin, asked.end, asked.facts, asked.payloads)
            return export.gather([self._ledger], wanted, by=by, recipient=asked.recipient)

        evidence = await self._alone.do(gather)
        if evidence is None:
            raise NotFound("NO_ENTRIES", f"log {self._ledger.log} has no entry of the system in that time")
        # On record first. A caller who leaves, or a crash, after this leaves a disclosure that did not come
        # about: whoever reads the log finds the outcome of this call behind it.
        try:
            await asyncio.to_thread(lambda: evidence.disclose(reason=asked.reason))
        except LedgerError as error:
            raise refusal(error) from error
        yield evidence
        pieces = iter(evidence.pieces())
        while batch := await _next(pieces):
            yield batch


async def _next(pieces: Iterator[export.Piece]) -> list[export.Piece]:
    try:
        return await asyncio.to_thread(_batch, pieces)
    except LedgerUnavailable as error:
        raise Unavailable("EXPORT_CHANGED", str(error)) from error
    except LedgerError as error:
        raise refusal(error) from error


def _batch(pieces: Iterator[export.Piece]) -> list[export.Piece]:
    found: list[export.Piece] = []
    size = 0
    while size < _MOST_BYTES and len(found) < _MOST_PIECES:
        piece = next(pieces, None)
        if piece is None:
            break
        found.append(piece)
        size += len(piece.data)
    return found


def _check(asked: Asked) -> None:
    for name, text in (("system", asked.system), ("recipient", asked.recipient)):
        if len(text.encode()) > _MOST_NAME:
            raise Invalid("EXPORT", f"{name} has {len(text.encode())} bytes, must be at most {_MOST_NAME}")
    if not asked.system:
        raise Invalid("EXPORT", "system is empty, expected the one whose entries are wanted")
    if len(asked.reason) > MOST_REASON:
        raise Invalid("EXPORT", f"reason has {len(asked.reason)} characters, must be at most {MOST_REASON}")
    if asked.begin is not None and asked.end is not None and asked.begin >= asked.end:
        raise Invalid("EXPORT", "from_us is not before to_us: there is no time in between")
