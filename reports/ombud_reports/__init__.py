# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Answers from the ledger alone: questions with their reasons and their SQL."""

from ombud_reports.answers import Answer, ask
from ombud_reports.questions import (
    ANSWERED_BY_VERSION,
    BREACHES,
    LATENCY,
    LET_THROUGH_BY_HUMANS,
    QUESTIONS,
    REFUSED,
    VERDICTS_BY_POLICY,
    Question,
    answers_below,
)

__all__ = [
    "ANSWERED_BY_VERSION",
    "BREACHES",
    "LATENCY",
    "LET_THROUGH_BY_HUMANS",
    "QUESTIONS",
    "REFUSED",
    "VERDICTS_BY_POLICY",
    "Answer",
    "Question",
    "answers_below",
    "ask",
]
