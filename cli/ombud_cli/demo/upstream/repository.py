# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Lay out the loan model as a Triton model repository, and Triton's Python backend beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from ombud_cli.demo.upstream.features import FEATURES

MODEL: Final = "loan"
VERSION: Final = "1"

_HERE = Path(__file__).parent


def write_loan_model(repository: Path, trained: Path, sha256: str) -> None:
    """Write `loan/config.pbtxt` and version 1: the backend's program, the evaluator and the saved model."""
    version = repository / MODEL / VERSION
    version.mkdir(parents=True)
    shutil.copyfile(_HERE / "triton_model.py", version / "model.py")
    shutil.copyfile(_HERE / "evaluator.py", version / "evaluator.py")
    shutil.copyfile(trained, version / "model.json")
    (repository / MODEL / "config.pbtxt").write_text(loan_configuration(sha256))


def loan_configuration(sha256: str) -> str:
    """Describe the model to Triton: typed tensors of shape [1], one row a call, no batching, on the CPU."""
    inputs = ",\n".join(
        f'  {{ name: "{feature.name}", data_type: TYPE_{feature.datatype}, dims: [ 1 ]'
        + (", optional: true }" if feature.optional else " }")
        for feature in FEATURES
    )
    return f"""\
# Written by ombud_cli.demo.upstream.repository. One call is one application, because a gateway judges calls.
name: "{MODEL}"
backend: "python"
max_batch_size: 0
input [
{inputs}
]
output [
  {{ name: "approve", data_type: TYPE_BOOL, dims: [ 1 ] }},
  {{ name: "confidence", data_type: TYPE_FP64, dims: [ 1 ] }}
]
instance_group [ {{ count: 1, kind: KIND_CPU }} ]
version_policy {{ specific {{ versions: [ {VERSION} ] }} }}
parameters {{ key: "sha256", value {{ string_value: "{sha256}" }} }}
"""


def write_python_backend(backends: Path, *, backend: Path, stub: Path) -> None:
    """Put Triton's Python backend and the stub for one version of Python where the server looks for them."""
    target = backends / "python"
    shutil.copytree(backend, target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(stub, target / "triton_python_backend_stub")
