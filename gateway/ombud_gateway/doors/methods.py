# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The twenty methods of Triton's `inference.GRPCInferenceService` and the Cedar action of each.

The six of the Open Inference Protocol are among them. Load and unload are read as Triton's messages; KServe's
put the model's name where Triton has the repository's, so a request without a model name is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.errors import Invalid

SERVICE = "inference.GRPCInferenceService"


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: what its bytes are, which Cedar action it is, and where it names a model."""

    name: str
    request: type[Message]
    action: Callable[[Any], str]
    model_field: str = ""
    must_name_model: bool = False

    def parse(self, body: bytes) -> Any:
        """Return the request; raise `Invalid` for bytes that are none, or that leave out the model."""
        try:
            request = self.request.FromString(body)
        except DecodeError as error:
            raise Invalid("MALFORMED", f"request bytes are no {self.request.DESCRIPTOR.full_name}") from error
        if self.must_name_model and not getattr(request, self.model_field):
            raise Invalid("MALFORMED", f"{self.model_field} is empty, expected the name of a model")
        return request


def _read(_request: Any) -> str:
    return "read"


def _administer(_request: Any) -> str:
    return "administer"


def _infer(_request: Any) -> str:
    return "infer"


def _read_or_change(request: Any) -> str:
    return "administer" if request.settings else "read"


METHODS = {
    method.name: method
    for method in (
        Method("ServerLive", wire.ServerLiveRequest, _read),
        Method("ServerReady", wire.ServerReadyRequest, _read),
        Method("ModelReady", wire.ModelReadyRequest, _read, "name", True),
        Method("ServerMetadata", wire.ServerMetadataRequest, _read),
        Method("ModelMetadata", wire.ModelMetadataRequest, _read, "name", True),
        Method("ModelInfer", wire.ModelInferRequest, _infer, "model_name", True),
        Method("ModelStreamInfer", wire.ModelInferRequest, _infer, "model_name", True),
        Method("ModelConfig", wire.ModelConfigRequest, _read, "name", True),
        Method("ModelStatistics", wire.ModelStatisticsRequest, _read, "name"),
        Method("RepositoryIndex", wire.RepositoryIndexRequest, _read),
        Method("RepositoryModelLoad", wire.RepositoryModelLoadRequest, _administer, "model_name", True),
        Method("RepositoryModelUnload", wire.RepositoryModelUnloadRequest, _administer, "model_name", True),
        Method("SystemSharedMemoryStatus", wire.SystemSharedMemoryStatusRequest, _read),
        Method("SystemSharedMemoryRegister", wire.SystemSharedMemoryRegisterRequest, _administer),
        Method("SystemSharedMemoryUnregister", wire.SystemSharedMemoryUnregisterRequest, _administer),
        Method("CudaSharedMemoryStatus", wire.CudaSharedMemoryStatusRequest, _read),
        Method("CudaSharedMemoryRegister", wire.CudaSharedMemoryRegisterRequest, _administer),
        Method("CudaSharedMemoryUnregister", wire.CudaSharedMemoryUnregisterRequest, _administer),
        Method("TraceSetting", wire.TraceSettingRequest, _read_or_change, "model_name"),
        Method("LogSettings", wire.LogSettingsRequest, _read_or_change),
    )
}


def canonical(request: Message) -> bytes:
    """Return what a review binds: the deterministic form of the request, an inference's without its own id.

    Raises `Invalid` where fields are unknown: a reviewer could not have seen them.
    """
    if _has_unknown(request):
        raise Invalid(
            "UNREVIEWABLE", "the request has fields that no reviewer could see, so it cannot be reviewed"
        )
    if isinstance(request, wire.ModelInferRequest):
        request = type(request).FromString(request.SerializeToString())
        request.ClearField("id")
    return request.SerializeToString(deterministic=True)


def _has_unknown(message: Message) -> bool:
    if len(UnknownFieldSet(message)):
        return True
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = value.values() if field.message_type.fields_by_name["value"].message_type else ()
        else:
            inner = value if field.is_repeated else (value,)
        if any(_has_unknown(item) for item in inner):
            return True
    return False
