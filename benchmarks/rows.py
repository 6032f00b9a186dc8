# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of features put to the loan model on a real model server, 32 at a time: what both sides of a
benchmark ask.

Needs numpy, grpcio and tritonclient alone, so that a peer can ask from an environment of its own.
"""

from __future__ import annotations

import asyncio
import math
import struct
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as wire

_CODES = {"FP32": "f", "FP64": "d", "INT64": "q", "BOOL": "?"}


class Rows:
    """Answers rows with log-odds of approval; counts rows and batches."""

    def __init__(self, address: str, features: list[tuple[str, str]]) -> None:
        """`features` are names and datatypes, in the order of the columns."""
        self._address = address
        self._features = features
        self.rows = 0
        self.batches = 0

    def __call__(self, rows: Any) -> Any:
        """Ask about every row."""
        self.rows += len(rows)
        self.batches += 1
        return np.array(asyncio.run(self._ask([self._body(row) for row in rows])))

    def _body(self, row: Any) -> bytes:
        request = wire.ModelInferRequest(model_name="loan")
        for (name, datatype), value in zip(self._features, row, strict=True):
            request.inputs.add(name=name, datatype=datatype, shape=[1])
            held = int(value) if datatype in ("INT64", "BOOL") else float(value)
            request.raw_input_contents.append(struct.pack(f"<{_CODES[datatype]}", held))
        return bytes(request.SerializeToString())

    async def _ask(self, bodies: list[bytes]) -> list[float]:
        places = asyncio.Semaphore(32)
        async with grpc.aio.insecure_channel(self._address) as channel:
            infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")

            async def one(body: bytes) -> float:
                async with places:
                    return _log_odds(wire.ModelInferResponse.FromString(await infer(body)))

            return list(await asyncio.gather(*map(one, bodies)))


def _log_odds(response: Any) -> float:
    raw = dict(zip([each.name for each in response.outputs], response.raw_output_contents, strict=True))
    (sure,) = struct.unpack("<d", raw["confidence"])
    chance = sure if raw["approve"] == b"\x01" else 1.0 - sure
    return math.log(chance / (1.0 - chance))
