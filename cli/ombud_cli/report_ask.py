# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A report that a running gateway makes, judges and records; its files come over the wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ombud.v1 import report_pb2
from ombud.v1.report_pb2_grpc import ReportServiceStub
from ombud_cli.control import Control
from ombud_cli.failure import unusable
from ombud_cli.ledger_place import read_checkpoints
from ombud_cli.progress import steps
from ombud_cli.report_files import Files

if TYPE_CHECKING:
    from ombud_cli.report_make import Wanted
    from ombud_reports import Kind

_SECONDS = 3_900.0
"""Longer than any gateway lets a report be made: it is the gateway's limit that counts."""
_MOST = 256 << 20
_ENDINGS = ("json", "html", "pdf")


def ask_gateway(
    control: Control, kind: Kind, options: Mapping[str, Any], wanted: Wanted, files: Files
) -> None:
    """Have a gateway make a report, and write its files; raise `Failure`."""
    from ombud_cli.report_make import files_given, tell

    for given, name in (
        (wanted.draft, "--draft"),
        (wanted.by, "--by"),
        (wanted.log, "--log"),
        (wanted.signing_key, "--signing-key"),
        *((True, f"--{name.replace('_', '-')}") for name in files_given(kind, options)),
    ):
        if given:
            raise unusable(f"{name}: cannot be given to a gateway; give PATH, with no gateway running on it")
    request = report_pb2.MakeReportRequest(
        kind=kind.name,
        system=wanted.system,
        to=wanted.end,
        options_json=json.dumps({name: each for name, each in options.items() if each not in (None, ())}),
        as_of=read_checkpoints(wanted.as_of),
        json_only=wanted.json_only,
    )
    setattr(request, "from", wanted.begin)
    contents, made = _received(control, request)
    digest = hashlib.sha256(contents.get("json", b"")).hexdigest()
    if made is None or digest != made.digest:
        raise unusable("the gateway's answer is no whole report: its JSON is not the one that was recorded")
    with files.staged(contents):
        pass
    tell(contents, files, f"{made.log}, entry {made.entry}", wanted)


def _received(
    control: Control, request: report_pb2.MakeReportRequest
) -> tuple[dict[str, bytes], report_pb2.ReportMade | None]:
    parts: dict[str, bytearray] = {}
    made = None
    with steps() as progress:
        for response in control.listen(ReportServiceStub, "MakeReport", request, seconds=_SECONDS):
            which = response.WhichOneof("what")
            if which == "step":
                progress(response.step)
            elif which == "chunk":
                if response.chunk.ending not in _ENDINGS:
                    raise unusable(f"the gateway sent a file of kind {response.chunk.ending[:20]!r}")
                parts.setdefault(response.chunk.ending, bytearray()).extend(response.chunk.data)
                if sum(map(len, parts.values())) > _MOST:
                    raise unusable(f"the gateway sent more than {_MOST >> 20} MB")
            elif which == "made":
                made = response.made
    return {ending: bytes(part) for ending, part in parts.items()}, made
