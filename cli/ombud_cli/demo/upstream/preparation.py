# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Make what the demonstration's model server needs, once: environment, trained model, repository, backend."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from ombud_cli.demo.upstream.errors import PreparationError
from ombud_cli.demo.upstream.repository import write_loan_model, write_python_backend

SOURCES: Final = (
    "applications.py",
    "evaluator.py",
    "features.py",
    "repository.py",
    "training.py",
    "triton_environment.py",
    "triton_model.py",
)
"""Files whose change means that the model must be made again."""

TIMEOUT_SECONDS: Final = 600.0

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class TritonParts:
    """Where the environment of `triton_environment.py` keeps the server and what it is linked with."""

    server: Path
    backend: Path
    stub: Path
    libraries: Path
    libpython: Path
    programs: Path

    @property
    def present(self) -> bool:
        """Whether all parts still exist: the environment lives in a cache that may be emptied."""
        return all(getattr(self, field.name).exists() for field in fields(self))


@dataclass(frozen=True)
class Prepared:
    """A trained model in a Triton model repository, and Triton's parts if this machine has them."""

    directory: Path
    model: Mapping[str, Any]
    """What the manifest says of it: `sha256`, `trees`, `training_rows`, `split`, `cross_validation`"""
    triton: TritonParts | None
    why_no_triton: str

    @property
    def repository(self) -> Path:
        """The model repository."""
        return self.directory / "repository"

    @property
    def backends(self) -> Path:
        """Triton's backend directory; absent without Triton."""
        return self.directory / "backends"


def prepare(directory: Path, *, uv: str | None = None) -> Prepared:
    """Return what was made under `directory` from these very sources, making it first if need be.

    The first time takes as long as the packages take to arrive (some 130 MB) and about ten seconds; later
    it takes milliseconds. Everything lies in `directory/KEY`, KEY telling sources and platforms apart, and
    appears there in one rename, so several processes may ask at once.

    Raises PreparationError if there is no `uv`, or the environment or the training fails.
    """
    # 1. Use what is there, unless the cache behind it was emptied.
    target = directory.absolute() / _key()
    if (ready := _read(target)) is not None:
        return ready
    # 2. Train, in an environment of its own.
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        manifest = _run_environment(uv or _find_uv(), stage)
        # 3. Lay out the repository and, where Triton runs, its backend.
        write_loan_model(stage / "repository", stage / "model.json", manifest["model"]["sha256"])
        triton = manifest["triton"]
        if isinstance(triton, dict):
            write_python_backend(
                stage / "backends", backend=Path(triton["backend"]), stub=Path(triton["stub"])
            )
        # 4. Put it in place; another process may have been faster, and made the same.
        if target.exists() and _read(target) is None:
            shutil.rmtree(target)
        try:
            stage.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    if (made := _read(target)) is None:
        raise PreparationError(f"{target} is incomplete right after it was made; remove it and try again")
    return made


def _key() -> str:
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}\n".encode())
    for name in SOURCES:
        digest.update(hashlib.sha256((_HERE / name).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _read(target: Path) -> Prepared | None:
    manifest_path = target / "manifest.json"
    if not manifest_path.is_file():
        return None
    manifest = json.loads(manifest_path.read_text())
    found = manifest["triton"]
    if isinstance(found, str):
        return Prepared(target, manifest["model"], triton=None, why_no_triton=found)
    parts = TritonParts(**{name: Path(path) for name, path in found.items()})
    return Prepared(target, manifest["model"], triton=parts, why_no_triton="") if parts.present else None


def _find_uv() -> str:
    beside = Path(sys.executable).parent / "uv"  # also when the environment is not activated
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise PreparationError("no `uv` found beside Python or on PATH; install the extra `ombud[demo]`")
    return found


def _run_environment(uv: str, stage: Path) -> dict[str, Any]:
    script = _HERE / "triton_environment.py"
    run = [uv, "run", "--quiet", "--no-project"]
    manifest = _run([*run, "--script", str(script), str(stage)], stage)
    if isinstance(manifest["triton"], str) and "libpython" in manifest["triton"]:
        # A distribution's Python is often linked statically; one that uv manages has the library.
        try:
            manifest = _run([*run, "--managed-python", "--script", str(script), str(stage)], stage)
        except PreparationError:
            return manifest
    return manifest


def _run(command: Sequence[str], stage: Path) -> dict[str, Any]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    } | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PreparationError(
            f"making the model server's environment took over {TIMEOUT_SECONDS:.0f} s"
        ) from error
    if done.returncode != 0:
        raise PreparationError(
            f"making the model server's environment failed:\n{done.stderr.strip()[-2000:]}"
        )
    manifest: dict[str, Any] = json.loads((stage / "manifest.json").read_text())
    return manifest
