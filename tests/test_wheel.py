# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The wheel, installed into environments of its own as others will install it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
UV: Final = Path(sys.executable).parent / "uv"
ROOMS: Final = ["ombud", "ombud_cli", "ombud_gateway", "ombud_ledger", "ombud_policies", "ombud_reports"]


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run one program to its end and keep what it says."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def done(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run one program that must succeed and return what it printed."""
    finished = run(*command, cwd=cwd)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the locked build backend."""
    out = tmp_path_factory.mktemp("dist")
    done(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", out)
    (built,) = out.glob("*.whl")
    return built


def installed(wheel: Path, folder: Path, extra: str = "") -> Path:
    """Install the wheel into a new environment at locked versions; return that environment's programs."""
    done(UV, "venv", "--quiet", "--python", sys.executable, folder)
    done(
        *(UV, "pip", "install", "--quiet", "--python", folder / "bin/python"),
        *("--constraint", ROOT / "requirements.lock", f"ombud{extra} @ {wheel.as_uri()}"),
    )
    return folder / "bin"


def test_wheel_holds_every_room_and_nothing_else(wheel: Path) -> None:
    """The wheel carries the six packages, each marked as typed, the starter bundles and the licence."""
    names = zipfile.ZipFile(wheel).namelist()
    assert sorted({name.split("/")[0] for name in names if ".dist-info/" not in name}) == ROOMS
    assert [room for room in ROOMS if f"{room}/py.typed" not in names] == []
    assert any(name.startswith("ombud_policies/bundles/") for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_base_install_is_the_sdk(wheel: Path, tmp_path: Path) -> None:
    """The base install imports the SDK and every wire type; the command line says which extra it needs."""
    programs = installed(wheel, tmp_path / "base")
    wire = sorted(path.stem for path in (ROOT / "adapters/ombud/v1").glob("*_pb2*.py"))
    done(programs / "python", "-c", f"import ombud; from ombud.v1 import {', '.join(wire)}", cwd=tmp_path)

    told = run(programs / "ombud", "--help", cwd=tmp_path)
    assert told.returncode == 2
    assert "pip install 'ombud[audit]'" in told.stderr
    assert "Traceback" not in told.stderr


def test_audit_install_is_all_an_auditor_needs(wheel: Path, tmp_path: Path) -> None:
    """With the `audit` extra the command line works, and the ledger imports, without any server part."""
    programs = installed(wheel, tmp_path / "audit", "[audit]")
    assert "ledger" in done(programs / "ombud", "--help", cwd=tmp_path)
    assert "--head" in done(programs / "ombud", "ledger", "verify", "--help", cwd=tmp_path)
    server_parts = ["cedarpy", "opentelemetry", "sqlalchemy", "tritonclient"]
    absent = f"import importlib.util as i; assert not any(map(i.find_spec, {server_parts}))"
    done(programs / "python", "-c", f"import ombud_ledger; {absent}", cwd=tmp_path)
