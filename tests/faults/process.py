# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud serve` as a process of its own, to be killed, starved and started again.

Importing everything costs a start far more than recovery does. A launcher therefore imports once and forks:
what runs in the child is the command line's `serve`, from its first line, in a process with its own pid.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from governed import Deployment

_PATIENCE: Final = 30.0
_LOOK: Final = 0.01
_LAUNCHER: Final = """
import os, sys
import pyarrow.compute, pyarrow.parquet, sqlalchemy.dialects.sqlite, uvloop
import ombud_cli.serve, ombud_cli.wiring, ombud_ledger
from ombud_cli.main import main

while line := os.read(0, 4096).decode():
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["ombud", *line.split()]
        main()
        os._exit(0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """One running `ombud serve`."""

    def __init__(self, pid: int, ended: asyncio.Task[int], deployment: Deployment, log: Path) -> None:
        self.pid = pid
        self._ended = ended
        self._deployment = deployment
        self._log = log

    async def health_becomes(self, wanted: str) -> None:
        """Return once health says `wanted`; fail where the process ends before, or takes too long."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        deadline = time.monotonic() + _PATIENCE
        said = ""
        while said != wanted:
            # A channel of its own for each look: a channel that failed once waits before it tries again.
            async with grpc.aio.insecure_channel(
                self._deployment.address, (("grpc.use_local_subchannel_pool", 1),)
            ) as channel:
                with suppress(grpc.aio.AioRpcError):
                    check = health_pb2_grpc.HealthStub(channel).Check
                    answer = await check(health_pb2.HealthCheckRequest(), timeout=_PATIENCE)
                    said = status.Name(answer.status)
            assert not self._ended.done(), f"ended with {self._ended.result()}: {self._told()}"
            assert time.monotonic() < deadline, f"health is {said!r}, not {wanted!r}: {self._told()}"
            await asyncio.sleep(_LOOK)

    async def kill(self) -> None:
        """Kill it, as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        assert await self._ended == -signal.SIGKILL, self._told()

    async def end(self) -> int:
        """Ask it to drain and end; return its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await asyncio.wait_for(self._ended, _PATIENCE)

    def _told(self) -> str:
        return self._log.read_text()[-4_000:]


class Launcher:
    """Starts gateways, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._last: GatewayProcess | None = None
        self._ended: asyncio.Task[int] | None = None

    async def serve(self, deployment: Deployment) -> GatewayProcess:
        """Start `ombud serve` and return once its health says SERVING."""
        assert self._process.stdin
        self._process.stdin.write(f"serve -c {deployment.config}\n".encode())
        await self._process.stdin.drain()
        pid = await self._number()
        self._ended = asyncio.create_task(self._number())
        self._last = GatewayProcess(pid, self._ended, deployment, self._log)
        await self._last.health_becomes("SERVING")
        return self._last

    async def close(self) -> None:
        """End what still runs."""
        if self._last is not None and self._ended is not None and not self._ended.done():
            await self._last.kill()
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()

    async def _number(self) -> int:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        assert line, self._log.read_text()[-4_000:]
        return int(line)


@asynccontextmanager
async def launcher(log: Path) -> AsyncIterator[Launcher]:
    """Make gateways ready to start for the length of a with block; they write their logs to `log`."""
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _LAUNCHER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
            env={**os.environ, "OMBUD_TRACEBACK": "1"},
        )
    one = Launcher(process, log)
    try:
        yield one
    finally:
        await one.close()
