# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The clock that entries and erasures are dated with, unless another is given."""

import time


def microseconds() -> int:
    """Return the wall clock in microseconds UTC."""
    return time.time_ns() // 1_000
