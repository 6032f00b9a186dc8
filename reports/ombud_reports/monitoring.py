# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a system's file says of monitoring: thresholds, least counts, what is favourable. Else our defaults.

The gateway refused a file that was not of its form, but whoever holds a ledger can have put any object in it:
what is not of the form is left out here, and counts as not said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ombud_reports.result import Table


def _said(section: str, key: str, default: float, about: str) -> Any:
    return field(default=default, metadata={"section": section, "key": key, "about": about})


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Thresholds, each as the system's file says or by default, and the least counts for a figure."""

    least_calls: float = _said("least", "calls", 50, "rows of a window for a figure of drift")
    least_day: float = _said("least", "day", 200, "rows of a day for a point of a daily series")
    least_group: float = _said("least", "group", 30, "cases of a group for a rate")
    least_category: float = _said("least", "category", 5, "rows for a category to be named")
    psi: float = _said("drift", "psi", 0.2, "population stability index")
    wasserstein: float = _said("drift", "wasserstein", 0.1, "Wasserstein-1 over the reference's deviation")
    ks: float = _said("drift", "ks", 0.1, "Kolmogorov-Smirnov distance")
    jensen_shannon: float = _said("drift", "jensen_shannon", 0.15, "Jensen-Shannon distance, base 2")
    cramers_v: float = _said("drift", "cramers_v", 0.1, "Cramér's V")
    missing: float = _said("drift", "missing", 0.05, "difference of the shares of missing values")
    breaches: float = _said("drift", "breaches", 0.01, "difference of the shares of calls out of contract")
    false_discoveries: float = _said("drift", "false_discoveries", 0.05, "rate of false discoveries")
    impact_ratio: float = _said("bias", "impact_ratio", 0.8, "selection rate over that of the most selected")
    parity_difference: float = _said("bias", "parity_difference", 0.1, "demographic parity difference")
    odds_difference: float = _said("bias", "odds_difference", 0.1, "equalized odds difference")
    favourable: tuple[str, ...] = ()
    """Texts of the label's values that are good for the person; empty if the file does not say."""
    declared: frozenset[str] = frozenset()
    """Names of the fields above that the file gives."""

    def table(self, *sections: str) -> Table:
        """Return the thresholds of these sections as they are shown."""
        rows = []
        for each in fields(self):
            if each.metadata.get("section") in sections:
                origin = "system file" if each.name in self.declared else "default"
                about = str(each.metadata["about"])
                rows.append((about[0].upper() + about[1:], f"{getattr(self, each.name):g}", origin))
        return Table("Thresholds and least counts", ("What", "Value", "From"), tuple(rows))


def parse(said: Mapping[str, Any]) -> Monitoring:
    """Read the `monitoring` of a system's file; what is not of its form counts as not said."""
    found: dict[str, float] = {}
    for each in fields(Monitoring):
        value = _table(said, str(each.metadata.get("section"))).get(str(each.metadata.get("key")))
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isfinite(value) and value >= 0:
            found[each.name] = float(value)
    values = said.get("favourable")
    favourable = tuple(text_of(each) for each in values) if isinstance(values, list) else ()
    return Monitoring(**found, favourable=favourable, declared=frozenset(found))


def text_of(value: object) -> str:
    """Return a label's value as DuckDB casts it to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, Mapping) else {}
