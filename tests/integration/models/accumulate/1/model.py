# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Sum the values of a sequence: a stateful model, addressed by `sequence_id`."""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Keeps one sum per open sequence; that of one left open goes when its id starts anew."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start without sequences."""
        self.sums: dict[int, int] = {}

    def execute(self, requests: list[Any]) -> list[Any]:
        """Add each request's value to its sequence's sum and answer with that."""
        return [self._respond(request) for request in requests]

    def _respond(self, request: Any) -> Any:
        value, start, end, sequence = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy().ravel()[0]
            for name in ("VALUE", "START", "END", "CORRID")
        )
        total = int(value) + (0 if start else self.sums.get(int(sequence), 0))
        self.sums[int(sequence)] = total
        if end:
            del self.sums[int(sequence)]
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor("SUM", np.array([total], dtype=np.int64))]
        )
