# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where the starter bundles are: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ombud_policies.draft import draft_schema
from ombud_policies.files import SCHEMA, read_folder

STARTERS = ("credit", "observe")


def starter_bundle(name: str) -> Path:
    """Return the folder of a starter bundle; raise KeyError for a name that is none of `STARTERS`."""
    if name not in STARTERS:
        raise KeyError(f"no starter bundle {name!r}; there are {', '.join(STARTERS)}")
    package = Path(__file__).resolve().parent
    installed = package / "bundles" / name
    return installed if installed.is_dir() else package.parent / "bundles" / name


def draft_observe(inputs: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of an `observe` bundle for a model with these features (as in `draft_schema`)."""
    files = read_folder(starter_bundle("observe"))
    del files["tests/calls.yaml"]  # its calls have no features
    return {**files, SCHEMA: draft_schema(inputs, outputs).encode()}
