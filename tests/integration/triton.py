# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One real Triton for the whole test session, and the embedded server beside it.

`triton` holds the loan model and the small models under `models/`: `echo`, `repeat` (decoupled), `slow`,
`failing` and `accumulate` (by sequence). What they are made from is cached in `var/test/triton`. A test that
harms its server starts its own: `start_triton(prepared, log, repositories=[MODELS], models=[...])`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import np_to_triton_dtype

from ombud_cli.demo.upstream import (
    ModelServer,
    Prepared,
    TritonUnsupportedError,
    prepare,
    start_embedded,
    start_triton,
)

__all__ = ["MODELS", "SMALL_MODELS", "embedded", "prepared", "tensor", "triton", "triton_client"]

MODELS: Final = Path(__file__).parent / "models"
SMALL_MODELS: Final = ("echo", "repeat", "slow", "failing", "accumulate")
CACHE: Final = Path(__file__).parents[2] / "var" / "test" / "triton"


@pytest.fixture(scope="session")
def prepared() -> Prepared:
    """Train the loan model and find Triton, or take both from the cache."""
    return prepare(CACHE)


@pytest.fixture(scope="session")
def triton(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Run Triton with every model loaded; skip only where its wheel cannot run at all."""
    log = tmp_path_factory.mktemp("triton") / "triton.log"
    try:
        server = start_triton(prepared, log, repositories=[MODELS], models=["loan", *SMALL_MODELS])
    except TritonUnsupportedError as error:
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture
def triton_client(triton: ModelServer) -> Iterator[InferenceServerClient]:
    """Give the unmodified client, connected to Triton itself."""
    with InferenceServerClient(triton.grpc_address) as client:
        yield client


@pytest.fixture(scope="session")
def embedded(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Run the embedded server over the same repository."""
    with start_embedded(prepared, tmp_path_factory.mktemp("embedded") / "embedded.log") as server:
        yield server


def tensor(name: str, values: list[Any], dtype: type) -> InferInput:
    """Make an input tensor of one dimension."""
    array: npt.NDArray[Any] = np.array(values, dtype=dtype)
    made = InferInput(name, list(array.shape), np_to_triton_dtype(dtype))
    made.set_data_from_numpy(array)
    return made
