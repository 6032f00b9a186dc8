# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A pipeline in a folder: ledger, policies and reviews are real; callers, models, clock, disk are fakes."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from tritonclient.grpc import service_pb2 as wire

from governed import AGENT, MODEL, SYSTEM, bundle_files, infer_request, infer_response, score_of
from ombud_gateway.admission import Admission
from ombud_gateway.call import Answer, AnswerView, Call, Description, Passage, Reply
from ombud_gateway.doors.methods import canonical
from ombud_gateway.doors.tensors import request_tensors, response_tensors
from ombud_gateway.errors import NeedsReview, Refusal, Unauthenticated
from ombud_gateway.identity import Credentials, Principal, parse_principal
from ombud_gateway.pipeline import Pipeline
from ombud_gateway.recorder import Recorder
from ombud_gateway.replies import Replies
from ombud_gateway.reviews import ParkedAnswers, Reviews, ReviewStore
from ombud_gateway.subjects import Pseudonyms
from ombud_gateway.systems import System, parse_system
from ombud_gateway.telemetry import Telemetry, Tracing
from ombud_gateway.upstreams.people import People
from ombud_ledger import Ledger, Options, Vault, query
from ombud_policies import Bundle, Engine, Question, Uid, Verdict

START: Final = 1_700_000_000_000_000
LIFETIME: Final = 3_600_000_000
CONFIG_DIGEST: Final = "c0" * 32
PATIENCE: Final = 20.0


@cache
def bundle() -> Bundle:
    """The bundle of the tests, loaded once."""
    return Bundle.from_files(bundle_files())


@cache
def system() -> System:
    """The governed system."""
    return parse_system(SYSTEM, file="lending.yaml")


class Disk:
    """The ledger's durable seam: it can fail, or hold commits up until told to go on."""

    def __init__(self, events: list[str]) -> None:
        self.full = False
        self.stores = False
        """Whether a step that fails has done its work before."""
        self.going = threading.Event()
        self.going.set()
        self._events = events

    def __call__(self, step: str, act: Callable[[], object]) -> None:
        """Carry out one durable step, or fail as a full disk does."""
        self.going.wait(PATIENCE)
        if self.full:
            if self.stores:
                act()
            raise OSError(28, "No space left on device")
        act()
        if step == "hot.commit":
            self._events.append("record")


class Watched:
    """The real engine; it notes what it is asked."""

    def __init__(self, engine: Engine, events: list[str]) -> None:
        self.real = engine
        self.bundle = engine.bundle
        self.permits_anonymous = engine.permits_anonymous
        self.asked: list[Question] = []
        self._events = events

    def decide(self, question: Question) -> Verdict:
        """Ask the real engine."""
        self._events.append(f"decide {question.action}")
        self.asked.append(question)
        return self.real.decide(question)

    def least_capture(self, principal: Uid, action: str, resource: Uid) -> str:
        """Ask the real engine."""
        return self.real.least_capture(principal, action, resource)


class Callers:
    """Knows callers by the text of their authorization."""

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def principal(self, credentials: Credentials, *, anonymous: bool) -> Principal:
        """Return who calls."""
        self._events.append("identify")
        if not credentials.authorization:
            raise Unauthenticated("UNAUTHENTICATED", "present a bearer token or a client certificate")
        return parse_principal(credentials.authorization)


async def score(call: Call) -> bytes:
    """Answer as a model server would."""
    request = wire.ModelInferRequest.FromString(call.body)
    (amount,) = struct.unpack("<d", request.raw_input_contents[0])
    return bytes(infer_response(score_of(amount)).SerializeToString())


class Models:
    """An upstream; what it answers can be replaced. `seen` are the calls that reached it."""

    def __init__(self, events: list[str]) -> None:
        self.answer: Callable[[Call], Awaitable[bytes]] = score
        self.answers: list[bytes] = []
        self.requests = 1
        self.decoupled = False
        self.seen: list[tuple[Call, Passage]] = []
        self._events = events

    async def forward(self, call: Call, passage: Passage) -> Answer:
        """Answer one request."""
        self._events.append("forward")
        self.seen.append((call, passage))
        return Answer(await self.answer(call), (("initial", "1"),), (("trailing", "2"),), self.requests)

    async def stream(self, call: Call, passage: Passage) -> AsyncGenerator[Answer, None]:
        """Yield the prepared answers."""
        self._events.append("forward")
        self.seen.append((call, passage))
        for answer in self.answers:
            yield Answer(answer)

    async def describe(self, model: str, version: str) -> Description:
        """Describe every model alike."""
        self._events.append("describe")
        return Description(CONFIG_DIGEST, self.decoupled)


@dataclass
class Scene:
    """The parts of one pipeline, and what happened in it."""

    root: Path
    events: list[str]
    disk: Disk
    models: Models
    ledger: Ledger
    store: ReviewStore
    reviews: Reviews
    recorder: Recorder
    telemetry: Telemetry
    admission: Admission
    engine: Watched
    now: list[int]
    people: People
    vault: Vault | None
    pipeline: Pipeline = field(init=False)
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        def engine() -> Any:
            self.events.append("engine")
            return self.engine

        self.pipeline = Pipeline(
            identity=Callers(self.events),
            engine=engine,
            reviews=self.reviews,
            recorder=self.recorder,
            replies=Replies(self.ledger, 10.0),
            upstreams={"models": self.models},
            admission=self.admission,
            telemetry=self.telemetry,
        )

    def call(self, amount: float, *, caller: str = AGENT, applicant: str = "p-1", **more: Any) -> Call:
        """Make an `infer` call as a door would."""
        request = infer_request(amount, applicant=applicant, name="client-made")
        entry = system().model(MODEL)
        given: dict[str, Any] = {
            "id": f"call-{next(self.ids)}",
            "received": self.now[0],
            "door": "test",
            "method": "ModelInfer",
            "action": "infer",
            "resource": Uid("Model", MODEL),
            "upstream": "models",
            "body": request.SerializeToString(),
            "credentials": Credentials(caller),
            "canonical": lambda: canonical(request),
            "model": MODEL,
            "tensors": request_tensors(request),
            "system": system(),
            "entry": entry,
            "read_answer": _view,
        }
        return Call(**{**given, **more})

    async def refused(self, call: Call) -> Refusal:
        """Judge a call that must be refused."""
        try:
            reply = await self.pipeline.judge(call)
        except Refusal as refusal:
            return refusal
        raise AssertionError(reply)

    async def held(self, call: Call) -> str:
        """Judge a call that must wait for a human; return its review's id."""
        refusal = await self.refused(call)
        assert isinstance(refusal, NeedsReview), refusal
        return refusal.ticket.id

    async def approve(self, review: str) -> None:
        """Approve a review as an officer."""
        await self.reviews.settle(review, "approved", "officers", 'User::"olga"', "")

    async def resume(self, call: Call, review: str) -> Reply:
        """Judge the same call again, with its review's approval."""
        changed = {name: getattr(call, name) for name in Call.__dataclass_fields__}
        return await self.pipeline.judge(
            Call(**{**changed, "id": f"call-{next(self.ids)}", "resume": review})
        )

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the records of calls, without what varies: times, and what the ledger adds."""
        with query.connect(self.root) as sql:
            rows = sql.execute("SELECT record FROM entries ORDER BY seq").fetchall()
        records = [json.loads(text) for (text,) in rows]
        wanted = kinds or ("decision", "intent", "outcome")
        return [_steady(record) for record in records if record["kind"] in wanted]

    def facts(self) -> list[dict[str, Any]]:
        """Return the facts of all calls, in order."""
        with query.connect(self.root) as sql:
            rows = sql.execute("SELECT facts FROM facts WHERE facts IS NOT NULL ORDER BY seq").fetchall()
        return [json.loads(text) for (text,) in rows]


def _steady(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out commitments and times; of the steps, say which there were."""
    left = {key: value for key, value in record.items() if key not in {"ts", "added_us", "facts_commit"}}
    if "steps" in left:
        assert all(type(spent) is int for spent in left["steps"].values())
        left["steps"] = sorted(left["steps"])
    return left


def _view(body: bytes) -> AnswerView:
    response = wire.ModelInferResponse.FromString(body)
    return AnswerView(response_tensors(response), response.model_version)


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    in_flight: int = 4,
    queue: int = 4,
    telemetry: Telemetry | None = None,
    vault: bool = False,
    policies: Bundle | None = None,
) -> AsyncIterator[Scene]:
    """Set a scene up, and close what it opened; its ledger can still be read afterwards."""
    events: list[str] = []
    now = [START]
    disk = Disk(events)

    def clock() -> int:
        return now[0]

    kept = Vault.create(folder / "vault", folder / "vault-keys") if vault else None
    ledger = Ledger.open(
        folder / "ledger",
        log="r0-0",
        origin="acme.example/test/r0",
        options=Options(seal_automatically=False, backoff_first=0.001, backoff_most=0.01, queue_entries=64),
        clock=clock,
        durable=disk,
        vault=kept,
    )
    ledger.put_object(system().contract.to_bytes())
    store = ReviewStore(f"sqlite:///{folder / 'reviews.sqlite'}")
    reviews = Reviews(store, ParkedAnswers(b"k" * 32), ledger, lifetime_us=LIFETIME, clock=clock)
    pseudonyms = Pseudonyms(kept)
    events.clear()
    one = Scene(
        root=folder / "ledger",
        events=events,
        disk=disk,
        models=Models(events),
        ledger=ledger,
        store=store,
        reviews=reviews,
        recorder=Recorder(ledger, clock, pseudonyms=pseudonyms),
        telemetry=telemetry or Telemetry(Tracing()),
        admission=Admission(in_flight, queue),
        engine=Watched(Engine(policies or bundle()), events),
        now=now,
        people=People(ledger, kept, reviews, pseudonyms, clock),
        vault=kept,
    )
    try:
        yield one
    finally:
        disk.full = False
        disk.going.set()
        await one.recorder.drain()
        await asyncio.to_thread(ledger.close)
        store.close()
        if kept is not None:
            kept.close()


async def until(met: Callable[[], bool]) -> None:
    """Return once a condition holds; fail after a while."""
    async with asyncio.timeout(PATIENCE):
        while not met():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await asyncio.sleep(0.001)
