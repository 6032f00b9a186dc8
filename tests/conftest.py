# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What every test needs: property tests that ignore the wall clock and print how to repeat a failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ombud", deadline=None, print_blob=True)
settings.load_profile("ombud")
