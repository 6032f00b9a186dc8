# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Reports that callers may have made: each in a process apart, recorded before its files leave."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from ombud.v1 import report_pb2
from ombud_gateway.errors import Invalid, Unavailable
from ombud_gateway.report_options import read_options
from ombud_gateway.upstreams.queries import check_checkpoints, refusals
from ombud_ledger import Ledger, LedgerError, query_apart

METHOD: Final = "ReportService.MakeReport"
_LONGEST: Final = 256
_CHUNK: Final = 1 << 20


class Reports:
    """Has reports made by `module`, which is started as a process; at most one at once. Raises Refusal."""

    def __init__(self, ledger: Ledger, limits: query_apart.Limits, module: str) -> None:
        self._ledger = ledger
        self._limits = limits
        self._module = module
        self._place = asyncio.Semaphore(1)

    async def make(self, body: bytes, by: str) -> AsyncGenerator[report_pb2.MakeReportResponse, None]:
        """Yield the steps of a report, its files, and where it is recorded."""
        job = self._job(report_pb2.MakeReportRequest.FromString(body), by)
        if self._place.locked():
            raise Unavailable("REPORTS_BUSY", "a report is being made: try again later")
        async with self._place:
            reader = _Reader(query_apart.run(self._module, self._ledger.place, job, self._limits.seconds))
            with refusals(self._limits):
                async with aclosing(reader):
                    async for response in self._responses(reader):
                        yield response

    async def _responses(self, reader: _Reader) -> AsyncGenerator[report_pb2.MakeReportResponse, None]:
        made = report_pb2.ReportMade()
        while (line := await reader.line()) is not None:
            said = json.loads(line)
            if "step" in said:
                yield report_pb2.MakeReportResponse(step=said["step"])
            elif "entry" in said:
                # Recorded before any file leaves. A crash after this leaves an entry of a report nobody has.
                at = await self._ledger.append("report", said["entry"])
                digest = said["entry"]["digest"]
                made = report_pb2.ReportMade(log=at.log, entry=at.seq, digest=digest)
            else:
                left = said["bytes"]
                while left:
                    data = await reader.take(min(left, _CHUNK))
                    left -= len(data)
                    chunk = report_pb2.ReportChunk(ending=said["ending"], data=data)
                    yield report_pb2.MakeReportResponse(chunk=chunk)
        yield report_pb2.MakeReportResponse(made=made)

    def _job(self, request: report_pb2.MakeReportRequest, by: str) -> dict[str, Any]:
        check_checkpoints(request.as_of)
        for name in ("kind", "system", "from", "to"):
            if len(getattr(request, name)) > _LONGEST:
                raise Invalid("MALFORMED", f"{name} is longer than {_LONGEST} characters")
        return {
            "kind": request.kind,
            "system": request.system,
            "from": getattr(request, "from"),
            "to": request.to,
            "options": read_options(request.options_json),
            "as_of": [b64encode(note).decode() for note in request.as_of],
            "json_only": request.json_only,
            "by": by,
            "seconds": self._limits.seconds,
            "memory_mb": self._limits.memory_mb,
        }


class _Reader:
    """Lines and bytes of what a process says, in turn."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self._pieces = pieces
        self._left = b""

    async def aclose(self) -> None:
        """End the process, if it has not ended."""
        await self._pieces.aclose()

    async def line(self) -> bytes | None:
        """Return the next line; None where there is none. Raises what the process ended with."""
        while b"\n" not in self._left:
            if not await self._more():
                if self._left:
                    raise LedgerError("the report's process ended within a line")
                return None
        line, _, self._left = self._left.partition(b"\n")
        return line

    async def take(self, most: int) -> bytes:
        """Return the next bytes, at least one."""
        if not self._left and not await self._more():
            raise LedgerError("the report's process ended within a file")
        data, self._left = self._left[:most], self._left[most:]
        return data

    async def _more(self) -> bool:
        piece = await anext(self._pieces, b"")
        self._left += piece
        return bool(piece)
