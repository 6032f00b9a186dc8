# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How labels are spoken of: what each kind of label is, and what agreeing with it may be called."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ombud_reports.contract import Field

MEASURES: Final = MappingProxyType(
    {
        "observed": "accuracy against observed outcomes",
        "historical": "agreement with past decisions",
        "expert": "agreement with experts",
    }
)
"""By kind of label. A past decision is no truth: what agrees with it may be wrong with it."""
_COLUMNS: Final = MappingProxyType(
    {
        "boolean": "value_boolean",
        "integer": "value_bigint",
        "decimal": "value_double",
        "string": "value_varchar",
    }
)


def label_column(field: Field) -> str:
    """Return the column of `newest_labels` that holds labels of a field's type."""
    return _COLUMNS[field.type]


def selection(selections: dict[str, int]) -> str:
    """Say how labelled cases were chosen, from counts by selection."""
    return ", ".join(f"{name or 'unknown'} ({count:,})" for name, count in sorted(selections.items()))
