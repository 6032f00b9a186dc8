# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Fail as asked: with an error in place of the response, an exception, or the death of the process."""

from __future__ import annotations

import os
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Never answers well."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Fail as the first request's MODE says: `error`, `raise` or `exit`."""
        mode = pb_utils.get_input_tensor_by_name(requests[0], "MODE").as_numpy()[0].decode()
        if mode == "exit":
            os._exit(1)
        if mode == "raise":
            raise RuntimeError("raised as asked")
        error = pb_utils.TritonError("refused as asked", pb_utils.TritonError.INVALID_ARG)
        return [pb_utils.InferenceResponse(error=error) for _ in requests]
