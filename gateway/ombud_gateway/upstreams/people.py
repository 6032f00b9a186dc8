# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of people, for control calls: handed out, held, erased. Every failure is a refusal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ombud_gateway.errors import Broken, Conflict, Invalid, NotFound, TooLarge, Unavailable
from ombud_gateway.reviews import Review, Reviews
from ombud_gateway.subjects import Pseudonyms
from ombud_ledger import (
    Ledger,
    LedgerBroken,
    LedgerError,
    Payload,
    RecordInvalid,
    SubjectHeld,
    SubjectUnknown,
)

if TYPE_CHECKING:
    from ombud_ledger import Erasure, Hold, SubjectEntry, Vault

T = TypeVar("T")
FORMAT = "ombud-subject/1"
MOST_EXPORTED = 256 * 1024 * 1024
"""Bytes of one document, which is made in memory."""
_WHAT = (
    "All that this gateway's ledger holds of one person, for the person (GDPR, Article 15). Each entry is one"
    " call, or one word on it: `record` says when, by whom and under which policies it was judged; `facts`"
    " what the model was given and answered, and what people wrote; `payload` holds the bytes themselves, in"
    " base64, where they were kept. `subject` in facts is a pseudonym that only the vault ties to the person."
    " `reviews` are the calls that waited, or wait, for a human, and what the human is shown meanwhile:"
    " of an answer that waits its values are there, not its bytes."
)
_LATE = "reviews that calls opened meanwhile: they could not be closed now, and go when they expire"
_COPIES = (
    "copies and backups of the database of reviews, which stay as they are; in PostgreSQL, until a vacuum,"
    " what was overwritten"
)


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: in the ledger, and how many reviews it closed."""

    ledger: Erasure
    reviews: int


class People:
    """The people whom calls of this gateway are about. Raises Refusal; no refusal names anybody."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault | None,
        reviews: Reviews,
        pseudonyms: Pseudonyms,
        clock: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._reviews = reviews
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._changing = asyncio.Lock()
        self._under_way: set[asyncio.Task[Erased]] = set()

    async def export(self, subject: str) -> bytes:
        """Return all that is held of a person, as one JSON document."""
        pseudonym = await self._ask(lambda vault: vault.find(subject))
        waiting = await self._reviews.of_subject(pseudonym) if pseudonym else []
        return await self._ask(lambda _vault: self._document(subject, waiting))

    async def erase(self, subject: str) -> Erased:
        """Erase a person; what has begun is finished although its caller leaves.

        The reviews go first: they are found by the pseudonym, which the ledger's erasure destroys. A crash
        between the two leaves a person who is still known and can be erased again; what calls opened
        meanwhile is closed after it, or expires.
        """
        task = asyncio.ensure_future(self._erase(subject))
        self._under_way.add(task)  # or nobody might hold on to it once its caller has left
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def hold(self, subject: str, reason: str) -> str:
        """Put a person under a legal hold; return its id."""
        if not reason.strip():
            raise Invalid("HOLD_REASON", "reason is empty, expected why the person is held")
        async with self._changing:
            return await self._ask(lambda vault: vault.hold(subject, reason))

    async def release(self, hold: str) -> None:
        """End a legal hold."""
        async with self._changing:
            await self._ask(lambda vault: vault.release(hold))

    async def holds(self) -> list[Hold]:
        """Return the legal holds, oldest first."""
        return await self._ask(lambda vault: vault.holds())

    async def _erase(self, subject: str) -> Erased:
        # No hold comes in between: whoever is held keeps the reviews, too.
        async with self._changing:
            # Whatever would refuse the ledger's part is asked first: then nothing is done.
            self._demand_erasable()
            pseudonym = await self._ask(lambda vault: _unheld(vault, subject))
            closed = await self._reviews.erase(pseudonym) if pseudonym else 0
            erasure = await self._ask(lambda _vault: self._ledger.erase(subject))
            self._pseudonyms.forget(subject)
            remains, complete = [*erasure.remains, _COPIES], erasure.complete
            if pseudonym:  # calls that were under way may have opened others meanwhile
                try:
                    closed += await self._reviews.erase(pseudonym)
                except Unavailable:  # the person is not known any more: nobody could ask again
                    remains, complete = [*remains, _LATE], False
        return Erased(replace(erasure, remains=tuple(remains), complete=complete), closed)

    def _demand_erasable(self) -> None:
        try:
            self._ledger.demand_erasable()
        except LedgerError as error:
            raise Unavailable("LEDGER_UNAVAILABLE", "the ledger cannot erase anybody now") from error

    async def _ask(self, work: Callable[[Vault], T]) -> T:
        vault = self._vault
        if vault is None:
            raise Conflict("NO_VAULT", "this gateway has no vault, so it knows no people apart")
        try:
            return await asyncio.to_thread(work, vault)
        except SubjectHeld as error:
            raise Conflict("SUBJECT_HELD", "a legal hold stands; release it first") from error
        except SubjectUnknown as error:
            raise NotFound("SUBJECT_UNKNOWN", "nothing is kept under this identifier") from error
        except RecordInvalid as error:
            raise Invalid("SUBJECT", str(error)) from error
        except LedgerBroken as error:
            raise Broken("LEDGER_BROKEN", "what is kept of the person is not what was recorded") from error
        except LedgerError as error:
            raise Unavailable("VAULT_UNAVAILABLE", "the vault or the ledger cannot work now") from error

    def _document(self, subject: str, reviews: Iterable[Review]) -> bytes:
        found = self._ledger.export(subject)
        pieces: list[bytes] = []
        size = 0
        for entry in found.entries:
            pieces.append(_json(_entry(entry), margin=4))
            size += len(pieces[-1])
            if size > MOST_EXPORTED:
                raise TooLarge("EXPORT_TOO_LARGE", f"more than {MOST_EXPORTED} bytes are kept of this person")
        head = {
            "format": FORMAT,
            "what_this_is": _WHAT,
            "subject": subject,
            "pseudonym": found.pseudonym,
            "made": _time(self._clock()),
            "made_by": self._ledger.origin,
            "number_of_entries": len(pieces),
            "reviews": [_review(review) for review in reviews],
        }
        return _json(head)[:-2] + b',\n  "entries": [\n' + b",\n".join(pieces) + b"\n  ]\n}\n"


def _unheld(vault: Vault, subject: str) -> str | None:
    vault.demand_sound()
    if any(hold.subject == subject for hold in vault.holds()):
        raise SubjectHeld("a legal hold stands")
    return vault.find(subject)


def _entry(entry: SubjectEntry) -> dict[str, Any]:
    told: dict[str, Any] = {
        "entry": f"{entry.log}:{entry.seq}",
        "time": _time(entry.record["ts"]),
        "record": entry.record,
    }
    if entry.facts is not None:
        told["facts"] = entry.facts
    if entry.payload is not None:
        told["payload"] = _payload(entry.payload)
    return told


def _review(review: Review) -> dict[str, Any]:
    told: dict[str, Any] = {
        "review": review.id,
        "state": review.state,
        "system": review.system,
        "opened": _time(review.opened),
        "answer_waits": review.held is not None,
    }
    if review.facts:
        told["shown_to_reviewers"] = json.loads(review.facts)
    return told


def _payload(payload: Payload) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, content in (("request", payload.request), ("response", payload.response)):
        if content:
            told[name] = {
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "base64": base64.b64encode(content).decode(),
            }
    return told


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat()


def _json(document: dict[str, Any], margin: int = 0) -> bytes:
    # No text in JSON holds a line end as such, so each of these begins a line of the document.
    text = " " * margin + json.dumps(document, ensure_ascii=False, indent=2)
    return text.replace("\n", "\n" + " " * margin).encode()
