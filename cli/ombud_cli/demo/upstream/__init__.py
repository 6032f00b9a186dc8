# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The model server behind the demonstration: real Triton, or an embedded stand-in, over one trained model.

prepared = prepare(Path("var/demo/triton"))
with start(prepared, Path("var/demo/logs/upstream.log")) as server:
    client = tritonclient.grpc.InferenceServerClient(server.grpc_address)
"""

from ombud_cli.demo.upstream.applications import Application, held_out_half, load, training_half
from ombud_cli.demo.upstream.errors import (
    PreparationError,
    ServerError,
    TritonUnsupportedError,
    UpstreamError,
)
from ombud_cli.demo.upstream.features import EXCLUDED, FEATURES, Feature
from ombud_cli.demo.upstream.preparation import Prepared, prepare
from ombud_cli.demo.upstream.repository import MODEL
from ombud_cli.demo.upstream.server_process import Addresses, ModelServer
from ombud_cli.demo.upstream.start import start, start_embedded
from ombud_cli.demo.upstream.tensors import infer_inputs, tensors
from ombud_cli.demo.upstream.triton_server import start_triton, why_unsupported

__all__ = [
    "EXCLUDED",
    "FEATURES",
    "MODEL",
    "Addresses",
    "Application",
    "Feature",
    "ModelServer",
    "PreparationError",
    "Prepared",
    "ServerError",
    "TritonUnsupportedError",
    "UpstreamError",
    "held_out_half",
    "infer_inputs",
    "load",
    "prepare",
    "start",
    "start_embedded",
    "start_triton",
    "tensors",
    "training_half",
    "why_unsupported",
]
