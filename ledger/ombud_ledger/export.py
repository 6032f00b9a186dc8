# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Export: an evidence folder for an auditor or authority, of whole segments, that verifies by itself."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ombud_ledger.canonical import JSON
from ombud_ledger.errors import LedgerUnavailable
from ombud_ledger.export_folder import (
    MANIFEST,
    MOST_PIECE,
    Folder,
    Item,
    Piece,
    item,
    manifest,
    new_folder,
    pieces,
)
from ombud_ledger.export_parts import Gathering, Wanted, fill, segments_of
from ombud_ledger.facts import Facts
from ombud_ledger.ledger import Ledger
from ombud_ledger.segment import Progress

__all__ = [
    "MANIFEST",
    "MOST_PIECE",
    "Evidence",
    "Exported",
    "Folder",
    "Piece",
    "Wanted",
    "export",
    "gather",
    "new_folder",
]


@dataclass(frozen=True, slots=True)
class Exported:
    """An evidence folder: `digest` is that of its MANIFEST, `counts` the entries in it by system."""

    folder: Path
    digest: str
    files: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What goes into a folder, found and hashed, not read into memory; its `manifest` comes first.

    `counts` are the entries in it by system. Nobody holds on to it: what is pruned or erased before it is
    read makes reading fail.
    """

    items: tuple[Item, ...]
    counts: Mapping[str, int]
    _ledgers: tuple[Ledger, ...]
    _body: Mapping[str, JSON]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, in hex."""
        return self.items[0].sha256

    @property
    def files(self) -> int:
        """Files that the manifest names."""
        return len(self.items) - 1

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.items)

    def disclose(self, *, reason: str = "") -> None:
        """Record that it is handed out, in each log that is part of it. Raises LedgerError.

        Do it before the first byte leaves: what is told to nobody may be on record, not the other way round.
        """
        for ledger in self._ledgers:
            facts = Facts(None, {}, {"reason": reason}) if reason else None
            ledger.append_blocking("report", self._body, facts)
            ledger.publish()

    def pieces(self) -> Iterable[Piece]:
        """Yield all of it, the manifest first.

        Raises LedgerUnavailable if it changed: gather afresh; LedgerUnreadable for what cannot be fetched.
        """
        return pieces(self.items)


def export(
    ledgers: Sequence[Ledger],
    wanted: Wanted,
    out: Path,
    *,
    by: str,
    recipient: str = "",
    reason: str = "",
    progress: Progress | None = None,
) -> Exported | None:
    """Write the folder `out` from open logs of one ledger; None, and nothing written, if no entry matches.

    The unsealed tail is sealed first. Raises FileExistsError, LedgerError.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already, and nothing is overwritten")
    # 1. Find what belongs to it.
    evidence = gather(ledgers, wanted, by=by, recipient=recipient)
    if evidence is None:
        return None
    with new_folder(out) as folder:
        # 2. Write everything beside the place it will have. A crash leaves a folder of another name.
        done = 0
        for piece in evidence.pieces():
            done += folder.write(piece)
            if progress is not None:
                progress("files", done, evidence.files + 1)
        # 3. Record the disclosure. From here on the logs say it happened; a crash before the folder has its
        #    name, which is next, leaves one that nobody was given under its name.
        evidence.disclose(reason=reason)
    return Exported(out, evidence.digest, evidence.files, evidence.counts)


def gather(ledgers: Sequence[Ledger], wanted: Wanted, *, by: str, recipient: str = "") -> Evidence | None:
    """Find and hash what belongs to an evidence folder, of open logs of one ledger; None if no entry matches.

    Blocking; appends go on meanwhile. The unsealed tail is sealed first. Raises LedgerError.
    """
    place = ledgers[0].place
    with ExitStack() as stack:
        # 1. Seal the tail and let a checkpoint cover it, so that all there is lies in whole segments, and let
        #    nobody seal, prune or erase until all is found: its parts must tell of one and the same state.
        for ledger in ledgers:
            stack.enter_context(ledger.settled())
        chosen = {ledger.log: segments_of(place.layout(ledger.log), wanted) for ledger in ledgers}
        concerned = tuple(ledger for ledger in ledgers if chosen[ledger.log])
        if not concerned:
            return None
        # 2. Take what belongs to them.
        gathering = Gathering()
        try:
            counts = fill(gathering, place, concerned, chosen, wanted, by=by, recipient=recipient)
        except OSError as error:
            raise LedgerUnavailable(f"{place}: cannot be read: {error}") from error
    first = item(MANIFEST, manifest(gathering.items))
    body = _disclosure(wanted, first.sha256, by=by, recipient=recipient)
    return Evidence((first, *gathering.items), counts, concerned, body)


def _disclosure(wanted: Wanted, digest: str, *, by: str, recipient: str) -> dict[str, JSON]:
    body: dict[str, JSON] = {"event": "disclosed", "system": wanted.system, "digest": digest, "by": by}
    if wanted.begin is not None:
        body["from"] = wanted.begin
    if wanted.end is not None:
        body["to"] = wanted.end
    if recipient:
        body["recipient"] = recipient
    return body
