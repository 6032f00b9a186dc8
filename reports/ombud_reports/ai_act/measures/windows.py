# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The two conditions that statements share."""

from typing import Final

WINDOW: Final = "ts >= $begin::TIMESTAMP AND ts < $end::TIMESTAMP"
OURS: Final = f"system = $system AND {WINDOW}"
