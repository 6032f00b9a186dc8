# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Start whichever model server this machine can run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ombud_cli.demo.upstream.errors import TritonUnsupportedError
from ombud_cli.demo.upstream.preparation import Prepared
from ombud_cli.demo.upstream.server_process import READY_SECONDS, Addresses, ModelServer, free_ports, spawn
from ombud_cli.demo.upstream.triton_server import start_triton

SERVER: Final = "ombud_cli.demo.upstream.embedded_server"


def start(prepared: Prepared, log: Path, *, say: Callable[[str], object] = print) -> ModelServer:
    """Start Triton with the loan model, or say why not and start the embedded server. Raises ServerError."""
    try:
        return start_triton(prepared, log)
    except TritonUnsupportedError as error:
        say(f"Triton cannot run here: {error}. The embedded server serves the same model instead.")
        return start_embedded(prepared, log)


def start_embedded(prepared: Prepared, log: Path, *, ready_seconds: float = READY_SECONDS) -> ModelServer:
    """Start the embedded server in a process of its own. Raises ServerError."""
    (port,) = free_ports(1)
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", SERVER, str(prepared.repository), str(port)]
    server = ModelServer("embedded", spawn(command, environment, log), Addresses(f"127.0.0.1:{port}"), log)
    try:
        server.wait_until_ready(ready_seconds)
    except BaseException:
        server.kill()
        raise
    return server
