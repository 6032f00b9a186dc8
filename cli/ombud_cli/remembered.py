# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that a verifier saw last time, by origin: it must never see a log go back."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ombud_cli.failure import unusable
from ombud_ledger import Verification

_MOST_BYTES = 16 * 1024 * 1024


def recall(path: Path) -> dict[str, bytes]:
    """Return the checkpoints by origin, none where the file does not exist yet; raise `Failure`."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return {}
    try:
        held = json.loads(data)
        if len(data) > _MOST_BYTES or not isinstance(held, dict):
            raise ValueError(f"not an object of at most {_MOST_BYTES} bytes")
        return {str(origin): note.encode() for origin, note in held.items()}
    except (ValueError, AttributeError) as error:
        raise unusable(f"--remember: {path}: is not a file that it made: {error}") from error


def keep_in_mind(path: Path, known: dict[str, bytes], account: Verification) -> None:
    """Put the checkpoints of an account beside, or in place of, those known; whole or not at all.

    One that covers less than the one known is an old one published again: the larger one stays.
    """
    held = {origin: note.decode() for origin, note in known.items()}
    for log in account.logs:
        if log.checkpoint and log.origin and _size(log.checkpoint) >= _size(held.get(log.origin, "\n0\n")):
            held[log.origin] = log.checkpoint
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(held, file, indent=2, sort_keys=True, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _size(note: str) -> int:
    return int(note.split("\n", 2)[1])
