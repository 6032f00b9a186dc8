# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's gateway: `ombud serve` as a process of its own, as an operator would run it."""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ombud_cli.demo.workspace import Workspace

_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0


class GatewayProcess:
    """Runs for the length of a with block; stopped by its own process id, with SIGTERM, so that it drains."""

    def __init__(self, workspace: Workspace, address: str) -> None:
        self.address = address
        self._log = workspace.log("gateway")
        self._command = [sys.executable, "-m", "ombud_cli.main", "serve", "--config", str(workspace.config)]

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        try:
            self._wait_until_serving()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id, for who wants to look."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to drain and end; insist if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait_until_serving(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while True:
                if self._process.poll() is not None:
                    raise RuntimeError(f"the gateway ended at its start; see {self._log}")
                try:
                    found = stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0, wait_for_ready=True)
                    if found.status == health_pb2.HealthCheckResponse.SERVING:
                        return
                except grpc.RpcError:
                    pass
                if time.monotonic() > deadline:
                    raise RuntimeError(
                        f"the gateway is not serving after {_READY_SECONDS:.0f} s; see {self._log}"
                    )
