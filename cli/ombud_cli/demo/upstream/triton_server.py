# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Start the real Triton Inference Server on free loopback ports."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ombud_cli.demo.upstream.errors import ServerError, TritonUnsupportedError
from ombud_cli.demo.upstream.preparation import Prepared, TritonParts
from ombud_cli.demo.upstream.repository import MODEL
from ombud_cli.demo.upstream.server_process import READY_SECONDS, Addresses, ModelServer, free_ports, spawn

OLDEST_GLIBC: Final = (2, 35)
ATTEMPTS: Final = 3


def why_unsupported() -> str | None:
    """Say why this machine cannot run Triton's wheel, or nothing if it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"Triton's wheel is for Linux on x86_64, this is {sys.platform} on {platform.machine()}"
    name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "another C library").partition(" ")
    wanted = ".".join(map(str, OLDEST_GLIBC))
    if name != "glibc" or tuple(map(int, version.split(".")[:2])) < OLDEST_GLIBC:
        return f"Triton's wheel needs glibc {wanted} or later, this is {name} {version}".rstrip()
    return None


def start_triton(
    prepared: Prepared,
    log: Path,
    *,
    repositories: Sequence[Path] = (),
    models: Sequence[str] = (MODEL,),
    ready_seconds: float = READY_SECONDS,
) -> ModelServer:
    """Start Triton over the loan model's repository and `repositories`, load `models`, wait until ready.

    Models of these repositories that are not named can be loaded later by `RepositoryModelLoad`. Everything
    the server says goes to the end of `log`.

    Raises TritonUnsupportedError if this machine cannot run it, ServerError if it does not become ready.
    """
    reason = why_unsupported() or prepared.why_no_triton
    if reason or prepared.triton is None:
        raise TritonUnsupportedError(reason)
    parts = prepared.triton
    environment = _environment(parts)
    for attempt in range(1, ATTEMPTS + 1):
        before = log.stat().st_size if log.exists() else 0
        ports = free_ports(3)
        region = f"ombud-{os.getpid()}-{ports[0]}-"
        command = [
            *_command(parts, prepared.backends, [prepared.repository, *repositories], models, ports),
            f"--backend-config=python,shm-region-prefix-name={region}",
        ]
        addresses = Addresses(*(f"127.0.0.1:{port}" for port in ports))
        process = spawn(command, environment, log)
        server = ModelServer("triton", process, addresses, log, shared_memory=region)
        try:
            server.wait_until_ready(ready_seconds)
        except BaseException as error:
            server.kill()
            taken = b"already in use" in log.read_bytes()[before:]
            if isinstance(error, ServerError) and taken and attempt < ATTEMPTS:
                continue
            raise
        return server
    raise ServerError(f"no free ports in {ATTEMPTS} attempts")


def _environment(parts: TritonParts) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "LANG") if name in os.environ}
    return kept | {
        # The backend's stub embeds an isolated Python: it ignores PYTHONPATH and PYTHONHOME, and takes the
        # packages of whichever `python3` comes first on PATH. `triton_model.py` refuses the wrong ones.
        "PATH": f"{parts.programs}:{os.environ.get('PATH', os.defpath)}",
        "LD_LIBRARY_PATH": f"{parts.libraries}:{parts.libpython.parent}",
        "OMP_NUM_THREADS": "1",
    }


def _command(
    parts: TritonParts,
    backends: Path,
    repositories: Sequence[Path],
    models: Sequence[str],
    ports: Sequence[int],
) -> list[str]:
    grpc_port, http_port, metrics_port = ports
    return [
        str(parts.server),
        *(f"--model-repository={repository}" for repository in repositories),
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        *(f"--load-model={model}" for model in models),
        "--disable-auto-complete-config",  # configurations here are complete; guessing costs a second a model
        "--grpc-address=127.0.0.1",
        f"--grpc-port={grpc_port}",
        "--http-address=127.0.0.1",
        f"--http-port={http_port}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={metrics_port}",
        "--allow-gpu-metrics=false",
        "--pinned-memory-pool-byte-size=0",  # there is no GPU to pin memory for
        "--exit-timeout-secs=5",
    ]
