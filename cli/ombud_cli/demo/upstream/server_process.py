# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""One model server as a child process: started, awaited, stopped by its own handle."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from ombud_cli.demo.upstream.errors import ServerError

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
LOG_BYTES: Final = 64 << 10

_QUICK_RECONNECT: Final = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.enable_http_proxy", 0),
]


@dataclass(frozen=True)
class Addresses:
    """Where a server listens, as `127.0.0.1:PORT`."""

    grpc: str
    http: str | None = None
    metrics: str | None = None


class ModelServer:
    """A running model server; a context manager that stops it."""

    def __init__(
        self,
        kind: Literal["triton", "embedded"],
        process: subprocess.Popen[bytes],
        addresses: Addresses,
        log: Path,
        *,
        shared_memory: str = "",
    ) -> None:
        """Take over a process that leads its own session.

        `shared_memory` is the prefix of its regions in /dev/shm, which a killed server leaves behind.
        """
        self.kind: Final = kind
        self.addresses: Final = addresses
        self.log: Final = log
        self._process = process
        self._shared_memory = shared_memory
        atexit.register(self.stop)

    @property
    def grpc_address(self) -> str:
        """What a client takes as its `url`."""
        return self.addresses.grpc

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return once `ServerReady` says so; raise ServerError with the log's end if that does not come."""
        deadline = time.monotonic() + seconds
        with grpc.insecure_channel(self.grpc_address, options=_QUICK_RECONNECT) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while self.running and time.monotonic() < deadline:
                try:
                    answer = stub.ServerReady(
                        service_pb2.ServerReadyRequest(), timeout=0.5, wait_for_ready=True
                    )
                except grpc.RpcError:
                    continue
                if answer.ready:
                    return
                time.sleep(0.05)
        state = "is not ready" if self.running else f"ended with status {self._process.returncode}"
        raise ServerError(
            f"the {self.kind} server {state} after at most {seconds:.0f} s:\n{self.last_words()}"
        )

    def last_words(self, lines: int = 20) -> str:
        """Read the end of the log, without the tables that Triton draws."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - LOG_BYTES))
            text = log.read().decode(errors="replace")
        told = [line[:300] for line in text.splitlines() if line and line[0] not in "|+"]
        return "\n".join(told[-lines:])

    def stop(self) -> None:
        """Ask the server to end, and end it after `STOP_SECONDS`. Does nothing if it has ended."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._tidy()

    def kill(self) -> None:
        """End the server and its own children at once, as a crash would."""
        if self.running:  # not yet reaped, so the group is still the one this server leads
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._tidy()

    def _tidy(self) -> None:
        if self._shared_memory:
            for region in Path("/dev/shm").glob(f"{self._shared_memory}*"):  # noqa: S108 - Linux's fixed place
                region.unlink(missing_ok=True)
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches it only through its owner."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def free_ports(count: int) -> list[int]:
    """Find free loopback ports. Another process may take one before it is used: be ready to ask again."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
