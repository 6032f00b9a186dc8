# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Make one report in a process that can be killed.

Run as `python -m ombud_reports.apart`: reads one JSON job from standard input; writes to standard output
lines of JSON: `step` with what is being done; `entry` with the body of the report's entry; then for each file
`ending` and `bytes`, after which come that many bytes. If it must stop, it exits with 1 and says why in one
line of JSON on standard error.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, BinaryIO

import duckdb

from ombud_ledger import LedgerError, LedgerUnreadable, QueryRefused, QueryStopped, query, query_apart
from ombud_reports.errors import ReportError
from ombud_reports.kinds import kind_of
from ombud_reports.making import make
from ombud_reports.options import parse_moment
from ombud_reports.recording import Rendered, entry_of, render

_BESIDE = 1024 * 1024 * 1024  # bytes that Python, DuckDB and Arrow take besides the data of a statement
_LONGEST = 1_000  # characters of a message
_STEPS = frozenset({"basis.extent", "pages"})


def main() -> int:
    """Do one job."""
    os.nice(10)  # Calls come first.
    job = json.load(sys.stdin)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_DATA, job["memory_mb"] * 1024 * 1024 + _BESIDE)
    _bound(resource.RLIMIT_CPU, int(job["seconds"] + 5) * (os.cpu_count() or 1))
    out = sys.stdout.buffer
    try:
        _write(_rendered(job, out), out)
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LedgerError, ReportError, MemoryError, duckdb.Error) as error:
        said = _told(error)
        told = {"error": type(said).__name__, "message": str(said)[:_LONGEST]}
        print(json.dumps(told), file=sys.stderr, flush=True)
        return 1
    return 0


def _rendered(job: Mapping[str, Any], out: BinaryIO) -> Rendered:
    if any(option.type == "file" for option in kind_of(job["kind"]).options if option.name in job["options"]):
        raise QueryRefused("an option that is a file cannot be given here: make the report where the file is")

    def progress(step: str) -> None:
        # Each step that is told is an entry of the ledger: those that a reader waits for, and no more.
        if step in _STEPS:
            out.write(json.dumps({"step": step}).encode() + b"\n")
            out.flush()

    notes = [b64decode(note) for note in job["as_of"]]
    with query.connect(
        query_apart.place_told(job),
        memory=f"{job['memory_mb']}MB",
        timeout=job["seconds"],
        as_of=notes,
        published=not notes,
    ) as ledger:
        _bound(resource.RLIMIT_FSIZE, 0)  # the tail has been read, for which SQLite needs its index file
        report = make(
            job["kind"],
            ledger,
            system=job["system"],
            begin=parse_moment(job["from"], "from") if job["from"] else None,
            end=parse_moment(job["to"], "to") if job["to"] else None,
            options=job["options"],
            by=job["by"],
            progress=progress,
        )
    progress("pages")
    return render(report, json_only=job["json_only"])


def _write(rendered: Rendered, out: BinaryIO) -> None:
    out.write(json.dumps({"entry": entry_of(rendered)}).encode() + b"\n")
    for ending, content in rendered.files.items():
        out.write(json.dumps({"ending": ending, "bytes": len(content)}).encode() + b"\n")
        out.write(content)
    out.flush()


def _told(error: Exception) -> Exception:
    match error:
        case MemoryError() | duckdb.OutOfMemoryException():
            return QueryStopped("memory")
        case duckdb.InterruptException():
            return QueryStopped("seconds")
        case duckdb.Error():
            return LedgerUnreadable((str(error).splitlines() or ["no reason given"])[0])
        case ReportError():
            return QueryRefused(str(error))
    return error


def _bound(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


if __name__ == "__main__":
    sys.exit(main())
