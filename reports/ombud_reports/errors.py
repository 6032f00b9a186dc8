# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a report, by what its caller should do."""


class ReportError(Exception):
    """Base of all."""


class OptionInvalid(ReportError):
    """What was asked cannot be answered as asked; names option, value, and what would be right."""


class ReportUnreadable(ReportError):
    """A report's file is none, or of a format that is not known here."""
