# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Shapley values of real decisions of the loan model through real Triton, against shap's KernelExplainer.

Same cases, background, rows to the model server and number of requests under way on both sides; the error is
measured against exact values of the saved trees in closed form, relative to their mean size. Ours runs with
more and more pairs until it is no worse than each of the peer's runs, one of them with its default choice of
ten features, which costs it accuracy. shap runs in an environment of its own, which `uv` makes of what
`peers/shap_kernel.py` names.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.rows import Rows
from ombud_cli.demo.upstream import FEATURES, held_out_half, load, prepare, start_triton
from ombud_reports import explain

CASES: Final = 2
BACKGROUND: Final = 25
PAIRS: Final = (25, 50, 100, 200, 400, 800, 1_600)
RUNS: Final = ((256, "num_features(10)"), (256, None), (1_024, None))
"""Of the peer: coalitions, and how features are chosen; the first is its default, None chooses none."""
_CACHE: Final = Path("var/test/triton")


def run() -> dict[str, Any]:
    """Measure."""
    prepared = prepare(_CACHE)
    whole = [one for one in held_out_half(load()) if len(one.features) == len(FEATURES)]
    rows = np.array(
        [[float(one.features[each.name]) for each in FEATURES] for one in whole[: CASES + BACKGROUND]]
    )
    cases, background = rows[:CASES], rows[CASES:]
    expected = _exact(next(prepared.repository.rglob("model.json")), cases, background)
    features: list[tuple[str, str]] = [(each.name, each.datatype) for each in FEATURES]
    with (
        tempfile.TemporaryDirectory() as folder,
        start_triton(prepared, Path(folder) / "triton.log") as server,
    ):
        Rows(server.grpc_address, features)(rows)  # warm
        theirs = _peer(Path(folder), server.grpc_address, features, (cases, background), expected)
        ours = {}
        for pairs in PAIRS:
            model = Rows(server.grpc_address, features)
            begun = time.perf_counter()
            found = explain.attribute(model, cases, background, pairs=pairs, seed=1)
            seconds = time.perf_counter() - begun
            ours[found.pairs] = {
                **_cost(model.rows, model.batches, seconds),
                "error": _error(found.values, expected),
            }
            if ours[found.pairs]["error"] <= min(
                each["error"] for each in theirs.values() if isinstance(each, dict)
            ):
                break
    figures: dict[str, Any] = {"cases": CASES, "background": BACKGROUND, "features": len(FEATURES)}
    for name, each in theirs.items():
        if not isinstance(each, dict):
            figures[name] = each
            continue
        equal = next(((pairs, one) for pairs, one in ours.items() if one["error"] <= each["error"]), None)
        figures[name] = each
        if equal is not None:
            pairs, one = equal
            figures[f"ombud_at_the_error_of_{name}"] = {
                "pairs": pairs,
                **one,
                "rows_ratio": each["rows_a_decision"] / one["rows_a_decision"],
                "seconds_ratio": each["seconds_a_decision"] / one["seconds_a_decision"],
            }
    figures["ombud_by_pairs"] = {str(pairs): one for pairs, one in ours.items()}
    return figures


def _peer(
    folder: Path, address: str, features: list[tuple[str, str]], tables: tuple[Any, Any], expected: Any
) -> dict[str, Any]:
    cases, background = tables
    request = folder / "request.json"
    asked = {
        "address": address,
        "features": features,
        "cases": cases.tolist(),
        "background": background.tolist(),
    }
    request.write_text(json.dumps({**asked, "runs": RUNS}))
    script = Path(__file__).parent / "peers" / "shap_kernel.py"
    command = ["uv", "run", "--quiet", "--script", str(script), str(request)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found = json.loads(printed.splitlines()[-1])
    told: dict[str, Any] = {"shap_version": found["version"]}
    for (nsamples, chooses), each in zip(RUNS, found["runs"], strict=True):
        cost = _cost(each["rows"], each["batches"], each["seconds"])
        error = _error(np.array(each["values"]).reshape(cases.shape), expected)
        told[f"shap_kernel_{nsamples}" + ("_default" if chooses else "")] = {**cost, "error": error}
    return told


def _cost(rows: int, batches: int, seconds: float) -> dict[str, float]:
    return {
        "rows_a_decision": rows / CASES,
        "batches_a_decision": batches / CASES,
        "seconds_a_decision": seconds / CASES,
    }


def _error(values: Any, expected: Any) -> float:
    """Mean absolute error over the mean size of exact values."""
    return float(np.abs(values - expected).mean() / np.abs(expected).mean())


def _exact(path: Path, cases: Any, background: Any) -> Any:
    """Values of the saved trees, leaf by leaf: TreeSHAP with interventional background, times the
    calibration's slope."""
    model = json.loads(path.read_text())
    found = []
    for case in cases:
        values = np.zeros(len(case))
        for other in background:
            for tree in model["trees"]:
                _leaves(tree, 0, (case, other), frozenset(), frozenset(), values)
        found.append(values * model["calibration"]["slope"] / len(background))
    return np.array(found)


def _leaves(  # noqa: PLR0917 - it calls itself
    tree: list[Any], at: int, rows: tuple[Any, Any], ours: frozenset[int], theirs: frozenset[int], values: Any
) -> None:
    node = tree[at]
    if len(node) == 1:
        a, b = len(ours), len(theirs)
        for feature in ours:
            values[feature] += node[0] * math.factorial(a - 1) * math.factorial(b) / math.factorial(a + b)
        for feature in theirs:
            values[feature] -= node[0] * math.factorial(a) * math.factorial(b - 1) / math.factorial(a + b)
        return
    feature, threshold, _, left, right = node
    for branch, goes in ((left, True), (right, False)):
        mine, hers = ((row[feature] <= threshold) == goes for row in rows)
        if mine and hers:
            _leaves(tree, branch, rows, ours, theirs, values)
        elif mine and feature not in theirs:
            _leaves(tree, branch, rows, ours | {feature}, theirs, values)
        elif hers and feature not in ours:
            _leaves(tree, branch, rows, ours, theirs | {feature}, values)
