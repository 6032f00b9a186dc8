# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report with everything a report can hold, and strings that would like to be something else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ombud_reports import Figure, Interval, LogBasis, Report, Section, Source, Window
from ombud_reports.result import Chart, Notice, Series, Table, Text

NASTY: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "<!--",
    "]]></svg><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "'; DROP TABLE entries; --",
    "$(touch /tmp/x) `id`",
    "a\u202egnp.exe\u2028\x00\x1b[31m",
    "&lt;b&gt; &amp;",
)


def report(text: str = "plain", *, draft: bool = False) -> Report:
    """A report that has `text` wherever one may stand."""
    figures = (
        Figure("share", 0.1234567, "share", "one", how=text, interval=Interval(0.1, 0.15, 0.95, text)),
        Figure("count", 1234567, text, "one"),
        Figure("none", None, "share", "one", absent=text),
        Figure("declared", text, "", ""),
        Figure(f"named.{text}", True, "", "one"),
    )
    table = Table(text, (text, "figure"), tuple((text, figure) for figure in figures), text)
    series = (
        Series(text, (1.0, None, 3.0, 2.5), (0.5, None, 2.0, 2.0), (1.5, None, 3.5, 3.0)),
        Series("other", (2.0, 2.0, 2.0, None)),
    )
    charts = tuple(
        Chart(f"{kind} {text}", text, kind, (text, "b", "c", "d"), series, text, ((text, 2.2),))
        for kind in ("line", "bars", "intervals")
    )
    moment = datetime(2026, 1, 31, 12, 0, 0, 123, UTC)
    return Report(
        kind="operations",
        title=text,
        system=text,
        window=Window(moment, moment.replace(hour=13)),
        options={"text": text, "many": (text, 1, 2.5, True, None), "least": 50},
        basis=(
            LogBasis("r0-0", text, 12, "ab" * 32, "cd" * 32, f"{text}\n12\nAAAA\n\n— key sig\n"),
            LogBasis(text, text, 3, "ef" * 32),
        ),
        sections=(Section(text, (Text(f"{text} `{text}`"), Notice(text, "gap"), table, *charts)),),
        sources=(Source("one", f"SELECT '{text}'", {"system": text}), Source(text, "SELECT 2")),
        by=text,
        draft=draft,
    )
