# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A small Open Inference Protocol server for the loan model, where Triton cannot run.

It serves the same model repository as Triton does, with the same evaluator: `python -m
ombud_cli.demo.upstream.embedded_server REPOSITORY PORT`. It knows health, metadata, configuration, inference
and statistics; everything else is UNIMPLEMENTED. It is a stand-in for a demonstration, not a model server.
"""

from __future__ import annotations

import asyncio
import signal
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import grpc
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from ombud_cli.demo.upstream.evaluator import Answer, Model, load
from ombud_cli.demo.upstream.repository import MODEL, VERSION

NAME: Final = "ombud-embedded"
EXTENSIONS: Final = ("binary_tensor_data", "model_configuration", "parameters", "statistics")

_RAW: Final = {"FP32": "<f", "FP64": "<d", "INT64": "<q", "BOOL": "<?"}
_TYPED: Final = {
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT64": "int64_contents",
    "BOOL": "bool_contents",
}


class InvalidRequestError(ValueError):
    """The request does not fit the model; the message is for the caller."""


def read_inputs(model: Model, request: Any) -> dict[str, float]:
    """Read one row from a request, from raw or typed contents.

    Raises InvalidRequestError naming the tensor that is unknown, twice there, or of another type or shape.
    """
    declared = {each.name: each for each in model.inputs}
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise InvalidRequestError(f"{len(request.inputs)} inputs but {len(raw)} raw contents")
    values: dict[str, float] = {}
    for position, tensor in enumerate(request.inputs):
        wanted = declared.get(tensor.name)
        if wanted is None or tensor.name in values:
            kind = "twice" if wanted else "unexpected"
            raise InvalidRequestError(f"{kind} inference input '{tensor.name}' for model '{MODEL}'")
        if tensor.datatype != wanted.datatype or list(tensor.shape) != [1]:
            raise InvalidRequestError(
                f"inference input '{tensor.name}' is {tensor.datatype}{list(tensor.shape)}, "
                f"model '{MODEL}' wants {wanted.datatype}[1]"
            )
        if raw:
            form = _RAW[wanted.datatype]
            if len(raw[position]) != struct.calcsize(form):
                raise InvalidRequestError(
                    f"inference input '{tensor.name}' has {len(raw[position])} bytes, "
                    f"wants {struct.calcsize(form)}"
                )
            values[tensor.name] = struct.unpack(form, raw[position])[0]
        else:
            contents = getattr(tensor.contents, _TYPED[wanted.datatype])
            if len(contents) != 1:
                raise InvalidRequestError(
                    f"inference input '{tensor.name}' has {len(contents)} values, wants 1"
                )
            values[tensor.name] = contents[0]
    return values


def write_response(request: Any, answer: Answer) -> Any:
    """Pack an answer exactly as Triton does: version resolved, outputs raw, in the order asked for."""
    known = {
        "approve": ("BOOL", struct.pack("<?", answer.approve)),
        "confidence": ("FP64", struct.pack("<d", answer.confidence)),
    }
    response = service_pb2.ModelInferResponse(model_name=MODEL, model_version=VERSION, id=request.id)
    wanted = {output.name for output in request.outputs} or set(known)
    if unknown := sorted(wanted - set(known)):
        raise InvalidRequestError(f"unexpected inference output '{unknown[0]}' for model '{MODEL}'")
    for name, (datatype, content) in known.items():
        if name in wanted:
            response.outputs.add(name=name, datatype=datatype, shape=[1])
            response.raw_output_contents.append(content)
    return response


class LoanService(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """The RPCs this server knows; the base class answers the others with UNIMPLEMENTED."""

    def __init__(self, model: Model, configuration: Any) -> None:
        """Serve one model as configured."""
        self._model = model
        self._configuration = configuration
        self._successes = self._failures = 0
        self._success_nanoseconds = self._failure_nanoseconds = 0

    async def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        """Say that the server lives."""
        return service_pb2.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say that the server is ready."""
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say whether this is the model."""
        return service_pb2.ModelReadyResponse(
            ready=request.name == MODEL and request.version in {"", VERSION}
        )

    async def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Name the server."""
        return service_pb2.ServerMetadataResponse(name=NAME, version=VERSION, extensions=EXTENSIONS)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Describe the tensors."""
        await _demand_model(request.name, request.version, context)
        response = service_pb2.ModelMetadataResponse(name=MODEL, versions=[VERSION], platform="python")
        pairs = ((self._configuration.input, response.inputs), (self._configuration.output, response.outputs))
        for source, target in pairs:
            for tensor in source:
                datatype = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
                target.add(name=tensor.name, datatype=datatype, shape=tensor.dims)
        return response

    async def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give the configuration as written; Triton adds its defaults."""
        await _demand_model(request.name, request.version, context)
        return service_pb2.ModelConfigResponse(config=self._configuration)

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answer for one application."""
        await _demand_model(request.model_name, request.model_version, context)
        started = time.perf_counter_ns()
        try:
            answer = self._model.answer(read_inputs(self._model, request))
            response = write_response(request, answer)
        except ValueError as error:
            self._failures += 1
            self._failure_nanoseconds += time.perf_counter_ns() - started
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        self._successes += 1
        self._success_nanoseconds += time.perf_counter_ns() - started
        return response

    async def ModelStatistics(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Count the calls since start."""
        if request.name:
            await _demand_model(request.name, request.version, context)
        response = service_pb2.ModelStatisticsResponse()
        row = response.model_stats.add(
            name=MODEL, version=VERSION, inference_count=self._successes, execution_count=self._successes
        )
        row.inference_stats.success.count = self._successes
        row.inference_stats.success.ns = self._success_nanoseconds
        row.inference_stats.fail.count = self._failures
        row.inference_stats.fail.ns = self._failure_nanoseconds
        return response


async def _demand_model(name: str, version: str, context: Any) -> None:
    if name != MODEL or version not in {"", VERSION}:
        asked = f"'{name}' version {version or 'latest'}"
        await _abort(context, grpc.StatusCode.NOT_FOUND, f"Request for unknown model: {asked} is not found")


async def _abort(context: Any, code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError("abort returned")


async def serve(repository: Path, port: int) -> None:
    """Serve the repository's loan model on loopback until SIGTERM or SIGINT."""
    configuration = text_format.Parse(
        (repository / MODEL / "config.pbtxt").read_text(), model_config_pb2.ModelConfig()
    )
    parameters: Mapping[str, Any] = configuration.parameters
    model = load(repository / MODEL / VERSION / "model.json", sha256=parameters["sha256"].string_value)

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(LoanService(model, configuration), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    ended = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, ended.set)
    await ended.wait()
    await server.stop(grace=2.0)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
