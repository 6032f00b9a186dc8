# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Ask a model server what one of its models declares (KServe v2: ModelMetadata, ModelConfig)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as wire

from ombud_cli.failure import unusable
from ombud_gateway.draft import DeclaredTensor

_SERVICE = "/inference.GRPCInferenceService/"
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Declared:
    """A model's tensors; `batched` where the first dimension of each counts rows."""

    inputs: tuple[DeclaredTensor, ...]
    outputs: tuple[DeclaredTensor, ...]
    batched: bool


def declared_model(address: str, model: str) -> Declared:
    """Return what a model declares; raise `Failure` where server or model cannot be asked."""
    with grpc.insecure_channel(address) as channel:
        try:
            metadata = _ask(
                channel, "ModelMetadata", wire.ModelMetadataRequest(name=model), wire.ModelMetadataResponse
            )
        except grpc.RpcError as error:
            raise _unasked(address, model, error) from error
        config = _config(channel, address, model)
    optional = {tensor.name for tensor in config.input if tensor.optional} if config else set()
    return Declared(
        tuple(_tensor(tensor, optional) for tensor in metadata.inputs),
        tuple(_tensor(tensor, set()) for tensor in metadata.outputs),
        batched=config is not None and config.max_batch_size > 0,
    )


def _config(channel: grpc.Channel, address: str, model: str) -> Any:
    """Return the model's configuration; None from servers that have none to tell."""
    try:
        reply = _ask(channel, "ModelConfig", wire.ModelConfigRequest(name=model), wire.ModelConfigResponse)
    except grpc.RpcError as error:
        if _code(error) == "UNIMPLEMENTED":
            return None
        raise _unasked(address, model, error) from error
    return reply.config


def _ask(channel: grpc.Channel, method: str, request: Any, reply: Any) -> Any:
    call: Any = channel.unary_unary(
        _SERVICE + method,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=reply.FromString,
    )
    return call(request, timeout=_SECONDS)


def _tensor(tensor: Any, optional: set[str]) -> DeclaredTensor:
    return DeclaredTensor(tensor.name, tensor.datatype, tuple(tensor.shape), tensor.name in optional)


def _code(error: Any) -> str:
    return str(error.code().name)


def _unasked(address: str, model: str, error: Any) -> Exception:
    detail = " ".join((error.details() or "").split())
    if _code(error) == "NOT_FOUND":
        return unusable(f"--model: is {model!r}, which {address} does not serve: {detail}")
    return unusable(f"--upstream: {address} cannot be asked: {_code(error)}: {detail}")
