# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check what prune entries and evidence folders say about files and entries that are not there."""

from collections.abc import Iterable, Iterator

from ombud_ledger.account import BROKEN, INCOMPLETE, Finding
from ombud_ledger.check_tree import leaf_in
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.exported import EXPORT, Beside
from ombud_ledger.hashing import leaf_hash
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.pruned import Gone
from ombud_ledger.said import Said
from ombud_ledger.seal import digest_of


def check_gone(gone: Gone, said: Said, there: Iterable[SealedFile]) -> Iterator[Finding]:
    """Demand that what prune entries name is what was sealed, and what is still there of it, too."""
    files = {file.name: file for file in there}
    for path, prune in sorted(gone.files.items()):
        seal, digest = said.seals.get(path), prune.files[path]
        if seal is not None and said.digest(path, prune.entry) != digest:
            what = "a prune entry names other bytes than were sealed, or than an erasure left"
            yield Finding(BROKEN, what, file=path, seal=seal.entry)
        elif seal is None and path in files and digest_of(files[path].at_hand()) != digest:
            yield Finding(BROKEN, "it was pruned, and is there again with other bytes", file=path)


def check_said(said: Iterable[Beside], layout: LogLayout, covered: int) -> Iterator[Finding]:
    """Demand that records which an evidence folder holds beside its segments are those of the tree."""
    for each in said:
        try:
            if each.seq < covered and leaf_in(layout, each.seq, covered) != leaf_hash(each.record):
                yield Finding(BROKEN, "the tree has another record there", file=EXPORT, entry=each.seq)
        except LedgerUnreadable as error:
            yield Finding(INCOMPLETE, str(error), file=EXPORT, entry=each.seq)


def spans_of(paths: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return paths by the name that the files of one segment share."""
    found: dict[str, frozenset[str]] = {}
    for path in paths:
        span = path.rpartition("/")[2]
        found[span] = found.get(span, frozenset()) | {path}
    return found
