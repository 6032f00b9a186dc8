# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Why a decision came out as it did: recorded reasons first; then, apart and marked so, how the model
behaves.

The model is asked through an `Ask` that is handed in, once; its answers are a file (`Transcript`), from
which the report's figures follow. Attributions approximate a model's behaviour after the fact. They are not
the reason of a decision: that is what policies said and what people decided, as it is recorded.
"""

from ombud_reports.explain.attribution import Attribution, attribute
from ombud_reports.explain.contract import Case, Contract, Field, Value, parse_contract
from ombud_reports.explain.model import Answers, Ask, GovernedCall, Target, target_of
from ombud_reports.explain.report import KIND
from ombud_reports.explain.run import MOST_CASES, MOST_PAIRS, Wanted, ask
from ombud_reports.explain.transcript import Model, Transcript, parse_transcript

__all__ = [
    "KIND",
    "MOST_CASES",
    "MOST_PAIRS",
    "Answers",
    "Ask",
    "Attribution",
    "Case",
    "Contract",
    "Field",
    "GovernedCall",
    "Model",
    "Target",
    "Transcript",
    "Value",
    "Wanted",
    "ask",
    "attribute",
    "parse_contract",
    "parse_transcript",
    "target_of",
]
