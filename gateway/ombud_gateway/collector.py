# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How often Python's garbage collector looks at a process that serves."""

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)


def collect_rarely() -> None:
    """Leave alone what is alive now, and look at the rest after 50,000 new objects instead of 700.

    What a call makes is gone with it, mostly without the collector's help; what the process is made of stays.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
