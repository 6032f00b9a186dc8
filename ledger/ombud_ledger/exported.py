# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an evidence folder says of itself: which parts of which logs it holds (FORMAT.md, "Evidence folder").

Nothing in it is trusted: it excuses what is missing, and its records are held to the tiles where these are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import log_layout
from ombud_ledger.seals import HEX64

EXPORT: Final = "EXPORT.json"
FORMAT: Final = "ombud-export/1"


class Beside(NamedTuple):
    """One record that the folder holds beside its segments: an entry that says something of files."""

    seq: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """The part of one log: `runs` are the entries exported, (first, last); `size` is how many the log had."""

    origin: str
    size: int
    runs: tuple[tuple[int, int], ...]
    chains: Mapping[int, bytes]  # by the first entry of each run, and by `size`: the chain value before it
    files: frozenset[str]
    said: tuple[Beside, ...]

    def tell(self) -> str:
        """Say which entries are there."""
        runs = ", ".join(f"{first} to {last}" for first, last in self.runs)
        return f"entries {runs} of {self.size}; the others are not part of this export"


@dataclass(frozen=True, slots=True)
class Export:
    """An evidence folder."""

    system: str
    window: str
    parts: Mapping[str, Part]  # by log

    def tell(self) -> list[str]:
        """Say what it is, a line each."""
        lines = [f"this is an export of system {self.system}, {self.window}"]
        return lines + [f"log {log}: {part.tell()}" for log, part in self.parts.items()]


def exported(root: Path) -> Export | None:
    """Return what an evidence folder says; None for a ledger. Raises LedgerUnreadable."""
    try:
        data = (root / EXPORT).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerUnreadable(f"{EXPORT}: cannot be read: {error}") from error
    export = parse_export(data)
    for log in export.parts:
        # In a ledger that is written to, such a file would excuse what somebody removed.
        if log_layout(root, log).hot.exists():
            raise LedgerUnreadable(f"{EXPORT}: log {log} is no export, it has a hot tail; remove that file")
    return export


def parse_export(data: bytes) -> Export:
    """Return what the bytes of EXPORT.json say. Raises LedgerUnreadable."""
    try:
        said = json.loads(data)
        if said["format"] != FORMAT:
            raise LedgerUnreadable(f"{EXPORT}: format {str(said['format'])[:80]!r} is not known here")
        parts = {log: _part(each) for log, each in said["logs"].items()}
        window = f"from {said['from'] or 'its beginning'} to {said['to'] or 'its end'}"
        return Export(str(said["system"]), window, parts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerUnreadable(f"{EXPORT}: is malformed: {error!r}"[:300]) from error


def _part(said: Any) -> Part:
    segments = [
        (_number(each["first"]), _number(each["last"]), _chain(each["before"])) for each in said["segments"]
    ]
    size = _number(said["size"])
    chains = {size: _chain(said["head"])}
    runs: list[tuple[int, int]] = []
    for first, last, before in segments:
        if runs and runs[-1][1] + 1 == first:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
            chains[first] = before
    files = frozenset(str(path) for path in said["files"])
    records = tuple(Beside(_number(each["seq"]), each["record"].encode()) for each in said["records"])
    return Part(str(said["origin"]), size, tuple(runs), chains, files, records)


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.40} is not a number of entries")
    return value


def _chain(value: object) -> bytes:
    if type(value) is not str or not HEX64.fullmatch(value):
        raise ValueError(f"{value!r:.80} is not a chain value")
    return bytes.fromhex(value)
