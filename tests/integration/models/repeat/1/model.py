# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Answer a request several times: N responses holding 0 to N-1, DELAY_MS apart. N may be 0."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """Decoupled: each request is answered from a thread of its own, so requests overlap."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start with no request under way."""
        self.threads: list[threading.Thread] = []

    def execute(self, requests: list[Any]) -> None:
        """Begin to answer each request."""
        self.threads = [thread for thread in self.threads if thread.is_alive()]
        for request in requests:
            count, delay = (
                int(pb_utils.get_input_tensor_by_name(request, name).as_numpy()[0])
                for name in ("N", "DELAY_MS")
            )
            thread = threading.Thread(
                target=_answer, args=(request.get_response_sender(), count, delay / 1000)
            )
            self.threads.append(thread)
            thread.start()

    def finalize(self) -> None:
        """Let the requests under way end."""
        for thread in self.threads:
            thread.join()


def _answer(sender: Any, count: int, delay: float) -> None:
    for index in range(count):
        if sender.is_cancelled():
            break
        if index:
            time.sleep(delay)
        sender.send(
            pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("INDEX", np.array([index], np.int64))])
        )
    sender.send(flags=FINAL)
