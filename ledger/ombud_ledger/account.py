# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What verification found: findings, the account of each log, and the exit code they add up to."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

BROKEN: Final = "broken"
UNREADABLE: Final = "unreadable"
INCOMPLETE: Final = "incomplete"
_EXIT: Final = ((BROKEN, 1), (UNREADABLE, 2), (INCOMPLETE, 3))  # the first level that occurs decides


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: with an entry, or with a file and the range and seal entry it belongs to."""

    level: str
    what: str
    entry: int | None = None
    file: str | None = None
    first: int | None = None
    last: int | None = None
    seal: int | None = None

    def __str__(self) -> str:
        where = []
        if self.entry is not None:
            where.append(f"entry {self.entry}")
        if self.file is not None:
            where.append(self.file)
        if self.first is not None:
            where.append(f"entries {self.first} to {self.last}")
        if self.seal is not None:
            where.append(f"sealed by entry {self.seal}")
        return f"{self.level}: {self.what}" + (f" ({', '.join(where)})" if where else "")


@dataclass(slots=True)
class LogAccount:
    """The account of one log."""

    log: str
    origin: str | None = None
    size: int = 0
    head: str | None = None
    sealed_files: int = 0
    hot_entries: int = 0
    erased: int = 0  # facts of sealed entries that the log says are erased
    gaps: int = 0  # `gap` entries: times the log refused calls because it could not write
    unclean_boots: int = 0
    checkpoint: str | None = None  # the newest published one, as it is
    covered: int = 0  # entries under it
    signed_by: list[str] = field(default_factory=list)  # vkeys, of those given, that signed it
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Verification:
    """The account of a ledger."""

    logs: list[LogAccount]
    findings: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 sound, 1 broken, 2 unreadable, 3 intact but incomplete; the first of 1, 2, 3 that applies."""
        levels = {finding.level for finding in self.all_findings()}
        return next((code for level, code in _EXIT if level in levels), 0)

    def all_findings(self) -> list[Finding]:
        """Return the ledger's own findings and those of all logs."""
        return [*self.findings, *(finding for log in self.logs for finding in log.findings)]

    def to_json(self) -> str:
        """Return the whole account as JSON."""
        document: dict[str, Any] = {"exit_code": self.exit_code, **asdict(self)}
        return json.dumps(document, indent=2, sort_keys=True)
