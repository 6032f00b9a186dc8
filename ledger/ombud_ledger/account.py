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


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of time without entries: after which entry, from when to when (microseconds UTC), and why.

    `why` is "closed" (said beforehand), "crashed" (the next opening found no close), "gap" (the log could
    not write, and refused what came) or "silent" (it was open, and did not even beat). Where the entry before
    is not here, it begins when it ends: since when, nothing here says.
    """

    why: str
    after: int
    from_ts: int
    to_ts: int


@dataclass(slots=True)
class Completeness:
    """What a log says of the times it was there for.

    `pauses` are the first hundred; `refused` counts appends that gaps refused. Silence shows only where the
    writer promised to beat (`beat_seconds` in its last `genesis` or `boot`). Of entries that are not here,
    pruned or not part of an evidence folder, nothing is said, nor of the times between.
    """

    unbroken: bool = True  # open, or had said that it closes, all the time, and could always write
    holes: int = 0  # runs of entries that are not here
    openings: int = 0
    crashes: int = 0
    gaps: int = 0
    refused: int = 0
    silences: int = 0
    closed_seconds: int = 0
    pauses: list[Pause] = field(default_factory=list)


@dataclass(slots=True)
class LogAccount:
    """The account of one log."""

    log: str
    origin: str | None = None
    size: int = 0
    head: str | None = None
    sealed_files: int = 0
    hot_entries: int = 0
    completeness: Completeness | None = None  # of a log whose entries hold
    erased: int = 0  # facts of sealed entries that the log says are erased
    checkpoint: str | None = None  # the newest published one, as it is
    covered: int = 0  # entries under it
    signed_by: list[str] = field(default_factory=list)  # vkeys, of those given, that signed it
    pruned_before: int = 0  # the files of all entries before this one are gone by declaration
    pruned_files: list[str] = field(default_factory=list)  # missing, as prune entries in the log say
    export: str | None = None  # of an evidence folder: which entries are part of it
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
