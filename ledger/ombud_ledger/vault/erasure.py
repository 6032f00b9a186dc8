# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Erase a person: blank their facts, say so in the log, destroy their key. After a crash, doing it again
finishes it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did in this run, and what remains of the person, and why."""

    id: str  # random; the log's entries about it bear it
    complete: bool  # the keys are destroyed
    pseudonyms: int  # whose keys that were
    files: tuple[str, ...]  # facts files that were rewritten, by path inside the log
    rows: int  # facts blanked in them
    payloads: int  # stored payloads that nobody can read any more
    remains: tuple[str, ...]
