# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL of others, in a process apart: whatever it does, it ends by itself or is killed, alone."""

import asyncio
import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from ombud_ledger.errors import (
    LedgerError,
    LedgerUnavailable,
    LedgerUnreadable,
    NotProven,
    QueryRefused,
    QueryStopped,
)
from ombud_ledger.place import Place, place_of, place_told

__all__ = ["Limits", "Question", "answer", "place_told", "rows", "run"]

_GRACE: Final = 30.0  # seconds to start, on a busy machine, and to stop by itself, before it is killed
_MOST_SAID: Final = 65_536
_ERRORS: Final = {kind.__name__: kind for kind in (LedgerUnreadable, NotProven, QueryRefused, QueryStopped)}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take; `seconds` includes the reading of its rows."""

    seconds: float = 30.0
    memory_mb: int = 512
    rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """One SELECT, texts for its `$name` parameters, and checkpoints to read the logs as of (see `query`)."""

    sql: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    as_of: Sequence[bytes] = ()


async def answer(
    root: Path | Place, question: Question, limits: Limits, *, log: str | None = None, chunk: int = 1 << 20
) -> AsyncGenerator[bytes, None]:
    """Run a SELECT and yield its rows: an Arrow IPC stream, in pieces of at most `chunk` bytes.

    Only if the iterator ends by itself is the answer whole. Raises QueryRefused, QueryStopped, NotProven,
    LedgerUnreadable, LedgerUnavailable, before the first piece or after any.
    """
    job = _job(question, limits, log)
    pieces = run("ombud_ledger.answer", root, job, limits.seconds, chunk=chunk, whole=True)
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece


async def run(
    module: str,
    root: Path | Place,
    job: Mapping[str, Any],
    seconds: float,
    *,
    chunk: int = 1 << 20,
    whole: bool = False,
) -> AsyncGenerator[bytes, None]:
    """Give a job to `python -m module` and yield what it says as it does, in pieces of at most `chunk` bytes.

    The process reads it as JSON; `place_told` tells it which ledger it is about.
    `whole` waits until a piece has `chunk` bytes, unless it is the last.

    It is killed some time after its `seconds` are over. What it ends with is raised as by `answer`: it exits
    with 1 and says why in one line of JSON, `error` and `message`, on standard error.
    """
    # Not by the loop's own means: libuv forks, and forks stop gRPC's threads; this one does not (vfork).
    place = place_of(root)
    child = _start(module, place)
    loop = asyncio.get_running_loop()
    # It bounds itself; the timer is for what does not notice. Its end closes the pipes read below.
    timer = loop.call_later(seconds + _GRACE, child.kill)
    try:
        async with _pipe(child.stdout, chunk) as out, _pipe(child.stderr, _MOST_SAID) as said:
            told = {**job, "root": str(place), "elsewhere": place.elsewhere and asdict(place.elsewhere)}
            await asyncio.to_thread(_tell, child, json.dumps(told, default=str).encode())
            while piece := await (_filled(out, chunk) if whole else out.read(chunk)):
                yield piece
            why = await said.read(_MOST_SAID)
            code = await asyncio.to_thread(child.wait)
    finally:
        timer.cancel()
        child.kill()
        await asyncio.to_thread(child.wait)
    if code:
        raise _why(code, why)


def _start(module: str, place: Place) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    env = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}  # the gateway's own may hold secrets
    if place.elsewhere is not None and place.elsewhere.on_s3 and place.elsewhere.credentials_file is None:
        # Then the key is looked for where AWS tools look. No statement can read it: there is no access.
        env |= {name: value for name, value in os.environ.items() if name == "HOME" or name[:4] == "AWS_"}
    try:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=env,
        )
    except OSError as error:
        raise LedgerUnavailable(f"no process for the query: {error}") from error


def _tell(child: subprocess.Popen[bytes], job: bytes) -> None:
    assert child.stdin  # noqa: S101 - pipes were asked for
    with suppress(BrokenPipeError), child.stdin as pipe:  # it has ended: what it said is read
        pipe.write(job)


@asynccontextmanager
async def _pipe(pipe: IO[bytes] | None, most: int) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader(most)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        yield reader
    finally:
        transport.close()


def _job(question: Question, limits: Limits, log: str | None) -> dict[str, Any]:
    return {
        "log": log or "",
        "sql": question.sql,
        "parameters": dict(question.parameters),
        "as_of": [b64encode(note).decode() for note in question.as_of],
        "seconds": limits.seconds,
        "memory_mb": limits.memory_mb,
        "rows": limits.rows,
    }


async def _filled(pipe: asyncio.StreamReader, most: int) -> bytes:
    try:
        return await pipe.readexactly(most)
    except asyncio.IncompleteReadError as error:
        return error.partial


def _why(code: int, said: bytes) -> LedgerError:
    if code == -9:  # by the timer, or by the kernel for want of memory
        return QueryStopped("seconds or memory")
    with suppress(ValueError, KeyError, IndexError):
        told = json.loads(said.splitlines()[-1])
        return _ERRORS[told["error"]](told["message"])
    if code < 0:  # a bound of the process was hit where DuckDB or Arrow could not say so
        return QueryStopped("memory or seconds")
    return LedgerUnavailable(f"the query's process ended with {code}: {said[-500:].decode(errors='replace')}")


def rows(stream: bytes) -> list[tuple[Any, ...]]:
    """Return the rows of a small answer, columns in order."""
    import pyarrow as pa  # here: whoever only passes answers on needs no Arrow

    with pa.ipc.open_stream(stream) as reader:
        table = reader.read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
