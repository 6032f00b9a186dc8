# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A gateway that serves what its log publishes."""

from __future__ import annotations

import asyncio
import http.client
import socket
from contextlib import closing
from pathlib import Path

import pytest

from governed import Deployment, deploy
from ledger import samples
from ledger.witnessed import KEY, NOON, served
from ombud_cli.wiring import serving
from ombud_gateway.config import load_config
from ombud_gateway.problems import ConfigInvalid
from ombud_ledger import keys, transparency

ORIGIN = "acme.example/test/r0"
WITNESS = f'url = "http://a"\nvkey = "{KEY.key}"\n'
NOBODY = 9
"""A port where no upstream listens: starting does not need one."""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The files of a gateway whose log is signed and published where there is room."""
    made = deploy(tmp_path / "gateway", port=0, upstream=NOBODY)
    keys.create_key_file(made.config.parent / "signing.key", keys.new_key_file(ORIGIN, None))
    configure(made, 'signing_key = "signing.key"\npublish_listen = "127.0.0.1:0"\n')
    return made


def configure(deployment: Deployment, lines: str) -> None:
    """Add lines to the section `[ledger]`."""
    text = deployment.config.read_text()
    deployment.config.write_text(text.replace("[ledger]\n", f"[ledger]\n{lines}"))


def get(port: int, path: str) -> tuple[int, bytes]:
    """Return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_gateway_serves_what_it_publishes(deployment: Deployment) -> None:
    """Checkpoint, tiles and bundles of its own log are there while it serves, and nobody listens after."""

    async def run() -> int:
        async with serving(load_config(deployment.config)) as gateway:
            note = await asyncio.to_thread(gateway.ledger.publish)
            assert gateway.publish_port is not None
            status, data = await asyncio.to_thread(get, gateway.publish_port, "/r0-0/checkpoint")
            assert (status, data) == (200, note)
            size = transparency.parse_checkpoint(data).checkpoint.size
            tile = await asyncio.to_thread(get, gateway.publish_port, f"/r0-0/tile/0/000.p/{size}")
            assert (tile[0], len(tile[1])) == (200, 32 * size)
            bundle = await asyncio.to_thread(get, gateway.publish_port, f"/r0-0/tile/entries/000.p/{size}")
            assert b'"kind":"genesis"' in bundle[1]
            for path in ("/", "/r1-0/checkpoint", "/r0-0/../ombud.toml", "/r0-0/state/signed.sqlite"):
                assert (await asyncio.to_thread(get, gateway.publish_port, path))[0] == 404
            return gateway.publish_port

    port = asyncio.run(run())
    with pytest.raises(ConnectionRefusedError):
        get(port, "/r0-0/checkpoint")


def test_a_gateway_asks_its_witness(deployment: Deployment, tmp_path: Path) -> None:
    """What a gateway publishes is cosigned by the witness it is configured with; how far is a gauge."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        page = probe.getsockname()[1]
    file = keys.read_key_file(deployment.config.parent / "signing.key")
    text = deployment.config.read_text()
    deployment.config.write_text(
        text.replace("[telemetry]\n", f'[telemetry]\nprometheus = "127.0.0.1:{page}"\n')
    )
    with closing(transparency.WitnessMemory(tmp_path / "witness")) as memory:
        witness = transparency.Witness(memory, [KEY], file.vkeys, lambda: NOON)
        with served(witness) as port, deployment.config.open("a") as config:
            config.write(f'[[ledger.witness]]\nurl = "http://127.0.0.1:{port}"\nvkey = "{KEY.key}"\n')
            config.flush()

            async def run() -> bytes:
                async with serving(load_config(deployment.config)) as gateway:
                    await asyncio.to_thread(gateway.ledger.publish)
                    await asyncio.to_thread(gateway.ledger.ask_witnesses)
                    lag = gateway.ledger.witness_lag
                    metrics = await asyncio.to_thread(get, page, "/metrics")
                    assert f"ombud_witness_lag_entries {lag}" in metrics[1].decode()
                    assert gateway.publish_port is not None
                    return (await asyncio.to_thread(get, gateway.publish_port, "/r0-0/cosigned"))[1]

            note = asyncio.run(run())
    signed = transparency.parse_checkpoint(note)
    signed.verify(file.vkeys)
    assert transparency.demand_quorum(signed.note, [KEY.key], 1) == {KEY.key: NOON}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (f'url = "here"\nvkey = "{KEY.key}"\n', "must be an http"),
        (f'url = "http://a"\nvkey = "{samples.KEY.key}"\n', "only 0x04"),
        (f'url = "http://a:99999"\nvkey = "{KEY.key}"\n', "Port out of range"),
        (f'url = "http://a?b"\nvkey = "{KEY.key}"\n', "no user, query or fragment"),
        (f'{WITNESS}listen = "b"\n', "listen"),
        (f"{WITNESS}[[ledger.witness]]\n{WITNESS}", "counts once"),
    ],
)
def test_witnesses_that_are_refused(deployment: Deployment, lines: str, why: str) -> None:
    """An address, a key of the witness's kind, each once."""
    with deployment.config.open("a") as config:
        config.write(f"[[ledger.witness]]\n{lines}")
    with pytest.raises(ConfigInvalid, match=why):
        load_config(deployment.config)


def test_a_quorum_and_a_signing_key_are_needed(deployment: Deployment) -> None:
    """No more witnesses can be demanded than there are, and none of an unsigned log."""
    configure(deployment, "witness_quorum = 1\n")
    with pytest.raises(ConfigInvalid, match="must be at most the number of witnesses, 0"):
        load_config(deployment.config)
    with deployment.config.open("a") as config:
        config.write(f"[[ledger.witness]]\n{WITNESS}")
    assert load_config(deployment.config).ledger.witness_quorum == 1
    text = deployment.config.read_text()
    text = text.replace('signing_key = "signing.key"\npublish_listen = "127.0.0.1:0"\n', "")
    deployment.config.write_text(text)
    with pytest.raises(ConfigInvalid, match="nothing for them to cosign"):
        load_config(deployment.config)


def test_a_taken_port_is_said(deployment: Deployment) -> None:
    """Where another listens the gateway does not start, and the setting is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = deployment.config.read_text()
        deployment.config.write_text(
            text.replace('publish_listen = "127.0.0.1:0"', f'publish_listen = "{address}"')
        )

        async def run() -> None:
            async with serving(load_config(deployment.config)):
                raise AssertionError("it serves")

        with pytest.raises(ConfigInvalid, match=r"ledger\.publish_listen.*cannot listen"):
            asyncio.run(run())


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('publish_listen = "127.0.0.1:0"', 'publish_listen = "0.0.0.0:0"', "publish_plaintext = true"),
        ('signing_key = "signing.key"\n', "", "an unsigned log publishes nothing"),
        ('publish_listen = "127.0.0.1:0"', 'publish_listen = "here"', "must be host:port"),
    ],
)
def test_what_is_refused(deployment: Deployment, old: str, new: str, why: str) -> None:
    """Beyond loopback only when that is said; of a signed log only."""
    text = deployment.config.read_text()
    assert old in text
    deployment.config.write_text(text.replace(old, new))
    with pytest.raises(ConfigInvalid, match=why):
        load_config(deployment.config)
    if "plaintext" in why:
        configure(deployment, "publish_plaintext = true\n")
        assert load_config(deployment.config).ledger.publish_listen == "0.0.0.0:0"
