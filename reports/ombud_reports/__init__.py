# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Answers from the ledger alone: questions with their SQL, and reports whose every figure can be recomputed.

What lays reports out is imported when first asked for (PEP 562): who only asks questions needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ombud_reports.answers import Answer, ask
from ombud_reports.errors import OptionInvalid, ReportError, ReportUnreadable
from ombud_reports.kinds import Given, Kind, Option, kind_of
from ombud_reports.kinds import names as kinds
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
from ombud_reports.result import Figure, Interval, LogBasis, Report, Section, Source, Window

if TYPE_CHECKING:
    from ombud_reports import explain
    from ombud_reports.as_html import to_html
    from ombud_reports.as_json import from_json, to_json
    from ombud_reports.as_pdf import to_pdf
    from ombud_reports.index import Listed, to_index
    from ombud_reports.making import make
    from ombud_reports.recording import Rendered, entry_of, render
    from ombud_reports.verifying import Difference, Stored, Verified, read_report, verify_report

__all__ = [
    "ANSWERED_BY_VERSION",
    "BREACHES",
    "LATENCY",
    "LET_THROUGH_BY_HUMANS",
    "QUESTIONS",
    "REFUSED",
    "VERDICTS_BY_POLICY",
    "Answer",
    "Difference",
    "Figure",
    "Given",
    "Interval",
    "Kind",
    "Listed",
    "LogBasis",
    "Option",
    "OptionInvalid",
    "Question",
    "Rendered",
    "Report",
    "ReportError",
    "ReportUnreadable",
    "Section",
    "Source",
    "Stored",
    "Verified",
    "Window",
    "answers_below",
    "ask",
    "entry_of",
    "explain",
    "from_json",
    "kind_of",
    "kinds",
    "make",
    "read_report",
    "render",
    "to_html",
    "to_index",
    "to_json",
    "to_pdf",
    "verify_report",
]

_MEMBERS = {
    "Difference": "verifying",
    "Listed": "index",
    "Rendered": "recording",
    "Stored": "verifying",
    "Verified": "verifying",
    "entry_of": "recording",
    "from_json": "as_json",
    "make": "making",
    "read_report": "verifying",
    "render": "recording",
    "to_html": "as_html",
    "to_index": "index",
    "to_json": "as_json",
    "to_pdf": "as_pdf",
    "verify_report": "verifying",
}


def __getattr__(name: str) -> object:
    if name == "explain":
        return import_module("ombud_reports.explain")
    if name in _MEMBERS:
        return getattr(import_module(f"ombud_reports.{_MEMBERS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
