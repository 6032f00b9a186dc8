# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Hand a person what the ledger holds of them (GDPR Article 15)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ombud_ledger.vault.payload import Payload


@dataclass(frozen=True, slots=True)
class SubjectEntry:
    """One entry about the person: its record, its facts, and its payload, decrypted."""

    log: str
    seq: int
    record: dict[str, Any]
    facts: dict[str, Any] | None
    payload: Payload | None


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """All that is held of a person, log by log, in order; read as it is iterated, once, in one thread."""

    subject: str
    pseudonym: str
    entries: Iterator[SubjectEntry]
