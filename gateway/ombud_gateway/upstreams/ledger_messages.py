# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What is told of prunes, holds and exports, as messages of `LedgerService`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from google.protobuf.message import Message

from ombud.v1 import ledger_pb2
from ombud_gateway.upstreams.retention import Progress, RetentionHold

if TYPE_CHECKING:
    from ombud_ledger import export, pruning

_AT_ONCE: Final = 1_000  # files in a message, each in a few hundred bytes
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, as all times of the ledger's views


def prune_responses(said: Progress | pruning.Pruned) -> Iterator[Message]:
    """Say how far a prune is, or what it did, in messages of bounded size."""
    if isinstance(said, Progress):
        yield ledger_pb2.PruneLedgerResponse(
            progress=ledger_pb2.PruneProgress(step=said.step, done=said.done, total=said.total)
        )
        return
    plan = said.plan
    goes = [_going(each) for each in plan.going]
    stays = [
        ledger_pb2.StayingFile(
            path=each.file.name, part=each.part, first=each.file.first, last=each.file.last, why=each.why
        )
        for each in plan.staying
    ]
    left = [ledger_pb2.LeftFile(path=each.path, entry=each.entry, why=each.why) for each in said.left]
    for at in range(0, max(len(goes), len(stays), len(left), 1), _AT_ONCE):
        span = slice(at, at + _AT_ONCE)
        message = ledger_pb2.PruneLedgerResponse(goes=goes[span], stays=stays[span], left=left[span])
        if at + _AT_ONCE >= max(len(goes), len(stays), len(left)):
            message.log, message.before = said.log, plan.before
        yield message


def holds_response(holds: Sequence[RetentionHold]) -> Message:
    """Say what is held."""
    return ledger_pb2.ListRetentionHoldsResponse(
        holds=[
            ledger_pb2.RetentionHold(
                log=each.log,
                system=each.system,
                since_us=(each.since - _EPOCH) // timedelta(microseconds=1),
                by=each.by,
                reason=each.reason,
            )
            for each in holds
        ]
    )


def export_response(part: export.Evidence | list[export.Piece], log: str) -> Message:
    """Say what a folder is, or hand out the next bytes of it."""
    if isinstance(part, list):
        return ledger_pb2.ExportLedgerResponse(
            pieces=[ledger_pb2.ExportPiece(path=each.name, data=each.data, last=each.last) for each in part]
        )
    return ledger_pb2.ExportLedgerResponse(
        summary=ledger_pb2.ExportSummary(
            log=log,
            digest=part.digest,
            files=part.files,
            bytes=part.size,
            entries_by_system=part.counts,
        )
    )


def _going(each: pruning.Going) -> ledger_pb2.PrunedFile:
    return ledger_pb2.PrunedFile(
        path=each.file.name,
        part=each.part,
        first=each.file.first,
        last=each.file.last,
        sha256=each.sha256,
        newest_us=each.newest,
        system=each.declared.system,
        period=str(each.declared.periods[each.part]),
    )
