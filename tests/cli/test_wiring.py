# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A gateway put together from its files: what is wrong in them is told before anything listens."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from governed import POLICIES, Deployment, bundle_files, deploy
from ledger.samples import completeness_of
from ombud_cli.watch import watch
from ombud_cli.wiring import Gateway, declare_systems, open_ledger, serving
from ombud_gateway.activation import starting_policy
from ombud_gateway.config import load_config
from ombud_gateway.problems import ConfigInvalid
from ombud_gateway.systems import load_systems
from ombud_ledger import LedgerLocked, OriginMismatch, query, verify
from ombud_policies import Bundle, BundleInvalid

PATIENCE = 20.0
NOBODY = 9
"""A port where no upstream listens: starting does not need one."""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The files of a gateway that listens where there is room."""
    return deploy(tmp_path / "gateway", port=0, upstream=NOBODY)


def change(deployment: Deployment, old: str, new: str) -> None:
    """Change the configuration."""
    text = deployment.config.read_text()
    assert old in text
    deployment.config.write_text(text.replace(old, new))


async def start(deployment: Deployment) -> Gateway:
    """Start a gateway and let it go at once."""
    async with serving(load_config(deployment.config)) as gateway:
        return gateway


def test_serves_and_closes(deployment: Deployment) -> None:
    """It says SERVING, is one log with its systems and policies declared once, and closes in good order."""

    async def run() -> None:
        for _ in range(2):
            async with serving(load_config(deployment.config)) as gateway:
                async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
                    answer = await health_pb2_grpc.HealthStub(channel).Check(
                        health_pb2.HealthCheckRequest(), timeout=PATIENCE
                    )
                assert answer.status == health_pb2.HealthCheckResponse.SERVING

    asyncio.run(run())
    with query.connect(deployment.ledger) as sql:
        kinds = [kind for (kind,) in sql.execute("SELECT kind FROM entries ORDER BY seq").fetchall()]
    first = ["genesis", "system", "policy", "upstream", "close"]
    assert kinds == [*first, "boot", "upstream", "close"]  # the model server is away: told once a start
    account = verify(deployment.ledger)
    assert (account.exit_code, completeness_of(account).crashes) == (0, 0)


def test_a_changed_system_is_declared_again(deployment: Deployment) -> None:
    """The log has every version of a system that it ran with, what each kept for how long, and its bytes."""
    config = load_config(deployment.config)
    ledger = open_ledger(config, os.urandom)
    file = deployment.folder / "systems/lending.yaml"
    for _ in range(2):
        declare_systems(ledger, load_systems(config.systems))
    first = file.read_bytes()
    changed = first.replace(b"range: [0, 10000]", b"range: [0, 9000]")
    file.write_bytes(changed.replace(b"entries: {period: 12m", b"entries: {period: 2y"))
    declare_systems(ledger, load_systems(config.systems))
    with query.connect(deployment.ledger) as sql:
        entries = sql.execute(
            "SELECT record->>'$.digest', record->>'$.contract', record->>'$.retention.entries' FROM entries"
            " WHERE kind = 'system' ORDER BY seq"
        ).fetchall()
    assert [ledger.get_object(digest) for digest, _, _ in entries] == [first, file.read_bytes()]
    assert len({contract for _, contract, _ in entries}) == 2
    assert [period for _, _, period in entries] == ["12m", "2y"]
    ledger.close()


def test_what_is_wrong_is_told_before_anything_listens(deployment: Deployment) -> None:
    """Systems, bundle: each is refused by file and cause, and leaves no ledger behind."""
    system = deployment.folder / "systems/lending.yaml"
    text = system.read_text()
    system.write_text(text.replace("upstream: models", "upstream: elsewhere"))
    with pytest.raises(ConfigInvalid, match="must be a configured upstream: models"):
        asyncio.run(start(deployment))
    system.write_text(text)
    (deployment.folder / "bundle/policies.cedar").write_text("permit (principal, action, resource);")
    with pytest.raises(BundleInvalid, match=r"policies\.cedar"):
        asyncio.run(start(deployment))
    assert not deployment.ledger.exists()


def test_one_gateway_per_log(deployment: Deployment) -> None:
    """A second gateway on the same log is told who holds it, and a foreign log is not written to."""

    async def run() -> None:
        async with serving(load_config(deployment.config)):
            with pytest.raises(LedgerLocked, match="held by pid"):
                await start(deployment)

    asyncio.run(run())
    change(deployment, 'operator = "acme.example"', 'operator = "other.example"')
    with pytest.raises(OriginMismatch, match=r"acme\.example/test/r0"):
        asyncio.run(start(deployment))


def test_a_taken_port_lets_go_of_everything(deployment: Deployment) -> None:
    """A gateway that cannot listen closes its ledger; the next one finds it in good order."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        change(deployment, "127.0.0.1:0", address)
        with pytest.raises(RuntimeError, match="bind"):
            asyncio.run(start(deployment))
    change(deployment, address, "127.0.0.1:0")
    asyncio.run(start(deployment))
    assert completeness_of(verify(deployment.ledger)).crashes == 0


@pytest.mark.parametrize("activate", [False, True])
def test_watching(deployment: Deployment, activate: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A changed bundle is validated; it takes effect only if asked for, and an unsound one never."""
    folder = deployment.folder / "bundle"
    config = load_config(deployment.config)
    looked, look = asyncio.Event(), asyncio.Event()

    async def pause(_seconds: float) -> None:
        looked.set()
        await look.wait()
        look.clear()

    async def look_again() -> None:
        looked.clear()
        look.set()
        await asyncio.wait_for(looked.wait(), PATIENCE)

    async def run() -> None:
        ledger = open_ledger(config, os.urandom)
        old = Bundle.load(folder)
        policy = starting_policy(ledger, old)
        watching = asyncio.ensure_future(watch(folder, policy, activate=activate, pause=pause))
        await asyncio.wait_for(looked.wait(), PATIENCE)
        (folder / "policies.cedar").write_text("permit (principal, action, resource);")
        await look_again()
        assert "the changed bundle does not hold" in caplog.text
        assert policy.engine.bundle.digest == old.digest
        changed = bundle_files(POLICIES.replace('decimal("5000.0")', 'decimal("4000.0")'))
        (folder / "policies.cedar").write_bytes(changed["policies.cedar"])
        new = Bundle.load(folder)
        await look_again()
        assert f"bundle {new.digest[:16]} {'replaces' if activate else 'holds'}" in caplog.text
        assert policy.engine.bundle.digest == (new.digest if activate else old.digest)
        told = len(caplog.records)
        await look_again()
        assert len(caplog.records) == told
        full = bundle_files(POLICIES.replace('@capture("features")', '@capture("full")'))
        (folder / "policies.cedar").write_bytes(full["policies.cedar"])
        before = policy.engine.bundle.digest
        await look_again()
        assert ("cannot be in force here" in caplog.text) is activate, "there is no vault"
        assert policy.engine.bundle.digest == before
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        ledger.close()

    with caplog.at_level(logging.INFO, logger="ombud_cli.watch"):
        asyncio.run(run())
