# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Prune, hold, release and export at a running gateway: what it answers, as the offline commands tell it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ombud.v1 import ledger_pb2
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.control import Control
from ombud_cli.failure import unusable, unusable_on
from ombud_cli.progress import progress
from ombud_ledger import LedgerError, export

_LONG = 86_400.0
"""Seconds that a large ledger may take; a caller who leaves ends an export, and not a prune."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, as all times here


class File(NamedTuple):
    """A sealed file, as a prune tells of it; `newest` in microseconds UTC, of one that goes."""

    log: str
    part: str
    first: int
    last: int
    because: str
    file: str
    newest: int = 0
    sha256: str = ""


class Left(NamedTuple):
    """A file that a prune entry names and that was not deleted, and why."""

    log: str
    path: str
    entry: int
    why: str


class Pruning(NamedTuple):
    """What prunes did, or would do; `begins` is, by log, the first entry that is left."""

    begins: dict[str, int]
    goes: list[File]
    stays: list[File]
    left: list[Left]


def prune(control: Control, before: int | None, *, dry_run: bool) -> Pruning:
    """Have the gateway prune its log, or say what would go; raise `Failure`."""
    request = ledger_pb2.PruneLedgerRequest(before_us=before or 0, dry_run=dry_run)
    parts: list[Any] = []
    with progress() as tell:
        for message in control.listen(LedgerServiceStub, "PruneLedger", request, seconds=_LONG):
            said = message.progress
            if said.step and tell is not None:
                tell(said.step, said.done, said.total)
            parts.append(message)
    log = parts[-1].log if parts else ""
    if not log:
        raise unusable(f"gateway {control.gateway}: the answer is not whole; ask again")
    return Pruning(
        {log: parts[-1].before},
        [
            File(
                log,
                each.part,
                each.first,
                each.last,
                f"{each.system} keeps {each.part} {each.period}",
                each.path,
                each.newest_us,
                each.sha256,
            )
            for part in parts
            for each in part.goes
        ],
        [
            File(log, each.part, each.first, each.last, each.why, each.path)
            for part in parts
            for each in part.stays
        ],
        [Left(log, each.path, each.entry, each.why) for part in parts for each in part.left],
    )


def hold(control: Control, system: str, reason: str) -> str:
    """Have the gateway put a system under a legal hold; return what to say of it; raise `Failure`."""
    request = ledger_pb2.HoldRetentionRequest(system=system, reason=reason)
    reply = control.ask(LedgerServiceStub, "HoldRetention", request, seconds=_LONG)
    return f"{reply.log}: entry {reply.entry}: {system} held"


def release(control: Control, system: str, reason: str) -> tuple[str, list[str]]:
    """Have the gateway end a hold; return what to say of it, and which logs still hold the system."""
    request = ledger_pb2.ReleaseRetentionRequest(system=system, reason=reason)
    reply = control.ask(LedgerServiceStub, "ReleaseRetention", request, seconds=_LONG)
    return f"{reply.log}: entry {reply.entry}: {system} released", list(reply.held_by)


def holds(control: Control) -> list[tuple[Any, ...]]:
    """Ask what is held; return rows of log, system, since, by, reason."""
    request = ledger_pb2.ListRetentionHoldsRequest()
    reply = control.ask(LedgerServiceStub, "ListRetentionHolds", request)
    return [
        (each.log, each.system, _EPOCH + timedelta(microseconds=each.since_us), each.by, each.reason or None)
        for each in reply.holds
    ]


def fetch_export(
    control: Control, wanted: export.Wanted, out: Path, *, recipient: str, reason: str
) -> export.Exported:
    """Have the gateway hand out an evidence folder, and write it as `out`; raise `Failure`.

    Each file is held to the manifest, and that to the digest the log recorded. Unless all of it came, nothing
    is left here.
    """
    request = ledger_pb2.ExportLedgerRequest(
        system=wanted.system,
        from_us=wanted.begin,
        to_us=wanted.end,
        without_facts=not wanted.facts,
        payloads=wanted.payloads,
        recipient=recipient,
        reason=reason,
    )
    digest, files, left, counts = "", 0, 0, dict[str, int]()
    with unusable_on(LedgerError, OSError), progress() as tell, export.new_folder(out) as folder:
        for message in control.listen(LedgerServiceStub, "ExportLedger", request, seconds=_LONG):
            if message.HasField("summary"):
                summary = message.summary
                digest, left, counts = summary.digest, summary.bytes, _counts(summary.entries_by_system)
            for piece in message.pieces:
                left -= len(piece.data)
                if left < 0:
                    raise unusable(f"gateway {control.gateway}: more bytes came than it announced")
                files += folder.write(export.Piece(piece.path, piece.data, piece.last))
            if tell is not None:
                tell("files", files, max(folder.files + 1, files))
        if folder.digest != digest:
            raise unusable(f"gateway {control.gateway}: MANIFEST is not the one that the log recorded")
    return export.Exported(out, digest, folder.files, counts)


def _counts(by_system: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(by_system.items()))
