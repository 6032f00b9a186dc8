# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Answer with what was asked: any number of floats, any number of byte strings, either or both."""

from __future__ import annotations

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Identity."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Copy each input that is there to the output of the same kind."""
        return [
            pb_utils.InferenceResponse(
                output_tensors=[
                    pb_utils.Tensor(tensor.name().replace("IN", "OUT"), tensor.as_numpy())
                    for tensor in request.inputs()
                ]
            )
            for request in requests
        ]
