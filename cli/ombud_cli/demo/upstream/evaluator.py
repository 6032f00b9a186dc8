# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Answer from a saved model: boosted trees and Platt scaling in plain JSON, walked in plain Python.

This one file answers inside Triton's Python backend, where it lies beside the model, and in the embedded
server; so both give the same bits. It imports only the standard library. The format:

    {"format": "ombud-demo-trees/1",
     "features": [{"name", "datatype", "optional"}, ...],
     "baseline": margin before the first tree,
     "trees": [[[feature, threshold, missing_left, left, right] or [leaf value], ...], ...],
     "calibration": {"slope", "intercept"}}

A node goes left where value <= threshold. Margins are summed in the order of the trees, in double precision.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "ombud-demo-trees/1"
MAX_BYTES = 4 << 20

Node = tuple[int, float, bool, int, int] | tuple[float]


@dataclass(frozen=True)
class Input:
    """One declared input tensor of shape [1]."""

    name: str
    datatype: str
    optional: bool


@dataclass(frozen=True)
class Answer:
    """What the model answers for one application."""

    approve: bool
    """The likelier answer; a tie is no approval."""
    confidence: float
    """Calibrated probability that `approve` is what the lender would have decided, from 0.5 to 1."""


@dataclass(frozen=True)
class Model:
    """A saved model, ready to answer."""

    inputs: tuple[Input, ...]
    baseline: float
    trees: tuple[tuple[Node, ...], ...]
    slope: float
    intercept: float
    sha256: str

    def answer(self, values: Mapping[str, float]) -> Answer:
        """Answer for one row; an optional input that is not known is absent.

        Raises ValueError naming the input that is missing or is not a finite number.
        """
        row: list[float | None] = []
        for declared in self.inputs:
            value = values.get(declared.name)
            if value is None and not declared.optional:
                raise ValueError(f"input '{declared.name}' is missing")
            if value is not None and not math.isfinite(value):
                raise ValueError(f"input '{declared.name}' must be a finite number")
            row.append(None if value is None else float(value))
        score = self.slope * self.margin(row) + self.intercept
        approval = 1.0 / (1.0 + math.exp(-score))
        return Answer(approve=approval > 0.5, confidence=max(approval, 1.0 - approval))

    def margin(self, row: list[float | None]) -> float:
        """Sum the trees over one row in the order of `inputs`: log-odds of approval before calibration."""
        total = self.baseline
        for tree in self.trees:
            node = tree[0]
            while len(node) == 5:
                feature, threshold, missing_left, left, right = node
                value = row[feature]
                node = tree[left if (missing_left if value is None else value <= threshold) else right]
            total += node[0]
        return total


def load(path: Path, *, sha256: str | None = None) -> Model:
    """Read a saved model, and demand its digest if one is given.

    Raises ValueError if the file is too large, of another format or not what `sha256` says.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path}: {size} bytes are more than the {MAX_BYTES} of a model")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ValueError(f"{path}: SHA-256 is {digest}, wanted {sha256}")
    document: dict[str, Any] = json.loads(content)
    if document.get("format") != FORMAT:
        raise ValueError(f"{path}: format is {document.get('format')!r}, wanted {FORMAT!r}")
    return Model(
        inputs=tuple(Input(**declared) for declared in document["features"]),
        baseline=document["baseline"],
        trees=tuple(tuple(tuple(node) for node in tree) for tree in document["trees"]),
        slope=document["calibration"]["slope"],
        intercept=document["calibration"]["intercept"],
        sha256=digest,
    )
