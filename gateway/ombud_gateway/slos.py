# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Service level objectives of a system, as its file declares them; reports hold the ledger to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, le=1)]


class _Objective(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    share: Share
    """Which share is to be good, 0 to 1; the rest is the error budget."""


class Latency(_Objective):
    """Calls to which the gateway adds at most so much."""

    within_ms: float = Field(gt=0, le=3_600_000)


class Turnaround(_Objective):
    """Reviews that a human settles in that time."""

    within_minutes: float = Field(gt=0, le=525_600)


class Slos(BaseModel):
    """The `slos` of a system file. Each is optional: what is not declared is not held against anybody."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    added_latency: Latency | None = None
    availability: _Objective | None = None
    review_turnaround: Turnaround | None = None
    straight_through: _Objective | None = None
