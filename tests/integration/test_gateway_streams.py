# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ModelStreamInfer` through the gateway: every request judged, every response recorded before it is sent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferInput
from tritonclient.grpc import service_pb2 as wire

from integration.gateway import SECONDS, Caller, Gateway, Wire, amount, infer_request, number, until
from integration.triton import tensor
from ombud.v1 import review_pb2

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


def repeat(count: int, pause: int = 0) -> list[InferInput]:
    """Ask `repeat` for so many answers, so many milliseconds apart."""
    return [number("N", count), number("DELAY_MS", pause)]


class Talk:
    """One stream of the unmodified client, and what comes back on it."""

    def __init__(self, caller: Caller, **metadata: str) -> None:
        self.caller = caller
        self.got: queue.Queue[tuple[Any, Any]] = queue.Queue()
        caller.client.start_stream(
            lambda result, error: self.got.put((result, error)), headers=caller.headers(**metadata)
        )

    def ask(self, model: str, inputs: list[InferInput], request: str, **options: Any) -> None:
        """Send one request."""
        self.caller.client.async_stream_infer(
            model, inputs, request_id=request, enable_empty_final_response=True, **options
        )

    def take(self) -> tuple[str, Any, str]:
        """Take the next response: request id, whether final or the first value, error text."""
        result, error = self.got.get(timeout=SECONDS)
        if error is not None:
            return error.request_id() if hasattr(error, "request_id") else "", None, error.message()
        response = result.get_response()
        if not response.outputs:
            assert response.parameters["triton_final_response"].bool_param
            return response.id, "final", ""
        return response.id, result.as_numpy(response.outputs[0].name).tolist()[0], ""

    def until_final(self, *requests: str) -> dict[str, list[Any]]:
        """Take responses until each of these requests has ended; return values by request."""
        seen: dict[str, list[Any]] = {name: [] for name in requests}
        open_ones = set(requests)
        while open_ones:
            request, value, error = self.take()
            assert not error, error
            if value == "final":
                open_ones.discard(request)
            else:
                seen[request].append(value)
        return seen


@pytest.fixture
def talk(agent: Caller) -> Iterator[Talk]:
    """Open a stream as the agent."""
    opened = Talk(agent)
    yield opened
    agent.client.stop_stream()


class Bare:
    """One stream without Triton's client: messages as they are, metadata, and how it ends."""

    def __init__(self, caller: Caller, **metadata: str) -> None:
        self._sending: queue.Queue[bytes | None] = queue.Queue()
        rpc: Any = caller.channel.stream_stream(STREAM)
        self.call = rpc(
            iter(self._sending.get, None), metadata=tuple(caller.headers(**metadata).items()), timeout=SECONDS
        )

    def send(self, request: Any) -> None:
        """Send one request, or any bytes."""
        self._sending.put(request if isinstance(request, bytes) else request.SerializeToString())

    def done(self) -> None:
        """Send no more."""
        self._sending.put(None)

    def take(self) -> wire.ModelStreamInferResponse:
        """Take the next response."""
        return wire.ModelStreamInferResponse.FromString(next(self.call))

    @property
    def id(self) -> str:
        """The stream's id, told in initial metadata before any answer."""
        return str(dict(self.call.initial_metadata())["ombud-stream-id"])

    def end(self) -> Wire:
        """Read what is left and how it ended."""
        self.done()
        try:
            left = list(self.call)
        except grpc.RpcError:
            left = []
        assert not left, left
        self.call.result = lambda: b""
        return Wire.of(self.call)


@pytest.fixture
def bare(agent: Caller) -> Iterator[Bare]:
    """Open a bare stream as the agent."""
    opened = Bare(agent)
    yield opened
    opened.call.cancel()
    opened.done()


def parts(caller: Caller) -> dict[str, list[tuple[Any, ...]]]:
    """Entries of a run by decision id: kind, part, outcome, status, final."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for entry in caller.entries():
        record = entry.record
        found.setdefault(record["id"], []).append(
            (
                entry.kind,
                record.get("part", 0),
                record.get("outcome", ""),
                record.get("status", ""),
                record.get("final", False),
            )
        )
    return found


INTENT = ("intent", 0, "", "", False)


def answered(part: int, *, final: bool = False) -> tuple[Any, ...]:
    """An outcome of an answer that left."""
    return ("outcome", part, "answered", "OK", final)


def test_decoupled_answers_are_judged_and_recorded_one_by_one(talk: Talk, agent: Caller) -> None:
    """None, one and several answers interleave; each request is decided, each answer recorded."""
    for count, name in ((3, "three"), (0, "none"), (1, "one")):
        talk.ask("repeat", repeat(count, 5), name)

    seen = talk.until_final("three", "none", "one")

    assert seen == {"three": [0, 1, 2], "none": [], "one": [0]}
    found = until(lambda: _all_final(agent, 3), "three ends")
    stream = {name.rpartition(".")[0] for name in found}
    assert len(stream) == 1
    assert {name.rpartition(".")[2]: rows for name, rows in found.items()} == {
        "1": [INTENT, *map(answered, (1, 2, 3, 4)), ("outcome", 4, "ended", "OK", True)],
        "2": [INTENT, answered(1), ("outcome", 1, "ended", "OK", True)],
        "3": [INTENT, *map(answered, (1, 2)), ("outcome", 2, "ended", "OK", True)],
    }


def _all_final(caller: Caller, count: int) -> dict[str, list[tuple[Any, ...]]] | None:
    found = parts(caller)
    ended = [rows for rows in found.values() if rows[-1][-1] or rows[-1][0] == "decision"]
    return found if len(ended) == count else None


def test_models_that_are_not_decoupled_answer_once(talk: Talk, agent: Caller) -> None:
    """Each of their requests has one answer, marked final, in the order asked."""
    for value in range(4):
        talk.ask("echo", amount(value), str(value))

    assert [talk.take() for _ in range(4)] == [(str(value), float(value), "") for value in range(4)]
    found = until(lambda: _all_final(agent, 4), "four ends")
    assert [*found.values()] == [[INTENT, answered(1, final=True)]] * 4


def test_stream_id_comes_first_and_ties_decisions(bare: Bare, agent: Caller) -> None:
    """Initial metadata has the stream's id before any answer; its requests are `<stream>.<n>`."""
    stream = bare.id
    bare.send(infer_request("echo", amount(1), id="a"))
    first = bare.take()
    bare.send(infer_request("echo", amount(2), id="b"))
    second = bare.take()
    ended = bare.end()

    assert [first.infer_response.id, second.infer_response.id] == ["a", "b"]
    assert ended.code == "OK"
    assert [*parts(agent)] == [f"{stream}.1", f"{stream}.2"]


def test_every_response_is_recorded_before_it_is_sent(bare: Bare, agent: Caller) -> None:
    """Whenever a response is here, its entry is in the ledger already."""
    bare.send(infer_request("repeat", repeat(4, 1), id="a"))

    for part in (1, 2, 3, 4):
        bare.take()
        recorded = parts(agent)[f"{bare.id}.1"]
        assert recorded[: part + 1] == [INTENT, *(answered(number) for number in range(1, part + 1))]


def test_denial_is_in_band(bare: Bare, agent: Caller) -> None:
    """A denied request gets `error_message` with its decision id and its own id; the stream goes on."""
    bare.send(infer_request("repeat", repeat(1001), id="many"))
    denied = bare.take()
    bare.send(infer_request("echo", amount(5), id="next"))
    following = bare.take()

    assert denied == wire.ModelStreamInferResponse(
        error_message=f"denied by policy too-many [ombud-decision-id: {bare.id}.1]",
        infer_response=wire.ModelInferResponse(id="many"),
    )
    assert (following.error_message, following.infer_response.id) == ("", "next")
    assert parts(agent) == {
        f"{bare.id}.1": [("decision", 0, "refused", "PERMISSION_DENIED", False)],
        f"{bare.id}.2": [INTENT, answered(1, final=True)],
    }


def test_unmodified_client_sees_the_denial(talk: Talk) -> None:
    """The callback gets the error, with the id in its text."""
    talk.ask("repeat", repeat(1001), "many")

    _, _, error = talk.take()

    assert error.startswith("denied by policy too-many [ombud-decision-id: ")


def test_denial_is_a_status_where_the_caller_asks_for_one(agent: Caller) -> None:
    """With `triton_grpc_error: true` a denial ends the stream with its gRPC status and ErrorInfo."""
    bare = Bare(agent, triton_grpc_error="true")
    stream = bare.id
    bare.send(infer_request("repeat", repeat(1001), id="many"))

    ended = bare.end()

    assert (ended.code, ended.text, ended.reason, ended.about) == (
        "PERMISSION_DENIED",
        f"denied by policy too-many [ombud-decision-id: {stream}.1]",
        "DENIED",
        {"decision_id": f"{stream}.1"},
    )
    assert ended.decision == f"{stream}.1"


def test_one_answer_can_be_withheld_from_a_stream(bare: Bare, agent: Caller) -> None:
    """The sixth answer does not leave; those around it do, and the ledger says which is which."""
    bare.send(infer_request("repeat", repeat(8, 1), id="a"))

    got = [bare.take() for _ in range(8)]

    text = f"denied by policy index-six-stays [ombud-decision-id: {bare.id}.1]"
    assert [message.error_message for message in got] == ["", "", "", "", "", "", text, ""]
    bare.end()
    rows = parts(agent)[f"{bare.id}.1"]
    assert rows == [
        INTENT,
        *(answered(part) for part in range(1, 7)),
        ("outcome", 7, "withheld", "PERMISSION_DENIED", False),
        answered(8),
        ("outcome", 8, "ended", "OK", True),
    ]


def test_held_answer_of_a_stream_is_resumed_in_a_stream(gateway: Gateway, agent: Caller) -> None:
    """A reviewed answer is parked like any; a stream with `ombud-resume` gets its bytes."""
    first = Bare(agent)
    request = infer_request("echo", amount(21.5, 0.25), id="a")
    first.send(request)
    held = first.take()
    review = f"{first.id}.1"
    first.end()
    with gateway.caller("reviewer") as reviewer:
        # A stream may answer more than once, so its reviews are named by the part.
        listed = reviewer.control("ReviewService/ListReviews", review_pb2.ListReviewsRequest(page_size=1000))
        waiting = [
            one.id
            for one in review_pb2.ListReviewsResponse.FromString(listed.body).reviews
            if one.correlation_id == agent.correlation
        ]
        reviewer.control("ReviewService/ApproveReview", review_pb2.ApproveReviewRequest(id=waiting[0]))

    second = Bare(agent, ombud_resume=waiting[0])
    second.send(request)
    answer = second.take()
    second.end()

    assert waiting[0].startswith(review)
    assert held.error_message == (
        f"needs review by reviewers; once approved, resume with ombud-resume: {waiting[0]} "
        f"[ombud-decision-id: {review}]"
    )
    assert (answer.error_message, answer.infer_response.model_version) == ("", "1")
    assert answer.infer_response.raw_output_contents[0] == request.raw_input_contents[0]


def test_one_answer_of_many_waits_for_a_reviewer(gateway: Gateway, agent: Caller) -> None:
    """The tenth answer is held while the others leave; approved, it is returned alone, and Triton rests."""
    first = Bare(agent)
    request = infer_request("repeat", repeat(11, 1), id="a")
    first.send(request)
    got = [first.take() for _ in range(11)]
    first.end()
    review = f"{first.id}.1.10"
    with gateway.caller("reviewer") as reviewer:
        approved = reviewer.control("ReviewService/ApproveReview", review_pb2.ApproveReviewRequest(id=review))
    second = Bare(agent, ombud_resume=review)
    second.send(request)
    answer = second.take()
    ended = second.end()

    told = [message.error_message.partition(" [")[0] for message in got]
    assert told == [
        *[""] * 6,
        "denied by policy index-six-stays",
        *[""] * 2,
        f"needs review by reviewers; once approved, resume with ombud-resume: {review}",
        "",
    ]
    assert (approved.code, ended.code) == ("OK", "OK")
    assert answer.infer_response.raw_output_contents[0] == (9).to_bytes(8, "little")
    found = parts(agent)
    assert found[f"{first.id}.1"][10] == ("outcome", 10, "held", "FAILED_PRECONDITION", False)
    assert found[f"{second.id}.1"] == [INTENT, ("outcome", 0, "answered", "OK", True)]


def test_requests_of_a_sequence_stay_in_order(talk: Talk, agent: Caller) -> None:
    """A stateful model sees each sequence in the order asked, also where sequences interleave."""
    sums: dict[str, list[int]] = {"901": [], "902": []}
    for value in range(1, 11):
        for sequence in (901, 902):
            talk.ask(
                "accumulate",
                [number("VALUE", value * (sequence - 900))],
                f"{sequence}",
                sequence_id=sequence,
                sequence_start=value == 1,
                sequence_end=value == 10,
            )

    for _ in range(20):
        request, value, error = talk.take()
        assert not error, error
        sums[request].append(value)

    expected = [sum(range(1, upto + 1)) for upto in range(1, 11)]
    assert sums == {"901": expected, "902": [2 * value for value in expected]}
    assert len(until(lambda: _all_final(agent, 20), "twenty ends")) == 20


def test_error_of_the_model_is_in_band_and_recorded(bare: Bare, agent: Caller) -> None:
    """What Triton says in band passes with its words; the outcome is `failed`."""
    bare.send(infer_request("failing", [tensor("MODE", [b"error"], np.object_)], id="a"))

    failed = bare.take()
    bare.end()

    assert "refused as asked" in failed.error_message
    assert failed.infer_response.id == "a"
    assert [row[:3] for row in parts(agent)[f"{bare.id}.1"]] == [INTENT[:3], ("outcome", 1, "failed")]


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\xff\x01x", b""])
def test_malformed_request_of_a_stream_is_refused_in_band(bare: Bare, agent: Caller, body: bytes) -> None:
    """Bytes that are no request get an answer of their own; the stream lives on."""
    bare.send(body)
    refused = bare.take()
    bare.send(infer_request("echo", amount(1), id="next"))

    assert refused.error_message.endswith(f"[ombud-decision-id: {bare.id}.1]")
    assert bare.take().infer_response.id == "next"
    assert parts(agent)[f"{bare.id}.1"] == [("decision", 0, "refused", "INVALID_ARGUMENT", False)]


def test_cancelled_stream_is_recorded(agent: Caller) -> None:
    """A client that leaves in the midst of its answers leaves an outcome `cancelled`; Triton stops too."""
    bare = Bare(agent)
    stream = bare.id
    bare.send(infer_request("repeat", repeat(1000, 20), id="a"))
    bare.take()

    bare.call.cancel()
    bare.done()

    def cancelled() -> list[tuple[Any, ...]] | None:
        rows = parts(agent)[f"{stream}.1"]
        return rows if rows[-1][2] == "cancelled" else None

    rows = until(cancelled, "a record of the cancellation")
    assert rows[0] == INTENT
    assert {row[2:] for row in rows[1:-1]} == {("answered", "OK", False)}
    assert rows[-1][3] == "CANCELLED"


def test_unauthenticated_stream_is_refused(gateway: Gateway) -> None:
    """Each request without a principal is refused in band."""
    with gateway.caller("agent") as caller:
        caller.token = "ombud_0000000000000000_" + "A" * 43
        bare = Bare(caller)
        bare.send(infer_request("echo", amount(1), id="a"))

        refused = bare.take()
        bare.end()

    assert refused.error_message == f"the token is not accepted [ombud-decision-id: {bare.id}.1]"


def test_many_requests_at_once_meet_back_pressure(talk: Talk, agent: Caller) -> None:
    """More requests than a stream works on at once are all answered, none lost, none twice."""
    count = 150

    def ask_all() -> None:
        for value in range(count):
            talk.ask("echo", amount(100 + value), str(value))

    sender = threading.Thread(target=ask_all)
    sender.start()
    got = [talk.take() for _ in range(count)]
    sender.join()

    assert got == [(str(value), 100.0 + value, "") for value in range(count)]
    assert len(until(lambda: _all_final(agent, count), "all ends")) == count
