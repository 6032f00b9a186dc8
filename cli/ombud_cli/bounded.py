# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Small files that an option names, read with a bound."""

from __future__ import annotations

from pathlib import Path

from ombud_cli.failure import unusable

_MOST_BYTES = 1024 * 1024


def read_bounded(path: Path, option: str) -> bytes:
    """Return the bytes of a small file; raise `Failure` naming it and the option."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise unusable(f"{option}: {path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise unusable(f"{option}: {path}: must be at most {_MOST_BYTES} bytes")
    return data
