# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Every measure that a line of the catalogue may name."""

from typing import Final

from ombud_reports.ai_act.measures.coverage import COVERED
from ombud_reports.ai_act.measures.oversight import OVERSIGHT
from ombud_reports.ai_act.measures.people import PEOPLE
from ombud_reports.ai_act.measures.quality import QUALITY
from ombud_reports.ai_act.measures.record import RECORD
from ombud_reports.ai_act.measures.use import USE

__all__ = ["MEASURES"]

MEASURES: Final = (*RECORD, *COVERED, *USE, *QUALITY, *OVERSIGHT, *PEOPLE)
"""In the order of the document."""
