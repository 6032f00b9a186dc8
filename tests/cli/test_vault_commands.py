# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud vault`, and what a configuration without its vault is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from governed import POLICIES, Deployment, bundle_files, deploy
from ombud_cli.main import app
from ombud_cli.wiring import serving
from ombud_gateway.config import load_config
from ombud_gateway.problems import ConfigInvalid
from ombud_ledger import Vault

SECTION = '\n[vault]\nfolder = "vault"\nkeys = "vault-keys"\n'
FULL = bundle_files(POLICIES.replace('@capture("features")', '@capture("full")'))["policies.cedar"]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The files of a gateway, with a vault in its configuration that is not made yet."""
    made = deploy(tmp_path / "gateway", port=0, upstream=9)
    made.config.write_text(made.config.read_text() + SECTION)
    return made


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [*map(str, arguments)])


def vault(verb: str, deployment: Deployment, *more: str) -> Result:
    """Run `ombud vault` over a deployment."""
    return ombud("vault", verb, "-c", deployment.config, *more)


def start(deployment: Deployment) -> None:
    """Start a gateway and let it go at once."""

    async def run() -> None:
        async with serving(load_config(deployment.config)):
            pass

    asyncio.run(run())


def test_a_vault_is_made_once(deployment: Deployment) -> None:
    """In two folders for their owner alone; what is there is never overwritten."""
    done = vault("init", deployment)
    assert done.exit_code == 0, done.stderr
    for name in ("vault", "vault-keys"):
        folder = deployment.folder / name
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())
    kept = {file: file.read_bytes() for file in (deployment.folder / "vault-keys").iterdir()}
    again = vault("init", deployment)
    assert (again.exit_code, "already" in again.stderr) == (2, True)
    assert {file: file.read_bytes() for file in kept} == kept


def test_show_counts_people_and_names_nobody(deployment: Deployment) -> None:
    """Known, held, and the epoch, which a rotation moves on; neither identifiers nor reasons."""
    vault("init", deployment)
    opened = Vault.open(deployment.folder / "vault", deployment.folder / "vault-keys")
    for name in ("anna-1", "anna-2"):
        opened.pseudonym(name)
    opened.hold("anna-1", "a case")
    opened.close()
    shown = vault("show", deployment, "--json")
    assert json.loads(shown.stdout) == {
        "folder": str(deployment.folder / "vault"),
        "keys": str(deployment.folder / "vault-keys"),
        "epoch": 1,
        "subjects": 2,
        "erasing": 0,
        "erased": 0,
        "holds": 1,
    }
    assert "anna" not in vault("show", deployment).stdout
    rotated = vault("rotate", deployment, "--json")
    assert json.loads(rotated.stdout) == {"epoch": 2, "subjects": 2, "holds": 1, "keys_destroyed": 1}
    assert json.loads(vault("show", deployment, "--json").stdout)["epoch"] == 2


def test_without_a_section_there_is_no_vault_to_show(tmp_path: Path) -> None:
    """What must be written into the configuration is said."""
    bare = deploy(tmp_path / "gateway", port=0, upstream=9)
    for verb in ("init", "show", "rotate"):
        done = vault(verb, bare)
        assert (done.exit_code, "[vault] must name a folder" in done.stderr) == (2, True)


def test_a_configured_vault_must_be_there(deployment: Deployment) -> None:
    """A gateway does not start without it, nor make one by itself; `config check` says so beforehand."""
    checked = ombud("config", "check", deployment.config, "--json")
    assert (checked.exit_code, len(json.loads(checked.stdout)["problems"])) == (1, 2)
    with pytest.raises(ConfigInvalid, match="must be a vault; `ombud vault init` makes one"):
        start(deployment)
    assert not deployment.ledger.exists()
    vault("init", deployment)
    checked = ombud("config", "check", deployment.config, "--json")
    assert (checked.exit_code, json.loads(checked.stdout)["notes"]) == (0, [])
    start(deployment)


def test_payloads_are_not_promised_without_a_vault(tmp_path: Path) -> None:
    """A gateway refuses to start with `@capture("full")` and no vault, before it writes anything."""
    bare = deploy(tmp_path / "gateway", port=0, upstream=9)
    (note,) = json.loads(ombud("config", "check", bare.config, "--json").stdout)["notes"]
    assert "applicant says whom a call is about, but there is no [vault]" in note
    (bare.folder / "bundle/policies.cedar").write_bytes(FULL)
    checked = ombud("config", "check", bare.config)
    assert (checked.exit_code, "needs a [vault]" in checked.stdout) == (1, True)
    with pytest.raises(ConfigInvalid, match=r'vault: must be given: .*agents-ask with @capture\("full"\)'):
        start(bare)
    assert not bare.ledger.exists()
