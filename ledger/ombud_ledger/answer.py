# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Answer one SELECT in a process that can be killed.

Run as `python -m ombud_ledger.answer`: reads one JSON job from standard input, writes an Arrow IPC stream to
standard output. If it must stop, it exits with 1 and says why in one line of JSON on standard error.
"""

import json
import os
import resource
import sys
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from ombud_ledger.errors import LedgerError, LedgerUnreadable, QueryRefused, QueryStopped
from ombud_ledger.lean import leave_out
from ombud_ledger.place import place_told

_BESIDE: Final = 512 * 1024 * 1024  # bytes that DuckDB and Arrow take besides the data of a statement
_LONGEST: Final = 1_000  # characters of a message


def main() -> int:
    """Do one job."""
    os.nice(10)  # Calls come first.
    leave_out()
    job = json.load(sys.stdin)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_DATA, job["memory_mb"] * 1024 * 1024 + _BESIDE)
    _bound(resource.RLIMIT_CPU, int(job["seconds"] + 5) * (os.cpu_count() or 1))
    try:
        _answer(job, sys.stdout.buffer)
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LedgerError, MemoryError) as error:
        stopped = QueryStopped("memory") if isinstance(error, MemoryError) else error
        said = {"error": type(stopped).__name__, "message": str(stopped)[:_LONGEST]}
        print(json.dumps(said), file=sys.stderr, flush=True)
        return 1
    return 0


def _bound(kind: int, most: int) -> None:
    """Bound the process by what DuckDB's own limits leave out: strings of some functions, a late watchdog."""
    _, hard = resource.getrlimit(kind)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


def _answer(job: Mapping[str, Any], out: BinaryIO) -> None:
    import duckdb
    import pyarrow as pa

    from ombud_ledger.query import check_names, connect

    try:
        opened = connect(
            place_told(job),
            log=job["log"] or None,
            memory=f"{job['memory_mb']}MB",
            timeout=job["seconds"],
            as_of=[b64decode(note) for note in job["as_of"]],
        )
        with opened:
            _bound(resource.RLIMIT_FSIZE, 0)  # the tail has been read, for which SQLite needs its index file
            check_names(job["parameters"].keys(), opened.parameters(job["sql"]))
            schema, batches = opened.batches(job["sql"], job["parameters"])
            left = job["rows"]
            with pa.ipc.new_stream(out, schema) as writer:
                for batch in batches:
                    left -= batch.num_rows
                    if left < 0:
                        raise QueryStopped("rows")
                    writer.write_batch(batch)
            out.flush()
    except duckdb.InterruptException as error:
        raise QueryStopped("seconds") from error
    except duckdb.OutOfMemoryException as error:
        raise QueryStopped("memory") from error
    except duckdb.Error as error:
        raise QueryRefused((str(error).splitlines() or ["no reason given"])[0]) from error
    except BrokenPipeError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise LedgerUnreadable(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
