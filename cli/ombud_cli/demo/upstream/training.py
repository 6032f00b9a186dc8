# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Train the demonstration's loan model. Runs only in the environment of `triton_environment.py`.

Gradient boosting (Friedman 2001; scikit-learn's histogram form) on the training half, with the constraints
of `Feature.approval_falls`. Confidence is calibrated by Platt scaling (Platt 1999) on margins that five-fold
cross-validation inside the training half gives for rows the fold's model has not seen. The other half is
never read here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two hundred splits need no pool, and sums keep one order

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

if TYPE_CHECKING:
    from ombud_cli.demo.upstream import applications, evaluator
    from ombud_cli.demo.upstream.features import FEATURES
else:
    import applications
    import evaluator
    from features import FEATURES

SEED = 1990
FOLDS = 5


def train(path: Path) -> dict[str, Any]:
    """Train, save to `path` and return what a manifest should say of the model.

    Raises RuntimeError if the saved model does not answer exactly as the trained one.
    """
    rows = applications.training_half(applications.load())
    table = np.array([[_number(row.features.get(f.name)) for f in FEATURES] for row in rows])
    approved = np.array([row.approved for row in rows], dtype=np.int64)

    boosting = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=4,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        monotonic_cst=[-1 if feature.approval_falls else 0 for feature in FEATURES],
        random_state=SEED,
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    unseen = cross_val_predict(boosting, table, approved, cv=folds, method="decision_function")
    platt = LogisticRegression(C=1e6).fit(unseen.reshape(-1, 1), approved)
    boosting.fit(table, approved)

    path.write_text(json.dumps(_document(boosting, platt), separators=(",", ":"), allow_nan=False))
    saved = evaluator.load(path)
    _same_margins(saved, table, boosting.decision_function(table))

    calibrated = platt.predict_proba(unseen.reshape(-1, 1))[:, 1]
    return {
        "sha256": saved.sha256,
        "trees": len(saved.trees),
        "training_rows": len(rows),
        "split": f"first half of the rows ordered by SHA-256 of '{applications.SPLIT}:ROW'",
        "cross_validation": {
            "folds": FOLDS,
            "area_under_roc": round(float(roc_auc_score(approved, calibrated)), 4),
            "log_loss": round(float(log_loss(approved, calibrated)), 4),
            "brier_score": round(float(brier_score_loss(approved, calibrated)), 4),
        },
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _document(boosting: Any, platt: Any) -> dict[str, Any]:
    return {
        "format": evaluator.FORMAT,
        "features": [
            {"name": feature.name, "datatype": feature.datatype, "optional": feature.optional}
            for feature in FEATURES
        ],
        # Private names of the one pinned version; `_same_margins` tells if they ever mean something else.
        "baseline": float(boosting._baseline_prediction[0, 0]),  # noqa: SLF001
        "trees": [_tree(predictor.nodes) for (predictor,) in boosting._predictors],  # noqa: SLF001
        "calibration": {"slope": float(platt.coef_[0, 0]), "intercept": float(platt.intercept_[0])},
    }


def _tree(nodes: Any) -> list[list[float]]:
    return [
        [float(node["value"])]
        if node["is_leaf"]
        else [
            int(node["feature_idx"]),
            float(node["num_threshold"]),
            bool(node["missing_go_to_left"]),
            int(node["left"]),
            int(node["right"]),
        ]
        for node in nodes
    ]


def _same_margins(saved: evaluator.Model, table: Any, margins: Any) -> None:
    for values, margin in zip(table.tolist(), margins.tolist(), strict=True):
        row = [None if value != value else value for value in values]  # noqa: PLR0124 - only NaN differs from itself
        if saved.margin(row) != margin:
            raise RuntimeError(
                f"the saved model's margin is {saved.margin(row)!r}, the trained one's {margin!r}"
            )
