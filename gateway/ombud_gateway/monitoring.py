# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What reports hold a system against: the `monitoring` of its file. The gateway judges nothing by it.

Each threshold is optional; a report shows which were given, and its own defaults for the others.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(strict=False, ge=0, le=1, allow_inf_nan=False)]
Distance = Annotated[float, Field(strict=False, ge=0, le=1_000_000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Least(_Section):
    """Least counts for a figure: rows of a window, of a day, of a group, and of a category to be named."""

    calls: Count | None = None
    day: Count | None = None
    group: Count | None = None
    category: Count | None = None


class DriftSpec(_Section):
    """Effect sizes from which on a column counts as moved, and the rate of false discoveries."""

    psi: Distance | None = None
    wasserstein: Distance | None = None
    ks: Share | None = None
    jensen_shannon: Share | None = None
    cramers_v: Share | None = None
    missing: Share | None = None
    breaches: Share | None = None
    false_discoveries: Share | None = None


class BiasSpec(_Section):
    """What lies between groups, and from where on it is marked."""

    impact_ratio: Share | None = None
    parity_difference: Share | None = None
    odds_difference: Share | None = None


class MonitoringSpec(_Section):
    """The `monitoring` of a system file as written; `favourable`: label values good for the person."""

    favourable: Annotated[
        tuple[bool | int | str, ...] | None, Field(strict=False, min_length=1, max_length=64)
    ] = None
    least: Least = Least()
    drift: DriftSpec = DriftSpec()
    bias: BiasSpec = BiasSpec()
