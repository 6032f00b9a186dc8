# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Why a call was not answered, sorted by what its caller should do next.

Doors turn these into wire statuses with one table (`doors.status`); the pipeline turns them into records.
A message is a short constant plus names the caller already knows; details go to the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud_gateway.call import Reply


@dataclass(frozen=True)
class ReviewTicket:
    """Where a parked call waits: review id, the groups that may settle it, expiry in microseconds UTC."""

    id: str
    groups: tuple[str, ...]
    expires: int
    state: str


class Refusal(Exception):
    """A call that gets no answer. `reason` is a stable word for machines, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Invalid(Refusal):
    """Mend the call: malformed bytes, a contract breach, metadata out of bounds."""

    def __init__(self, reason: str, message: str, *, breach: Mapping[str, str] | None = None) -> None:
        super().__init__(reason, message)
        self.breach = breach


class BadAnswer(Refusal):
    """Not the caller's fault: the upstream answered outside its contract, so nobody learns what it said."""

    def __init__(self, *, breach: Mapping[str, str] | None) -> None:
        super().__init__("ANSWER", "the upstream's answer is withheld: it is not what its contract says")
        self.breach = breach


class Unauthenticated(Refusal):
    """Present credentials that hold."""


class Denied(Refusal):
    """Policy says no, or a human did."""


class NotFound(Refusal):
    """What the call names does not exist, or is not the caller's."""


class NeedsReview(Refusal):
    """A human must decide first; the ticket says who and until when."""

    def __init__(self, message: str, ticket: ReviewTicket) -> None:
        super().__init__("REVIEW_REQUIRED", message)
        self.ticket = ticket


class Conflict(Refusal):
    """The review named by `ombud-resume` cannot carry this call: used, expired or for another call."""


class NotOffered(Refusal):
    """Ask for less, or ask another gateway: this one is not configured for what the call demands."""


class NotReached(Refusal):
    """The call was carried out and recorded, but its reply may not leave: do not repeat an effect.

    `reply` says where it is recorded, and how far the ledger had come with that; its answer stays here.
    """

    def __init__(self, reply: Reply, wanted: str) -> None:
        super().__init__(
            f"NOT_{wanted.upper()}",
            f"carried out, and recorded as {reply.position}, but its record was not {wanted} in time: "
            "the answer is withheld",
        )
        self.reply = reply


class Overloaded(Refusal):
    """Back off: the gateway sheds load rather than queue without bound."""


class TooLarge(Refusal):
    """Make the call smaller."""


class Unavailable(Refusal):
    """Retry later: the ledger, the policy engine or the gateway itself cannot work now."""


class Broken(Refusal):
    """Stop: stored bytes are not what was recorded."""


class Internal(Refusal):
    """A defect of Ombud; the log has the detail under the decision id."""


CODES: Mapping[type[Refusal], str] = {
    Invalid: "INVALID_ARGUMENT",
    BadAnswer: "INTERNAL",
    Unauthenticated: "UNAUTHENTICATED",
    Denied: "PERMISSION_DENIED",
    NotFound: "NOT_FOUND",
    NeedsReview: "FAILED_PRECONDITION",
    Conflict: "FAILED_PRECONDITION",
    NotOffered: "FAILED_PRECONDITION",
    NotReached: "DEADLINE_EXCEEDED",
    Overloaded: "RESOURCE_EXHAUSTED",
    TooLarge: "RESOURCE_EXHAUSTED",
    Unavailable: "UNAVAILABLE",
    Broken: "DATA_LOSS",
    Internal: "INTERNAL",
}
"""google.rpc.Code of each refusal; a test holds this table total."""

GRPC_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""google.rpc.Code by number, as upstreams report them."""


def code_of(refusal: Refusal) -> str:
    """Return the google.rpc.Code name of a refusal, or of the kind it is a special case of."""
    return next(CODES[kind] for kind in type(refusal).__mro__ if kind in CODES)


@dataclass
class UpstreamFailed(Exception):
    """The upstream's own refusal, passed on as it came: gRPC status code, message and trailing metadata."""

    code: int
    message: str
    metadata: tuple[tuple[str, str | bytes], ...] = field(default=())
    reached: bool = True

    def __str__(self) -> str:
        return f"upstream status {self.code}: {self.message}"
