# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What travels between the hops: seen by a stand-in for the model server that tells what reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as wire

from integration.gateway import Caller, Gateway, Workspace, amount, infer_request
from integration.test_gateway_streams import Bare

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Stub(grpc.GenericRpcHandler):
    """Echoes as `echo` does, keeps the metadata of each call, and sends metadata of its own, compressed."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Answer the methods that a test needs."""
        name = handler_call_details.method.rpartition("/")[2]
        if name == "ModelInfer":
            return grpc.unary_unary_rpc_method_handler(self._infer)
        if name == "ModelStreamInfer":
            return grpc.stream_stream_rpc_method_handler(self._stream)
        return None

    def _infer(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        self.seen.append(dict(context.invocation_metadata()))
        context.set_compression(grpc.Compression.Gzip)
        context.send_initial_metadata((("x-initial", "i"), ("ombud-decision-id", "forged")))
        trailing = (("x-trailing", "t"), ("x-bytes-bin", b"\0\1"), ("ombud-position", "forged:1"))
        request = wire.ModelInferRequest.FromString(body)
        if request.parameters["fail"].bool_param:
            context.set_trailing_metadata(trailing)
            context.abort(grpc.StatusCode.ABORTED, "as asked")
        context.set_trailing_metadata(trailing)
        return bytes(self._answer(request).SerializeToString())

    def _stream(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        self.seen.append(dict(context.invocation_metadata()))
        for body in bodies:
            answer = self._answer(wire.ModelInferRequest.FromString(body))
            yield wire.ModelStreamInferResponse(infer_response=answer).SerializeToString()

    @staticmethod
    def _answer(request: Any) -> Any:
        answer = wire.ModelInferResponse(model_name="echo", model_version="1", id=request.id)
        answer.outputs.add(name="OUT_FLOATS", datatype="FP32", shape=[2])
        answer.raw_output_contents.append(request.raw_input_contents[0])
        return answer


@pytest.fixture(scope="module")
def stub() -> Iterator[tuple[Stub, str]]:
    """Run the stand-in."""
    handler = Stub()
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def before_stub(stub: tuple[Stub, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway in front of it."""
    with Gateway(Workspace(tmp_path_factory.mktemp("stub"), stub[1])) as gateway:
        yield gateway


@pytest.fixture
def caller(before_stub: Gateway) -> Iterator[Caller]:
    """Call as the agent."""
    with before_stub.caller("agent") as caller:
        yield caller


def headers(caller: Caller) -> dict[str, str]:
    """Metadata of all sorts."""
    return caller.headers(
        ombud_run_id="run",
        ombud_attempt="2",
        ombud_made_up="x",
        traceparent=TRACE,
        tracestate="vendor=1",
        cookie="c",
        **{"x-custom": "mine", "x-custom-bin": "", "proxy-authorization": "p", "triton-purpose": "test"},
    )


def test_secrets_and_ombud_s_own_never_reach_the_upstream(caller: Caller, stub: tuple[Stub, str]) -> None:
    """What is meant for the model server arrives, with decision id and trace context; nothing else does."""
    metadata = headers(caller)
    metadata["x-custom-bin"] = b"\0\xff"  # type: ignore[assignment]

    answer = caller.send("ModelInfer", infer_request("echo", amount(1)), metadata=metadata)

    seen = stub[0].seen[-1]
    assert seen.pop("user-agent").startswith("ombud/")
    assert seen == {
        "x-custom": "mine",
        "x-custom-bin": b"\0\xff",
        "triton-purpose": "test",
        "traceparent": TRACE,
        "tracestate": "vendor=1",
        "ombud-decision-id": answer.decision,
    }


def test_metadata_of_the_answer_passes_but_cannot_forge_ombud_s(caller: Caller) -> None:
    """Initial and trailing metadata of the upstream come back; decision id and position are the gateway's."""
    answer = caller.send("ModelInfer", infer_request("echo", amount(2)))

    (entry,) = caller.entries()
    assert (answer.code, answer.initial) == ("OK", {"x-initial": "i"})
    assert answer.trailing == {
        "x-trailing": "t",
        "x-bytes-bin": b"\0\1",
        "ombud-decision-id": entry.record["id"],
        "ombud-position": f"r0-0:{entry.seq}",
        "ombud-ledger": "durable",
    }


def test_metadata_of_a_failure_passes(caller: Caller) -> None:
    """Status, words and trailing metadata of a failing upstream are the client's."""
    request = infer_request("echo", amount(3))
    request.parameters["fail"].bool_param = True

    ended = caller.send("ModelInfer", request)

    assert (ended.code, ended.text) == ("ABORTED", f"as asked [ombud-decision-id: {ended.decision}]")
    assert ended.trailing == {
        "x-trailing": "t",
        "x-bytes-bin": b"\0\1",
        "ombud-decision-id": caller.record()["id"],
    }


def test_compression_is_per_hop(caller: Caller) -> None:
    """The upstream compresses its answer, the client its request; neither shows in the other hop."""
    answer = caller.client.infer("echo", amount(4), headers=caller.headers(), compression_algorithm="gzip")

    assert answer.as_numpy("OUT_FLOATS").tolist()[0] == 4.0
    (entry,) = caller.entries()
    assert entry.record["response_bytes"] == answer.get_response().ByteSize()


def test_streams_are_as_clean(caller: Caller, stub: tuple[Stub, str]) -> None:
    """Each request of a stream reaches the upstream with its own decision id."""
    bare = Bare(caller, traceparent=TRACE, ombud_run_id="r")
    for value in (5, 6):
        bare.send(infer_request("echo", amount(value), id=str(value)))
        assert bare.take().infer_response.id == str(value)
    bare.end()

    for seen, number in zip(stub[0].seen[-2:], (1, 2), strict=True):
        seen.pop("user-agent")
        assert seen == {"traceparent": TRACE, "ombud-decision-id": f"{bare.id}.{number}"}


@pytest.mark.parametrize("traceparent", ["nonsense", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_unusable_trace_context_is_dropped(caller: Caller, stub: tuple[Stub, str], traceparent: str) -> None:
    """A trace context that is none is neither passed on nor recorded."""
    caller.send("ModelInfer", infer_request("echo", amount(7)), traceparent=traceparent, tracestate="a=1")

    assert not {"traceparent", "tracestate"} & set(stub[0].seen[-1])
    assert "trace_id" not in caller.record()
