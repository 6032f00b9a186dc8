# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the model server counts of its own calls stands in the ledger, so that a call past the gateway shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from integration.gateway import Gateway, Workspace, amount, direct, infer_request
from integration.triton import MODELS, tensor
from ombud_cli.demo.upstream import ModelServer, Prepared, start_triton
from ombud_gateway.upstreams.kserve import KServeUpstream

__all__ = ["KServeUpstream", "MODELS", "Prepared", "np", "start_triton", "tensor"]


def counts(gateway: Gateway, model: str) -> list[dict[str, Any]]:
    """Return what the server said of a model, sample by sample."""
    entries = gateway.entries("e.kind = 'upstream' AND e.event = 'counted'")
    return [each for entry in entries for each in entry.record["models"] if each["model"] == model]


def test_counts(triton: ModelServer, tmp_path: Path) -> None:
    """A call through the gateway and one past it: the server counted both, from start to stop."""
    workspace = Workspace(tmp_path, triton.grpc_address)
    with Gateway(workspace) as gateway, gateway.caller("agent") as agent:
        assert agent.send("ModelInfer", infer_request("echo", amount(1))).code == "OK"
        assert direct(triton, "ModelInfer", infer_request("echo", amount(2))).code == "OK"
        gateway.stop()
        said = counts(gateway, "echo")
        print(gateway.entries("e.kind = 'upstream'"))
    assert len(said) == 2
    assert said[1]["succeeded"] - said[0]["succeeded"] == 2
