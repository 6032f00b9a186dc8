# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report's files, and the entry by which the ledger tells of it (FORMAT.md, "Report"). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from ombud_reports.as_html import to_html
from ombud_reports.as_json import to_json
from ombud_reports.kinds import kind_of
from ombud_reports.result import Report

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A report as files: content by ending, `json` always, `html`, and `pdf` of a document."""

    report: Report
    files: Mapping[str, bytes]

    def digest(self, ending: str) -> str:
        """Return the SHA-256 of one of them, hex."""
        return sha256(self.files[ending]).hexdigest()


def render(report: Report, *, json_only: bool = False) -> Rendered:
    """Make a report's files."""
    files = {"json": to_json(report)}
    if not json_only:
        files["html"] = to_html(report)
        if kind_of(report.kind).document:
            from ombud_reports.as_pdf import to_pdf

            files["pdf"] = to_pdf(report)
    return Rendered(report, files)


def entry_of(rendered: Rendered) -> dict[str, str | int]:
    """Return the body of the `report` entry that tells of it."""
    report = rendered.report
    body: dict[str, str | int] = {
        "event": "made",
        "report": report.kind,
        "system": report.system,
        "from": _us(report.window.begin),
        "to": _us(report.window.end),
        "digest": rendered.digest("json"),
    }
    body.update({ending: rendered.digest(ending) for ending in rendered.files if ending != "json"})
    if report.by:
        body["by"] = report.by
    return body


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
