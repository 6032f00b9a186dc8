# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The face of the room."""

import ombud_reports


def test_face() -> None:
    """What others may use is exactly this."""
    expected = [
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
    assert expected == ombud_reports.__all__
    assert [name for name in expected if not hasattr(ombud_reports, name)] == []
