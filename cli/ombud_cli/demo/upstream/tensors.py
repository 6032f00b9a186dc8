# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An application as tensors: what any client of the Open Inference Protocol sends."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput

from ombud_cli.demo.upstream.applications import Application
from ombud_cli.demo.upstream.features import FEATURES

DTYPES: Final[dict[str, Any]] = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}


def tensors(application: Application) -> dict[str, npt.NDArray[Any]]:
    """Give each known input as an array of shape [1], in the order of `FEATURES`."""
    return {
        feature.name: np.array([application.features[feature.name]], dtype=DTYPES[feature.datatype])
        for feature in FEATURES
        if feature.name in application.features
    }


def infer_inputs(application: Application) -> list[InferInput]:
    """Give the known inputs as `tritonclient` wants them."""
    inputs = []
    datatypes = {feature.name: feature.datatype for feature in FEATURES}
    for name, array in tensors(application).items():
        each = InferInput(name, list(array.shape), datatypes[name])
        each.set_data_from_numpy(array)
        inputs.append(each)
    return inputs
