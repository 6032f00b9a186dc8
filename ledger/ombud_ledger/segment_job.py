# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One segment to be checked, what was found, and the first question asked of each of its files."""

from dataclasses import dataclass, field
from pathlib import Path

from ombud_ledger.account import BROKEN, INCOMPLETE, UNREADABLE, Finding
from ombud_ledger.place import Fetcher
from ombud_ledger.seal import digest_of
from ombud_ledger.seals import Seal
from ombud_ledger.shreds import Shred, Standing, standing


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """What one check needs to know; plain values, so that it can be sent to another process."""

    folder: Path
    objects: Path
    name: str
    first: int
    last: int
    head: bytes | None  # chain value before `first`, None if not known
    last_ts: int
    seals: dict[str, Seal]  # by path, those of this segment
    shreds: dict[str, list[Shred]]  # likewise, newest first
    wanted: int
    pruned: frozenset[str] = frozenset()  # files that may be missing
    fetcher: Fetcher | None = None  # of the segment's files, where `folder` does not hold them


@dataclass(slots=True)
class SegmentResult:
    """What one check found."""

    head: bytes | None
    origin: str | None = None
    wanted_chain: bytes | None = None
    last_ts: int = 0
    first_ts: int = 0
    files: int = 0
    erased: int = 0  # facts rows that are blank, and should be
    findings: list[Finding] = field(default_factory=list)


def check_bytes(job: SegmentJob, name: str, result: SegmentResult) -> Standing | None:
    """Say how a file's bytes stand to what the log says of them; None, and a finding, if it never did."""
    seal = job.seals.get(name)
    path = job.folder / name
    result.files += 1
    if seal is None and name in job.pruned:
        return Standing(None, carried_out=True)  # put back; its digest is the one that the prune entry names
    if seal is None:
        result.findings.append(
            Finding(INCOMPLETE, "no seal entry covers this file: the tail that held it is missing", file=name)
        )
        return Standing(0, carried_out=True)
    try:
        digest, size = digest_of(path), path.stat().st_size
    except OSError as error:
        result.findings.append(file_finding(UNREADABLE, f"cannot be read: {error}", name, seal))
        return None
    shreds = job.shreds.get(name, [])
    found = standing(seal, shreds, digest, size)
    if found is None:
        newest = shreds[0].new if shreds else seal.sha256
        what = f"its bytes are not those that were sealed: SHA-256 {digest}, sealed {newest}"
        result.findings.append(file_finding(BROKEN, what, name, seal))
    elif not found.carried_out:
        what = "an erasure was logged but not carried out: the file is the one before"
        result.findings.append(Finding(INCOMPLETE, what, file=name, seal=shreds[0].entry))
    return found


def file_finding(level: str, what: str, name: str, seal: Seal | None) -> Finding:
    """Return a finding about a file, with what its seal entry says of it."""
    if seal is None:
        return Finding(level, what, file=name)
    return Finding(level, what, file=name, first=seal.first, last=seal.last, seal=seal.entry)
