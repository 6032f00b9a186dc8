# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a vault tells: holds, numbers, erasures that are not over."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: while it stands, its subject is not erased."""

    id: str
    subject: str
    reason: str
    since: int  # microseconds UTC


@dataclass(frozen=True, slots=True)
class VaultAccount:
    """How many people a vault knows, erases, has erased and holds, and its epoch."""

    epoch: int
    subjects: int
    erasing: int
    erased: int
    holds: int


class PendingErasure(NamedTuple):
    """An erasure to be carried on with in a log: its state, whose it is, whether this log is to say so."""

    state: str
    pseudonyms: list[str]
    ours: bool
