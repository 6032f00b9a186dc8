# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`LabelService` between wire and ledger."""

from __future__ import annotations

from typing import Any, Final, get_args

from google.protobuf.message import Message

from ombud.v1 import label_pb2 as wire
from ombud_gateway.call import Call
from ombud_gateway.labels import Label, Labels, Result, Told
from ombud_gateway.upstreams.control import Operations
from ombud_ledger import labels

_KINDS: Final = {wire.LabelKind.Value(f"LABEL_KIND_{name.upper()}"): name for name in labels.KINDS}
_SELECTIONS: Final = {
    wire.LABEL_SELECTION_UNSPECIFIED: "unknown",
    **{wire.LabelSelection.Value(f"LABEL_SELECTION_{name.upper()}"): name for name in labels.SELECTIONS},
}
_RESULTS: Final[dict[str, Any]] = {
    name: wire.LabelResult.Value(f"LABEL_RESULT_{name.upper()}") for name in get_args(Result)
}


def operations(taken: Labels) -> Operations:
    """Return what carries the service's method out."""

    async def report(call: Call, by: str) -> Message:
        request = wire.LabelServiceReportRequest.FromString(call.body)
        reported = [_label(each) for each in request.labels]
        told = await taken.report(request.system, reported, by=by, call=call.id)
        return wire.LabelServiceReportResponse(told=map(_told, told))

    return {"LabelService.Report": report}


def _label(label: wire.Label) -> Label:
    which = label.WhichOneof("value")
    return Label(
        label.decision,
        getattr(label, which) if which else None,
        _KINDS.get(label.kind, "" if not label.kind else str(label.kind)),
        _SELECTIONS.get(label.selection, str(label.selection)),
        label.observed_at_us or None,
    )


def _told(told: Told) -> wire.LabelTold:
    return wire.LabelTold(result=_RESULTS[told.result], entry=told.entry, message=told.message)
