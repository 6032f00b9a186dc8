# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Sleep as long as asked, then say how long: for deadlines, cancellation and queues."""

from __future__ import annotations

import time
from typing import Any

import triton_python_backend_utils as pb_utils

STEP_SECONDS = 0.02


class TritonPythonModel:
    """One request at a time; a cancelled one stops within 20 ms."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Sleep for each request in turn."""
        return [_respond(request) for request in requests]


def _respond(request: Any) -> Any:
    delay = pb_utils.get_input_tensor_by_name(request, "DELAY_MS").as_numpy()
    deadline = time.monotonic() + float(delay[0]) / 1000
    while (left := deadline - time.monotonic()) > 0:
        if request.is_cancelled():
            error = pb_utils.TritonError("cancelled while asleep", pb_utils.TritonError.CANCELLED)
            return pb_utils.InferenceResponse(error=error)
        time.sleep(min(left, STEP_SECONDS))
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("SLEPT_MS", delay)])
