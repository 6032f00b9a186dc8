# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The one place where a name becomes SQL. Values never do: they are parameters."""

from __future__ import annotations


def quoted(name: str) -> str:
    """Return a name of a column or view as SQL spells it. Raises ValueError for one with a NUL."""
    if "\x00" in name:
        raise ValueError(f"name {name[:80]!r}: must not hold the character NUL")
    return '"' + name.replace('"', '""') + '"'
