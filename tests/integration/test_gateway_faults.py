# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Model servers that fail, damaged bytes, more calls than fit: the right status, a record, no leak."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from tritonclient.grpc import service_pb2 as wire

from integration.gateway import (
    SECONDS,
    Caller,
    Gateway,
    Wire,
    Workspace,
    amount,
    infer_request,
    number,
    plain,
    until,
)
from integration.relay import Relay
from integration.test_gateway_streams import INTENT, Bare, answered, parts, repeat
from integration.triton import MODELS, tensor
from ombud_cli.demo.upstream import ModelServer, Prepared, start_triton

AT_ITS_LIMIT = "the gateway is at its limit of calls in flight and waiting"
ALLOWED = {"verdict": "allow", "stage": "infer", "policies": ["callers-infer"], "policies_total": 1}


def mode(text: str) -> Any:
    """Ask the failing model to fail in a way."""
    return infer_request("failing", [tensor("MODE", [text.encode()], np.object_)])


def failed(caller: Caller, model: str, ended: Wire) -> dict[str, Any]:
    """The record of an allowed call that its upstream failed."""
    return (
        caller.judged(model)
        | ALLOWED
        | {
            "kind": "decision",
            "id": ended.decision,
            "outcome": "failed",
            "status": ended.code,
            "reason": "UPSTREAM",
            "steps": ["contract", "decide", "forward", "identify"],
        }
    )


def test_error_of_the_model_passes(agent: Caller) -> None:
    """The status and words that a model gives are the client's."""
    ended = agent.send("ModelInfer", mode("error"))

    assert ended.code == "INVALID_ARGUMENT"
    assert "refused as asked" in ended.text
    assert ended.text.endswith(f"[ombud-decision-id: {ended.decision}]")
    assert agent.record() == failed(agent, "failing", ended)


def test_stack_of_a_failing_model_stays_inside(agent: Caller) -> None:
    """Triton quotes the model's stack, with paths; the gateway's log gets it, the client does not."""
    ended = agent.send("ModelInfer", mode("raise"))

    assert ended.code == "INTERNAL"
    _leaks_nothing(ended.text)
    assert "model.py" in agent.gateway.said()
    assert agent.record() == failed(agent, "failing", ended)


def test_stack_of_a_failing_model_stays_inside_in_band(agent: Caller) -> None:
    """The same on a stream, where the error is a message."""
    bare = Bare(agent)
    bare.send(mode("raise"))
    message = bare.take()
    bare.end()

    assert message.error_message
    _leaks_nothing(message.error_message)
    assert parts(agent)[f"{bare.id}.1"] == [INTENT, ("outcome", 1, "failed", "UNKNOWN", True)]


def _leaks_nothing(text: str) -> None:
    assert not [word for word in ("Traceback", ".py", "File ", "site-packages", "\n") if word in text], text


@pytest.fixture(scope="module")
def relay(triton: ModelServer) -> Iterator[Relay]:
    """Stand between gateway and Triton."""
    with Relay(triton.grpc_address) as relay:
        yield relay


@pytest.fixture(scope="module")
def cut_off(relay: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway whose upstream can be cut off."""
    with Gateway(Workspace(tmp_path_factory.mktemp("cut"), relay.address)) as gateway:
        yield gateway


@pytest.fixture
def cut_caller(cut_off: Gateway, relay: Relay) -> Iterator[Caller]:
    """Call as the agent; afterwards the relay is whole again."""
    with cut_off.caller("agent") as caller:
        until(lambda: caller.send("ServerLive", wire.ServerLiveRequest()).code == "OK", "a connection")
        caller.correlation = f"after-{caller.correlation}"
        yield caller
    relay.mend()


class TestDeadUpstream:
    """The connection to Triton breaks: before, between and in the midst of calls."""

    def test_dead_upstream_is_unavailable_until_it_is_back(self, cut_caller: Caller, relay: Relay) -> None:
        """Calls are refused at once and recorded; once the server is back, calls are answered again."""
        assert cut_caller.send("ModelInfer", infer_request("echo", amount(1))).code == "OK"
        relay.cut()

        dead = cut_caller.send("ModelInfer", infer_request("echo", amount(2)))

        assert (dead.code, dead.text) == (
            "UNAVAILABLE",
            f"the model server cannot be reached [ombud-decision-id: {dead.decision}]",
        )
        expected = failed(cut_caller, "echo", dead)
        record = plain(cut_caller.entries()[1])
        assert {key: record.get(key) for key in expected} == expected
        assert cut_caller.gateway.health() == health_pb2.HealthCheckResponse.SERVING

        relay.mend()

        def back() -> bool:
            return cut_caller.send("ModelInfer", infer_request("echo", amount(3))).code == "OK"

        until(back, "an answer")

    def test_upstream_dying_in_mid_call_is_unavailable(self, cut_caller: Caller, relay: Relay) -> None:
        """A call under way ends with a status and a record when its upstream dies."""
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(
                cut_caller.send, "ModelInfer", infer_request("slow", [number("DELAY_MS", 20_000)])
            )
            until(cut_caller.gateway.in_flight, "a call in flight")
            relay.cut()
            ended = sent.result(SECONDS)

        assert ended.code == "UNAVAILABLE"
        assert cut_caller.record() == failed(cut_caller, "slow", ended)

    def test_upstream_dying_in_mid_stream_is_told_in_band(self, cut_caller: Caller, relay: Relay) -> None:
        """The answers that came stay answered, then an error with the request's decision id."""
        bare = Bare(cut_caller)
        bare.send(infer_request("repeat", repeat(1000, 20), id="a"))
        bare.take()
        relay.cut()

        while not (message := bare.take()).error_message:
            pass
        bare.end()

        assert message.error_message.endswith(f"[ombud-decision-id: {bare.id}.1]")
        assert message.infer_response.id == "a"
        rows = parts(cut_caller)[f"{bare.id}.1"]
        assert (rows[0], rows[1]) == (INTENT, answered(1))
        assert rows[-1][2:4] == ("failed", "UNAVAILABLE")


def test_dying_model_and_killed_server_fail_their_calls(prepared: Prepared, tmp_path: Path) -> None:
    """A model's process that ends, then Triton killed in mid-call: each a status and a record."""
    log = tmp_path / "own.log"
    server = start_triton(prepared, log, repositories=[MODELS], models=["slow", "failing"])
    with (
        server,
        Gateway(Workspace(tmp_path / "gateway", server.grpc_address)) as gateway,
        gateway.caller("agent") as caller,
        ThreadPoolExecutor(1) as pool,
    ):
        died = caller.send("ModelInfer", mode("exit"))
        sent = pool.submit(caller.send, "ModelInfer", infer_request("slow", [number("DELAY_MS", 20_000)]))
        until(gateway.in_flight, "a call in flight")
        server.kill()
        killed = sent.result(SECONDS)
        following = caller.send("ModelInfer", infer_request("slow", [number("DELAY_MS", 1)]))

        assert died.code in {"INTERNAL", "UNAVAILABLE"}
        _leaks_nothing(died.text)
        assert (killed.code, following.code) == ("UNAVAILABLE", "UNAVAILABLE")
        assert [plain(entry) for entry in caller.entries()] == [
            failed(caller, "failing", died),
            failed(caller, "slow", killed),
            failed(caller, "slow", following),
        ]
        assert gateway.stop() == 0
        assert gateway.verify().exit_code == 0


@pytest.fixture(scope="module")
def small(triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run it."""
    workspace = Workspace(
        tmp_path_factory.mktemp("small"),
        triton.grpc_address,
        gateway={"max_message_bytes": 65_536},
        limits={"in_flight": 1, "queue": 1},
        upstreams__triton={"timeout_seconds": 2.5},
    )
    with Gateway(workspace) as gateway:
        yield gateway


@pytest.fixture
def caller(small: Gateway) -> Iterator[Caller]:
    """Call as the agent."""
    with small.caller("agent") as caller:
        yield caller


class TestSmallGateway:
    """A gateway with room for one call, one waiting, small messages and little patience."""

    def test_calls_past_the_queue_are_shed_at_once(self, small: Gateway, caller: Caller) -> None:
        """One works, one waits, the third is refused before the first ends, and counted."""
        before = _refused(small)
        slow = infer_request("slow", [number("DELAY_MS", 1_500)])
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(caller.send, "ModelInfer", slow)
            until(small.in_flight, "a call in flight")
            second = pool.submit(caller.send, "ModelInfer", slow)
            until(lambda: small.metric("ombud_calls_waiting"), "a call waiting")
            third = caller.send("ModelInfer", infer_request("echo", amount(1)))
            at_once = not first.done()
            endings = [first.result(SECONDS).code, second.result(SECONDS).code]

        assert (third.code, third.reason, third.text) == (
            "RESOURCE_EXHAUSTED",
            "OVERLOADED",
            f"{AT_ITS_LIMIT} [ombud-decision-id: {third.decision}]",
        )
        assert endings == ["OK", "OK"]
        assert at_once
        until(lambda: _refused(small) - before == Counter(overloaded=1), "the count of refusals")
        assert [entry.record["method"] for entry in caller.entries()] == ["ModelInfer"] * 2

    def test_unauthenticated_calls_are_counted_not_recorded(self, small: Gateway, caller: Caller) -> None:
        """Without a token that holds there is a status, a count at most once a second, and nothing else."""
        before = _refused(small)
        other = small.workspace.tokens["other"]
        wrong = {
            "present a bearer token or a client certificate": {},
            "authorization must be: Bearer ombud_<id>_<secret>": {"authorization": "Basic eA=="},
            "the token is not accepted": {"authorization": f"Bearer {other[:-1]}{'AB'[other[-1] == 'A']}"},
        }

        endings = {
            text: caller.send("ModelInfer", infer_request("echo", amount(1)), metadata=metadata)
            for text, metadata in wrong.items()
        }

        assert {text: (end.code, end.reason, end.text) for text, end in endings.items()} == {
            text: ("UNAUTHENTICATED", "UNAUTHENTICATED", f"{text} [ombud-decision-id: {end.decision}]")
            for text, end in endings.items()
        }
        until(lambda: _refused(small) - before == Counter(unauthenticated=3), "the count of refusals")
        for ended in endings.values():
            assert small.entries("e.id = $1", ended.decision) == []

    def test_malformed_bytes_of_strangers_are_counted_as_unauthenticated(self, caller: Caller) -> None:
        """Who nobody knows learns nothing about its bytes."""
        ended = caller.send("ModelInfer", b"\xff" * 10, metadata={})

        assert (ended.code, ended.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")

    def test_too_large_requests_are_refused(self, caller: Caller) -> None:
        """Past the limit the door refuses and records; past twice the limit gRPC itself refuses."""
        large = infer_request("echo", [*amount(1), tensor("IN_BYTES", [b"", b"", b"x" * 70_000], np.object_)])
        huge = infer_request("echo", [*amount(1), tensor("IN_BYTES", [b"", b"", b"x" * 140_000], np.object_)])

        refused, cut = caller.send("ModelInfer", large), caller.send("ModelInfer", huge)
        text = f"request has {large.ByteSize()} bytes, at most 65536 are taken"

        assert (refused.code, refused.reason, refused.text) == (
            "RESOURCE_EXHAUSTED",
            "TOO_LARGE",
            f"{text} [ombud-decision-id: {refused.decision}]",
        )
        assert cut.code == "RESOURCE_EXHAUSTED"
        assert [entry.record["reason"] for entry in caller.entries()] == ["TOO_LARGE"]

    def test_slow_upstream_ends_at_the_gateway_s_patience(self, caller: Caller) -> None:
        """A caller without haste still gets an end when the upstream takes longer than configured."""
        ended = caller.send("ModelInfer", infer_request("slow", [number("DELAY_MS", 30_000)]))

        assert ended.code == "DEADLINE_EXCEEDED"
        assert caller.record() == failed(caller, "slow", ended)


def _refused(gateway: Gateway) -> Counter[str]:
    total: Counter[str] = Counter()
    for entry in gateway.entries("e.kind = 'refused'"):
        assert entry.record["from_ts"] <= entry.record["to_ts"]
        total.update(entry.record["counts"])
    return total


def _mutations(rng: random.Random, sound: bytes, count: int) -> Iterator[bytes]:
    """Yield truncated, flipped, doubled and wholly random bytes."""
    for _ in range(count):
        kind = rng.randrange(5)
        if kind == 0:
            yield sound[: rng.randrange(len(sound) + 1)]
        elif kind == 1:
            altered = bytearray(sound)
            for _ in range(rng.randint(1, 4)):
                altered[rng.randrange(len(altered))] = rng.randrange(256)
            yield bytes(altered)
        elif kind == 2:
            at = rng.randrange(len(sound))
            yield sound[:at] + rng.randbytes(rng.randint(1, 8)) + sound[at:]
        elif kind == 3:
            yield sound + sound[rng.randrange(len(sound)) :]
        else:
            yield rng.randbytes(rng.randrange(80))


FUZZED = {
    "ModelInfer": (infer_request("echo", amount(400, 0.75, b"anna", b"north"), id="x"), 150),
    "ModelMetadata": (wire.ModelMetadataRequest(name="echo", version="1"), 30),
    "RepositoryModelLoad": (wire.RepositoryModelLoadRequest(model_name="echo"), 30),
    "SystemSharedMemoryRegister": (wire.SystemSharedMemoryRegisterRequest(name="r", key="/r"), 30),
    "LogSettings": (wire.LogSettingsRequest(), 30),
}
OWN_REFUSALS = {
    ("INVALID_ARGUMENT", "MALFORMED"),
    ("INVALID_ARGUMENT", "CONTRACT"),
    ("INVALID_ARGUMENT", "UNREVIEWABLE"),
    ("PERMISSION_DENIED", "DENIED"),
    ("FAILED_PRECONDITION", "REVIEW_REQUIRED"),
}


@pytest.mark.parametrize("method", FUZZED)
def test_damaged_requests_get_a_status_and_a_record(agent: Caller, method: str) -> None:
    """Whatever the bytes, there is one record, a status that fits, and a gateway that serves on."""
    message, count = FUZZED[method]
    sound = message.SerializeToString() or b"\x0a\x04\x0a\x00\x12\x00"

    with ThreadPoolExecutor(8) as pool:
        bodies = list(_mutations(random.Random(f"ombud {method}"), sound, count))
        endings = list(pool.map(lambda body: agent.send(method, body), bodies))

    by_id = {entry.record["id"]: entry.record for entry in agent.entries() if entry.kind == "decision"}
    strange = []
    for body, ended in zip(bodies, endings, strict=True):
        record = by_id[ended.decision]
        sound_record = record["status"] == ended.code and record["request_bytes"] == len(body)
        by_triton = record["outcome"] in {"answered", "failed"}
        if not sound_record or not (by_triton or (ended.code, ended.reason) in OWN_REFUSALS):
            strange.append((body, ended, record))
        _leaks_nothing(ended.text.replace(".py", "") if by_triton else ended.text)
    assert strange == []
    assert len(by_id) == count
    assert agent.gateway.health() == health_pb2.HealthCheckResponse.SERVING


def test_messages_of_other_methods_are_refused_or_read_as_they_are(agent: Caller) -> None:
    """Methods that do not exist are UNIMPLEMENTED, for known callers and strangers alike."""
    ended = agent.send("NoSuchMethod", b"")

    assert ended.code == "UNIMPLEMENTED"
