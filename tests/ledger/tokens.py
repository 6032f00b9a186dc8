# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A token for tests: SoftHSM, a PKCS#11 module in software, which Debian has as softhsm2 and CI installs.

Its module reads its configuration once a process: all tests of one run share the tokens, under names of
their own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pkcs11
import pytest

from ombud_ledger import keys

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "1234"
MISSING: Final = shutil.which("softhsm2-util") is None or not MODULE.exists()
needs_softhsm = pytest.mark.skipif(
    MISSING and not os.environ.get("OMBUD_REQUIRE_SOFTHSM"), reason="softhsm2 is missing"
)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ombud-softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    return folder


class Token:
    """One token, made now; it can be taken away and come back."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = _folder() / "tokens"
        softhsm("--init-token", "--free", "--label", name, "--pin", PIN, "--so-pin", "5678")
        pkcs11.lib(str(MODULE)).reinitialize()  # it lists the tokens that there are when it starts

    def uri(self, label: str = "key", more: str = "") -> keys.TokenUri:
        """Return the URI of a key in it."""
        return keys.parse_token_uri(f"pkcs11:token={self.name};object={label}?module-path={MODULE}{more}")

    def take_away(self) -> None:
        """Let the module lose all tokens, as one that is unplugged."""
        self.folder.rename(self.folder.with_name("elsewhere"))

    def put_back(self) -> None:
        """Let it have them again."""
        self.folder.with_name("elsewhere").rename(self.folder)


def softhsm(*arguments: str) -> None:
    """Run SoftHSM's own tool."""
    _folder()
    tool = shutil.which("softhsm2-util")
    assert tool is not None
    subprocess.run([tool, *arguments], check=True, capture_output=True)
