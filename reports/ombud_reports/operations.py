# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The operations report."""

from __future__ import annotations

from ombud_reports.kinds import Kind, Options
from ombud_reports.reading import Reading
from ombud_reports.result import Section


def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    """Say how a system ran in a window."""
    del reading, options
    return ()


KIND = Kind("operations", "Operations", "How a system ran: time, volume, verdicts, reviews, cost.", build)
