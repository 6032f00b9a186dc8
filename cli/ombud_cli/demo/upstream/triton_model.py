# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The loan model in Triton's Python backend: unpack one row, ask the evaluator, pack the answer.

Copied into the model repository as `loan/1/model.py` with `evaluator.py` and `model.json` beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import triton_python_backend_utils as pb_utils

if TYPE_CHECKING:
    from ombud_cli.demo.upstream import evaluator
else:
    sys.path.insert(0, str(Path(__file__).parent))
    import evaluator


class TritonPythonModel:
    """Triton's interface of a Python model."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the saved model, of exactly the digest that the configuration names."""
        if not np.__version__.startswith("1."):
            raise RuntimeError(
                f"numpy {np.__version__} makes this backend answer with empty tensors; wants 1.x"
            )
        wanted = json.loads(args["model_config"])["parameters"]["sha256"]["string_value"]
        self.model = evaluator.load(Path(__file__).with_name("model.json"), sha256=wanted)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request, or say in its place what was wrong with it."""
        return [self._respond(request) for request in requests]

    def _respond(self, request: Any) -> Any:
        values = {tensor.name(): tensor.as_numpy().item() for tensor in request.inputs()}
        try:
            answer = self.model.answer(values)
        except ValueError as error:
            refusal = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse(error=refusal)
        return pb_utils.InferenceResponse(
            output_tensors=[
                pb_utils.Tensor("approve", np.array([answer.approve], dtype=np.bool_)),
                pb_utils.Tensor("confidence", np.array([answer.confidence], dtype=np.float64)),
            ]
        )
