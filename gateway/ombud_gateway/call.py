# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The frozen values that travel between doors, pipeline and upstreams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from ombud_gateway.contract import Tensor
from ombud_gateway.errors import Refusal
from ombud_gateway.identity import Credentials, Principal
from ombud_gateway.systems import ModelEntry, System
from ombud_policies import Uid, Value

Metadata = tuple[tuple[str, str | bytes], ...]
ReplyWhen = Literal["durable", "signed", "witnessed"]
"""What the ledger must have reached before a reply leaves."""
DURABLE: Final = "durable"
SIGNED: Final = "signed"
WITNESSED: Final = "witnessed"


@dataclass(frozen=True, slots=True)
class Correlation:
    """What ties a call to its workflow, as its caller states it; empty strings where it says nothing."""

    correlation_id: str = ""
    run_id: str = ""
    attempt: int = 1
    traceparent: str = ""
    tracestate: str = ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What a door reads in an upstream's answer: tensors, the model version that answered, and its place.

    `error` is an in-band error of a stream; `empty` marks a final answer without content.
    """

    tensors: Sequence[Tensor] = ()
    model_version: str = ""
    error: str = ""
    empty: bool = False


def _no_view(_body: bytes) -> AnswerView:
    return AnswerView()


@dataclass(frozen=True, slots=True)
class Call:
    """One request at a door, before anyone has judged it.

    `received` is microseconds UTC, `deadline` seconds on the monotonic clock (None: no deadline). `body` is
    forwarded as it is; `tensors` is what the contract reads (None where the method carries no typed input).
    `problem` is why the bytes cannot be judged; the caller learns it once it has said who it is. `canonical`
    gives the bytes a review binds to and raises `Invalid` where the request cannot be reviewed.

    `cases` are the tensors of each case of an explanation, `explained` the decision that it is about; it has
    no `tensors` then.

    A control call can be about a person, too: `subject` is the pseudonym then. `names` says that its bytes
    name the person, so that nothing of them is kept, not even a digest that could be guessed at.
    """

    id: str
    received: int
    door: str
    method: str
    action: str
    resource: Uid
    upstream: str
    body: bytes
    credentials: Credentials
    canonical: Callable[[], bytes]
    model: str = ""
    model_version: str = ""
    tensors: Sequence[Tensor] | None = None
    cases: Sequence[Sequence[Tensor]] = ()
    explained: str = ""
    shared_memory: bool = False
    declared_digest: str = ""
    requested_outputs: frozenset[str] = frozenset()
    context: Mapping[str, Value] = field(default_factory=dict)
    system: System | None = None
    entry: ModelEntry | None = None
    problem: Refusal | None = None
    stream: bool = False
    resume: str = ""
    reply_when: ReplyWhen = DURABLE
    correlation: Correlation = field(default_factory=Correlation)
    deadline: float | None = None
    metadata: Metadata = ()
    subject: str = ""
    names: bool = False
    read_answer: Callable[[bytes], AnswerView] = _no_view


@dataclass(frozen=True, slots=True)
class Passage:
    """What the pipeline adds to a call it lets through: who makes it, and the metadata to send along."""

    principal: Principal
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream said: bytes as they came, and its metadata without hop-by-hop entries.

    `requests` is how many it took: an explanation takes one a case, or a batch.
    """

    body: bytes
    initial: Metadata = ()
    trailing: Metadata = ()
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that may leave: recorded under `id`, as entry `seq` of `log`.

    `single` says that its model gives one answer a request; decoupled ones may give more, or none. `reached`
    is how far the ledger had come with the entry; `checkpoint` the size of one that covers it, 0 without one.
    """

    id: str
    answer: Answer
    log: str
    seq: int
    single: bool = True
    reached: ReplyWhen = DURABLE
    checkpoint: int = 0

    @property
    def position(self) -> str:
        """Where it is recorded, as its caller is told: log:seq."""
        return f"{self.log}:{self.seq}"


@dataclass(frozen=True, slots=True)
class Withheld:
    """One answer of a stream that may not leave; the rest of the stream goes on."""

    id: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Description:
    """What an upstream says of a model version: digest of its configuration, and whether it is decoupled.

    `max_batch` is how many cases it takes at once; 0 if its requests have no dimension for that.
    """

    config_digest: str
    decoupled: bool
    max_batch: int = 0


class Upstream(Protocol):
    """Where an allowed call goes."""

    async def forward(self, call: Call, passage: Passage) -> Answer:
        """Send one request; raise `UpstreamFailed` with the upstream's own status."""

    def stream(self, call: Call, passage: Passage) -> AsyncGenerator[Answer, None]:
        """Send one request on a stream of its own and yield its answers; raise `UpstreamFailed`."""

    async def describe(self, model: str, version: str) -> Description:
        """Tell what a model version is, from a bounded cache."""
