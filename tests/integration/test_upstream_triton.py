# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The real model server of the demonstration and of the tests, asked by an unmodified client."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from integration.triton import MODELS, tensor
from ombud_cli.demo.upstream import (
    MODEL,
    ModelServer,
    Prepared,
    ServerError,
    held_out_half,
    infer_inputs,
    load,
    start_embedded,
    start_triton,
)

SECONDS = 10


@pytest.fixture
def embedded_client(embedded: ModelServer) -> Iterator[InferenceServerClient]:
    """Give the unmodified client, connected to the embedded server."""
    with InferenceServerClient(embedded.grpc_address) as client:
        yield client


def _bytes(result: Any) -> bytes:
    content: bytes = result.get_response().SerializeToString(deterministic=True)
    return content


def test_embedded_server_answers_as_triton_does(
    triton_client: InferenceServerClient, embedded_client: InferenceServerClient
) -> None:
    """For real applications, those with missing values among them, both answer with the same bytes."""
    rows = held_out_half(load())
    most = max(len(row.features) for row in rows)
    chosen = [*rows[:300], *(row for row in rows[300:] if len(row.features) < most)]

    answers = [
        [
            _bytes(client.infer(MODEL, infer_inputs(row), request_id=row.subject, client_timeout=SECONDS))
            for row in chosen
        ]
        for client in (triton_client, embedded_client)
    ]

    assert any(len(row.features) < most for row in chosen)
    assert answers[0] == answers[1]
    assert all(len(answer) > 60 for answer in answers[0]), "empty tensors: the backend runs under numpy 2"


@pytest.mark.parametrize("wanted", [["confidence"], ["approve"], ["confidence", "approve"]])
def test_servers_agree_on_requested_outputs(
    triton_client: InferenceServerClient, embedded_client: InferenceServerClient, wanted: list[str]
) -> None:
    """Only the outputs asked for come back, alike from both."""
    inputs = infer_inputs(load()[0])
    outputs = [InferRequestedOutput(name) for name in wanted]

    asked = [
        client.infer(MODEL, inputs, outputs=outputs, parameters={"purpose": "test"}, client_timeout=SECONDS)
        for client in (triton_client, embedded_client)
    ]

    assert _bytes(asked[0]) == _bytes(asked[1])
    assert {output.name for output in asked[0].get_response().outputs} == set(wanted)


def test_servers_agree_on_metadata(
    triton_client: InferenceServerClient, embedded_client: InferenceServerClient
) -> None:
    """Both describe the model's tensors alike."""
    assert triton_client.get_model_metadata(MODEL) == embedded_client.get_model_metadata(MODEL)


def test_servers_agree_on_the_inputs_of_the_configuration(
    triton_client: InferenceServerClient, embedded_client: InferenceServerClient
) -> None:
    """Both say which inputs may be left out, and the digest of the model."""
    configurations = [client.get_model_config(MODEL).config for client in (triton_client, embedded_client)]

    assert list(configurations[0].input) == list(configurations[1].input)
    assert dict(configurations[0].parameters) == dict(configurations[1].parameters)


def test_servers_agree_on_what_is_ready(
    triton_client: InferenceServerClient, embedded_client: InferenceServerClient
) -> None:
    """Server and model are live and ready, other models and versions are not."""
    for client in (triton_client, embedded_client):
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready(MODEL)
        assert not client.is_model_ready(MODEL, "2")
        assert not client.is_model_ready("other")


def test_embedded_server_counts_calls(embedded_client: InferenceServerClient) -> None:
    """Statistics move with each call."""
    before = embedded_client.get_inference_statistics(MODEL).model_stats[0].inference_stats.success.count

    embedded_client.infer(MODEL, infer_inputs(load()[0]))

    after = embedded_client.get_inference_statistics(MODEL).model_stats[0].inference_stats.success.count
    assert after == before + 1


@pytest.mark.parametrize("server", ["triton", "embedded"])
@pytest.mark.parametrize(
    ("case", "status"),
    [
        ("unknown model", grpc.StatusCode.NOT_FOUND),
        ("missing input", grpc.StatusCode.INVALID_ARGUMENT),
        ("unexpected input", grpc.StatusCode.INVALID_ARGUMENT),
        ("wrong type", grpc.StatusCode.INVALID_ARGUMENT),
        ("wrong shape", grpc.StatusCode.INVALID_ARGUMENT),
        ("not a number", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_bad_requests_are_refused(
    request: pytest.FixtureRequest, server: str, case: str, status: grpc.StatusCode
) -> None:
    """A request that does not fit gets the same status from either server."""
    client: InferenceServerClient = request.getfixturevalue(f"{server}_client")
    first, *others = infer_inputs(load()[0])
    model, inputs = {
        "unknown model": ("other", [first, *others]),
        "missing input": (MODEL, others),
        "unexpected input": (MODEL, [first, *others, tensor("extra", [1], np.int64)]),
        "wrong type": (MODEL, [tensor("loan_amount", [100], np.int64), *others]),
        "wrong shape": (MODEL, [tensor("loan_amount", [100, 200], np.float64), *others]),
        "not a number": (MODEL, [tensor("loan_amount", [np.nan], np.float64), *others]),
    }[case]

    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, inputs, client_timeout=SECONDS)

    assert raised.value.status() == str(status)


def test_typed_contents_are_answered_as_raw_ones(embedded: ModelServer, triton: ModelServer) -> None:
    """Values in `contents` instead of `raw_input_contents` give the same bytes, from both servers."""
    row = load()[0]
    request = service_pb2.ModelInferRequest(model_name=MODEL)
    fields = {"FP32": "fp32", "FP64": "fp64", "INT64": "int64", "BOOL": "bool"}
    for each in infer_inputs(row):
        made = request.inputs.add(name=each.name(), datatype=each.datatype(), shape=[1])
        getattr(made.contents, f"{fields[each.datatype()]}_contents").append(row.features[each.name()])

    answers = []
    for server in (triton, embedded):
        with grpc.insecure_channel(server.grpc_address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            answers.append(stub.ModelInfer(request, timeout=SECONDS))
    with InferenceServerClient(triton.grpc_address) as client:
        raw = client.infer(MODEL, infer_inputs(row)).get_response()

    assert answers == [raw, raw]


def test_echo_returns_floats_and_bytes(triton_client: InferenceServerClient) -> None:
    """`echo` is the identity, on whatever bytes."""
    floats, words = [1.5, -0.0, 3e38], [b"", b"\xff\x00", "é".encode()]

    answer = triton_client.infer(
        "echo", [tensor("IN_FLOATS", floats, np.float32), tensor("IN_BYTES", words, np.object_)]
    )

    assert answer.as_numpy("OUT_FLOATS").tobytes() == np.array(floats, np.float32).tobytes()
    assert answer.as_numpy("OUT_BYTES").tolist() == words


def test_repeat_streams_its_responses(triton_client: InferenceServerClient) -> None:
    """`repeat` answers each request of a stream N times, then marks the end."""
    got: queue.Queue[tuple[Any, Any]] = queue.Queue()
    triton_client.start_stream(callback=lambda result, error: got.put((result, error)))
    for name, count in (("three", 3), ("none", 0)):
        triton_client.async_stream_infer(
            "repeat",
            [tensor("N", [count], np.int64), tensor("DELAY_MS", [1], np.int64)],
            request_id=name,
            enable_empty_final_response=True,
        )

    seen: dict[str, list[int]] = {"three": [], "none": []}
    ended: set[str] = set()
    while ended != set(seen):
        result, error = got.get(timeout=SECONDS)
        assert error is None
        response = result.get_response()
        if response.parameters["triton_final_response"].bool_param:
            ended.add(response.id)
        else:
            seen[response.id].append(int(result.as_numpy("INDEX")[0]))
    triton_client.stop_stream()

    assert seen == {"three": [0, 1, 2], "none": []}


def test_slow_model_outlasts_a_deadline(triton_client: InferenceServerClient) -> None:
    """`slow` sleeps as asked, so a short deadline passes first."""
    answer = triton_client.infer("slow", [tensor("DELAY_MS", [1], np.int64)], client_timeout=SECONDS)
    with pytest.raises(InferenceServerException) as raised:
        triton_client.infer("slow", [tensor("DELAY_MS", [2_000], np.int64)], client_timeout=0.1)

    assert answer.as_numpy("SLEPT_MS").tolist() == [1]
    assert raised.value.status() == str(grpc.StatusCode.DEADLINE_EXCEEDED)


@pytest.mark.parametrize(
    ("mode", "status"),
    [("error", grpc.StatusCode.INVALID_ARGUMENT), ("raise", grpc.StatusCode.INTERNAL)],
)
def test_failing_model_fails(
    triton_client: InferenceServerClient, mode: str, status: grpc.StatusCode
) -> None:
    """`failing` gives the status that its mode stands for."""
    with pytest.raises(InferenceServerException) as raised:
        triton_client.infer("failing", [tensor("MODE", [mode.encode()], np.object_)], client_timeout=SECONDS)

    assert raised.value.status() == str(status)


def test_accumulate_sums_each_sequence(triton_client: InferenceServerClient) -> None:
    """`accumulate` keeps one sum per sequence, also when sequences alternate."""
    sums: dict[int, list[int]] = {901: [], 902: []}
    for value in (1, 2, 3):
        for sequence, got in sums.items():
            answer = triton_client.infer(
                "accumulate",
                [tensor("VALUE", [value * sequence], np.int64)],
                sequence_id=sequence,
                sequence_start=value == 1,
                sequence_end=value == 3,
                client_timeout=SECONDS,
            )
            got.append(int(answer.as_numpy("SUM")[0]))

    assert sums == {901: [901, 2703, 5406], 902: [902, 2706, 5412]}


def test_models_load_on_demand(prepared: Prepared, triton: ModelServer, tmp_path: Path) -> None:
    """A model that was not asked for at start can be loaded later; a killed server is gone."""
    server = start_triton(prepared, tmp_path / "own.log", repositories=[MODELS], models=["echo"])
    with server, InferenceServerClient(server.grpc_address) as client:
        before = client.is_model_ready(MODEL)
        client.load_model(MODEL)
        after = client.is_model_ready(MODEL)
        server.kill()

    assert (before, after, server.running) == (False, True, False)


def test_server_that_cannot_start_says_why(prepared: Prepared, triton: ModelServer, tmp_path: Path) -> None:
    """A model that is not there ends the start with the server's own words."""
    with pytest.raises(ServerError, match="nowhere"):
        start_triton(prepared, tmp_path / "own.log", models=["nowhere"])


def test_stopped_embedded_server_is_gone(prepared: Prepared, tmp_path: Path) -> None:
    """Stopping ends the process, twice does no harm."""
    server = start_embedded(prepared, tmp_path / "own.log")
    server.stop()
    server.stop()

    assert not server.running
