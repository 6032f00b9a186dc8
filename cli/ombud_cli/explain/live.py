# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The model that decided, asked through the gateway as whoever explains: each call judged, recorded, marked.

A call is refused here unless version, configuration and artifact are those that the decision names: an
explanation of another model would be one of another decision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc import service_pb2 as wire

from ombud_cli.control import Control, refused
from ombud_cli.explain.tensors import Declared, Layout, outputs
from ombud_cli.failure import no, unusable
from ombud_reports import explain

_SERVICE: Final = "/inference.GRPCInferenceService/"
_SECONDS: Final = 120.0
_MOST_CASES: Final = 1_024
_MOST_BYTES: Final = 3 << 20
"""Below gRPC's own default limit of 4 MiB a message, with room for what is not tensors."""


class LiveModel:
    """One model version behind a gateway. Raises `Failure` for every refusal."""

    def __init__(
        self,
        control: Control,
        channel: grpc.Channel,
        model: explain.Model,
        contract: explain.Contract,
        *,
        decision: str = "",
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._control = control
        self._channel = channel
        self._model = model
        self._contract = contract
        self._explained = (("ombud-purpose", "explanation"), ("ombud-explains", decision))
        self._tell = tell
        self._layout = Layout(contract, self._declared())

    def __call__(self, cases: Sequence[explain.Case]) -> explain.Answers:
        """Put cases to the model, in as few calls as the limits of messages allow."""
        found: list[explain.Case] = [()] * len(cases)
        calls = []
        whole = self._layout.stack(cases[:1], 1)
        size = max(sum(len(raw) + 64 for *_, raw in whole[0].tensors), 1)
        for stacked in self._layout.stack(cases, max(1, min(_MOST_CASES, _MOST_BYTES // size))):
            request = wire.ModelInferRequest(model_name=self._model.name, model_version=self._model.version)
            for name, datatype, shape, raw in stacked.tensors:
                request.inputs.add(name=name, datatype=datatype, shape=shape)
                request.raw_input_contents.append(raw)
            response, told = self._call("ModelInfer", request, wire.ModelInferResponse, self._explained)
            self._demand(told)
            tensors = {
                output.name: (output.datatype, raw)
                for output, raw in zip(response.outputs, response.raw_output_contents, strict=True)
            }
            for number, each in zip(
                stacked.cases, outputs(self._contract, tensors, len(stacked.cases)), strict=True
            ):
                found[number] = each
            calls.append(
                explain.GovernedCall(told["ombud-decision-id"], told["ombud-position"], len(stacked.cases))
            )
            self._tell(len(stacked.cases))
        return explain.Answers(tuple(found), tuple(calls))

    def _declared(self) -> list[Declared]:
        request = wire.ModelConfigRequest(name=self._model.name, version=self._model.version)
        response, _ = self._call("ModelConfig", request, wire.ModelConfigResponse)
        config = response.config
        digest = hashlib.sha256(config.SerializeToString(deterministic=True)).hexdigest()
        if digest != self._model.config:
            raise _other(f"configuration {digest[:16]}", f"{self._model.config[:16]}")
        if config.model_transaction_policy.decoupled:
            raise unusable(f"model {self._model.name}: it is decoupled, and cannot be explained")
        kinds = model_config_pb2.DataType
        return [
            Declared(
                each.name,
                {"STRING": "BYTES"}.get(name := kinds.Name(each.data_type).removeprefix("TYPE_"), name),
                tuple(each.dims),
                each.optional,
            )
            for each in config.input
        ]

    def _demand(self, told: dict[str, str]) -> None:
        """Demand that what answered is what decided: the gateway tells it as it recorded it."""
        wanted = (
            ("version", "ombud-model-version", self._model.version),
            ("configuration", "ombud-config-digest", self._model.config),
            ("artifact", "ombud-artifact-digest", self._model.artifact),
        )
        for what, key, recorded in wanted:
            if told.get(key) != recorded:
                raise _other(f"{what} {told.get(key, 'that is not told')[:16]}", recorded[:16])

    def _call(
        self, method: str, request: Any, reply: Any, more: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Any, dict[str, str]]:
        rpc: Any = self._channel.unary_unary(
            _SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        metadata = (*self._control.metadata(), *(pair for pair in more if pair[1]))
        try:
            answer, call = rpc.with_call(request, timeout=_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            raise refused(self._control.gateway, error) from error
        return answer, dict(call.trailing_metadata() or ())


def _other(found: str, recorded: str) -> Exception:
    return no(
        f"the live model is not the one that decided: it has {found}, the record names {recorded}; bring "
        "that version back, or explain a later decision"
    )
