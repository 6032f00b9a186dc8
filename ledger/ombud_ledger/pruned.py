# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What `prune` entries say is gone, by declaration (FORMAT.md, "Prune")."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ombud_ledger.errors import EntryBroken, EntryUnreadable
from ombud_ledger.kinds import FORMAT
from ombud_ledger.latest import backwards
from ombud_ledger.layout import LogLayout
from ombud_ledger.seals import HEX64

_PATH: Final = re.compile(r"(?:entries|payloads|facts/[0-9a-f]{16})/([0-9]{12})-([0-9]{12})\.parquet")


@dataclass(frozen=True, slots=True)
class Prune:
    """What one prune entry says: files that go, and that no file holds entries before `before` any more."""

    entry: int
    origin: str
    before: int
    chain: str  # hex: the chain value before entry `before`
    files: Mapping[str, str]  # SHA-256, hex, by path inside the log


@dataclass(frozen=True, slots=True)
class Gone:
    """What all prune entries together say, those that count; nothing by default."""

    before: int = 0
    chain: str = ""
    origin: str | None = None
    entry: int | None = None  # the newest prune entry
    files: Mapping[str, Prune] = field(default_factory=dict)  # by path, the newest entry that names it

    def covers(self, path: str, last: int) -> bool:
        """Say whether a file, which ends with entry `last`, may be missing."""
        return last < self.before or path in self.files


def prune_of(seq: int, fields: Mapping[str, Any]) -> Prune:
    """Return what a prune entry says. Raises EntryBroken, EntryUnreadable."""
    if fields.get("format") != FORMAT:
        raise EntryUnreadable(
            seq, f"format {str(fields.get('format'))[:80]} is not known here, only {FORMAT}"
        )
    origin, before, chain = fields.get("origin"), fields.get("before"), fields.get("chain")
    if type(origin) is not str or type(before) is not int or not 0 <= before <= seq or not _is_hash(chain):
        raise EntryBroken(seq, "the prune entry is malformed: origin, before or chain")
    files: dict[str, str] = {}
    listed = fields.get("files")
    for each in listed if type(listed) is list else [None]:
        if type(each) is not dict or type(each.get("path")) is not str or not _is_hash(each.get("sha256")):
            raise EntryBroken(seq, "the prune entry is malformed: files")
        path = each["path"]
        match = _PATH.fullmatch(path)
        if match is None:
            raise EntryBroken(seq, f"the prune entry names {path[:80]!r}, which is no sealed file")
        first, last = int(match[1]), int(match[2])
        if not first <= last < seq or (path.startswith("entries/") and last >= before):
            raise EntryBroken(seq, f"the prune entry names {path}, which is not before entry {before}")
        files[path] = each["sha256"]
    return Prune(seq, origin, before, str(chain), MappingProxyType(files))


def gone_by(prunes: Iterable[Prune]) -> Gone:
    """Return what prune entries say together; the newest comes first, and says how far entries are gone."""
    newest: Prune | None = None
    files: dict[str, Prune] = {}
    for prune in prunes:
        newest = newest or prune
        for path in prune.files:
            files.setdefault(path, prune)
    if newest is None:
        return Gone()
    return Gone(newest.before, newest.chain, newest.origin, newest.entry, MappingProxyType(files))


def prunes_in(layout: LogLayout) -> Iterator[Prune]:
    """Yield a log's stored prune entries, the newest first. Raises LedgerBroken, LedgerUnreadable."""
    return (prune_of(seq, record) for seq, record in backwards(layout, "prune"))


def newest_prune(layout: LogLayout) -> Prune | None:
    """Return a log's newest prune entry, None if there is none. Raises LedgerBroken, LedgerUnreadable."""
    return next(prunes_in(layout), None)


def _is_hash(value: object) -> bool:
    return type(value) is str and HEX64.fullmatch(value) is not None
