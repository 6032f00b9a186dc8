# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Start processes of our own quickly.

pyarrow works without NumPy and pandas, and imports them where they are installed. NumPy takes half of the
start; pandas, which comes with the first array made, over a second.
"""

import gc
import sys
from typing import Final

LEFT_OUT: Final = frozenset({"numpy", "pandas"})
COLLECT_EVERY: Final = 100_000


class _NotHere:
    """A finder of modules that says of some that they are not installed (PEP 451)."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name in LEFT_OUT:
            raise ModuleNotFoundError(f"{name} is left out of this process", name=name)


def leave_out() -> None:
    """Keep this process from importing what it does without. Call it before pyarrow is imported."""
    sys.meta_path.insert(0, _NotHere)


def begin_worker() -> None:
    """Begin a process that only verifies."""
    leave_out()
    gc.set_threshold(COLLECT_EVERY)
