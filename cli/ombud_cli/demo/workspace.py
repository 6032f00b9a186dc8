# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's folder: configuration, system, policies, tokens, ledger; made anew by every run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ombud_gateway.identity import TokenFile, parse_principal
from ombud_ledger import keys
from ombud_policies import starter_bundle

PRINCIPALS = {
    "loan-intake": 'Agent::"loan-intake"',
    "stranger": 'Agent::"stranger"',
    "underwriter": 'User::"ines"',
    "operator": 'User::"otto"',
    "compliance": 'User::"cora"',
    "auditor": 'User::"ada"',
    "privacy": 'User::"pia"',
    "counsel": 'User::"cleo"',
    "policy-owner": 'User::"petra"',
}
"""Who acts in the demonstration. The stranger has a valid token, but no policy knows it."""

ORIGIN = "demonstration.example/credit/r0"
"""Origin of the log, and name of the key that signs it: operator, deployment and replica."""

_CONFIG = """\
# The demonstration's gateway. Made by `ombud demo`; every run makes it anew.
systems = "systems"

[gateway]
listen = "127.0.0.1:{port}"

[upstreams.triton]
address = "{upstream}"

[ledger]
path = "ledger"
operator = "demonstration.example"
deployment = "credit"
signing_key = "keys/signing.key"

[policy]
bundle = "policies/credit"

[identity]
tokens = "tokens.toml"

[review]
database = "state/reviews.sqlite"
key_file = "state/reviews.key"

[coverage]
sample_seconds = 1

[telemetry]
prometheus = "127.0.0.1:{metrics}"
log_level = "info"
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths below the demonstration's folder, and the bearer token of each principal."""

    root: Path
    tokens: Mapping[str, str]

    @property
    def config(self) -> Path:
        """The gateway's configuration file."""
        return self.root / "ombud.toml"

    @property
    def ledger(self) -> Path:
        """The ledger that the run leaves behind."""
        return self.root / "ledger"

    @property
    def kept(self) -> Path:
        """The ledger's last checkpoint, put outside of it."""
        return self.root / "kept" / "checkpoint.txt"

    @property
    def vkey(self) -> str:
        """The public key that the ledger's checkpoints are signed with."""
        (key,) = keys.read_key_file(self.root / "keys" / "signing.key").vkeys
        return str(key)

    @property
    def reports(self) -> Path:
        """The reports on what the run did, and their index."""
        return self.root / "reports"

    @property
    def given(self) -> Path:
        """Files that people bring from elsewhere, which the model never saw."""
        return self.root / "given"

    def log(self, name: str) -> Path:
        """Where a process of the demonstration writes what it has to say."""
        return self.root / "logs" / f"{name}.log"

    def token_file(self, name: str) -> Path:
        """A file (mode 0600) with one principal's token, for the command line."""
        return self.root / "clients" / f"{name}.token"


def lay_out(root: Path, *, port: int, metrics: int, upstream: str, artifact: str) -> Workspace:
    """Make the folder; what an earlier run left is removed, all but the model server's cache.

    `artifact` is the SHA-256 of the model's file, hex, which the system declares.
    """
    for name in (
        "ledger",
        "attacks",
        "state",
        "systems",
        "policies",
        "clients",
        "keys",
        "kept",
        "logs",
        "reports",
        "given",
    ):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("ombud.toml", "tokens.toml"):
        (root / name).unlink(missing_ok=True)
    for name in ("state", "systems", "policies", "clients", "kept", "logs", "given"):
        (root / name).mkdir(parents=True, mode=0o700)
    keys.create_key_file(root / "keys" / "signing.key", keys.new_key_file(ORIGIN, None))
    (root / "ombud.toml").write_text(_CONFIG.format(port=port, metrics=metrics, upstream=upstream))
    declared = (
        _system()
        .read_text()
        .replace("upstream: triton", f"upstream: triton\n    artifact_digest: {artifact}")
    )
    (root / "systems" / "credit.yaml").write_text(declared)
    shutil.copytree(starter_bundle("credit"), root / "policies" / "credit")
    accepted = TokenFile(root / "tokens.toml")
    tokens = {
        name: accepted.create(parse_principal(principal), note=name) for name, principal in PRINCIPALS.items()
    }
    workspace = Workspace(root, tokens)
    for name, token in tokens.items():
        descriptor = os.open(workspace.token_file(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token + "\n")
    return workspace


def _system() -> Path:
    """The system file: inside the package once installed, in its own room of a checkout."""
    package = Path(str(files("ombud_cli.demo")))
    installed = package / "systems" / "credit.yaml"
    return installed if installed.is_file() else package.parents[2] / "systems" / "credit.yaml"
