# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Run the tests of a bundle that need not pass them: for its author, who wants to see every case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ombud_policies.bundle import Bundle
from ombud_policies.cases import TestReport, run_tests
from ombud_policies.files import read_folder


def run_folder_tests(folder: Path | str) -> TestReport:
    """Run the cases of a folder; raise BundleInvalid where it is no bundle even without its tests."""
    files = read_folder(Path(folder))
    plain = Bundle.from_files({name: files[name] for name in files if not name.startswith("tests/")})
    return run_tests(replace(plain, files=MappingProxyType(dict(sorted(files.items())))))
