# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Prune, hold and export at a running gateway: under traffic, killed, and over files kept elsewhere."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import grpc
from typer.testing import CliRunner, Result

from faults.clients import Memory, keep_asking, sender
from faults.process import GatewayProcess, Launcher, free_port, launcher
from faults.stub import stub
from governed import OPERATOR, Deployment, deploy
from ledger import retained, samples
from ombud.v1 import ledger_pb2
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.main import app
from ombud_ledger import keys, query, remote, transparency, verify

ORIGIN: Final = "acme.example/test/r0"
LOG: Final = "r0-0"
DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Scene:
    """A signing gateway's files, with a past: segments whose time is over, and one whose time is not."""

    deployment: Deployment
    vkey: str
    receipt: bytes

    @property
    def ledger(self) -> Path:
        """The ledger's root."""
        return self.deployment.ledger

    def files(self) -> list[str]:
        """Return the sealed files that are there."""
        return retained.parquet(self.ledger, LOG)

    async def ombud(self, command: str, *arguments: object, who: str = OPERATOR) -> Result:
        """Run `ombud ledger COMMAND` at the gateway, as somebody."""
        given = ["ledger", command, "--gateway", self.deployment.address, *map(str, arguments)]
        env = {"OMBUD_TOKEN": self.deployment.tokens[who]}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, given, env=env))


def scene(folder: Path, upstream: int, *, segments: int = 2, thinned: bool = False) -> Scene:
    """Write the files, and the past: so many segments of three years ago, and one of last month.

    With `thinned`, all but the newest lie on other storage alone.
    """
    deployment = deploy(folder, port=free_port(), upstream=upstream, seal_entries=64)
    secret = keys.new_key_file(ORIGIN, None)
    keys.create_key_file(folder / "signing.key", secret)
    text = deployment.config.read_text().replace("[ledger]\n", '[ledger]\nsigning_key = "signing.key"\n')
    deployment.config.write_text(text)
    signers = keys.read_key_file(folder / "signing.key").open(lambda: b"")
    now = time.time_ns() // 1_000
    receipt = b""
    for begin, count in ((now - 1_100 * DAY, segments), (now - 30 * DAY, 1)):
        ledger = samples.open_log(deployment.ledger, start=begin, log=LOG, origin=ORIGIN, signers=signers)
        if not receipt:
            retained.declare(ledger)
        for number in range(count):
            placed = samples.fill(ledger, 4, start=number * 10 + (begin > now - 100 * DAY) * 5_000)
            ledger.publish()
            if not receipt:
                receipt = transparency.published(ledger.root, LOG).receipt(placed[0].seq).to_bytes()
            ledger.seal_blocking()
        ledger.close()
    if thinned:
        there = remote.RemoteAddress(f"file://{folder}/remote")
        section = f'\n[ledger.remote]\nurl = "{there.url}"\nseconds = 1\nkeep_local = "0h"\n'
        deployment.config.write_text(deployment.config.read_text() + section)
        (pushed,) = remote.push(deployment.ledger, there, keep_local=0)
        assert pushed.thinned > 0
    return Scene(deployment, str(signers[0].key), receipt)


@asynccontextmanager
async def serving(
    folder: Path, *, segments: int = 2, thinned: bool = False
) -> AsyncIterator[tuple[Scene, GatewayProcess, Launcher]]:
    """Serve such a gateway in a process of its own, before a stub of a model server."""
    async with stub() as upstream, launcher(folder / "gateway.log") as gateways:
        made = await asyncio.to_thread(
            scene, folder / "gateway", upstream.port, segments=segments, thinned=thinned
        )
        yield made, await gateways.serve(made.deployment), gateways


@asynccontextmanager
async def traffic(made: Scene) -> AsyncIterator[Memory]:
    """Keep calling until the gateway ends."""
    memory = Memory()
    async with grpc.aio.insecure_channel(made.deployment.address) as channel:
        send = sender(channel)
        client = asyncio.create_task(keep_asking(send, made.deployment, memory))
        yield memory
        await client


def test_prune_and_export_under_traffic(tmp_path: Path) -> None:
    """Calls go on; what is over goes, unless held; the folder verifies by itself, and so does the ledger."""

    async def run() -> tuple[Scene, Memory, Result, dict[str, Any]]:
        async with serving(tmp_path) as (made, gateway, _), traffic(made) as memory:
            before = made.files()
            planned = json.loads((await made.ombud("prune", "--dry-run", "-o", "json")).stdout)
            assert (planned["dry_run"], len(planned["goes"]) > 0, planned["left"]) == (True, True, [])
            assert set(before) <= set(made.files())

            reason = ("--system", "credit", "--reason", "case 12/2026")
            held = await made.ombud("hold", *reason)
            assert (held.exit_code, held.stdout.startswith(f"{LOG}: entry ")) == (0, True), held.stderr
            again = await made.ombud("hold", *reason)
            assert (again.exit_code, "(HELD_ALREADY)" in again.stderr) == (1, True)
            (hold,) = json.loads((await made.ombud("holds", "-o", "json")).stdout)
            assert (hold["log"], hold["system"], hold["by"], hold["reason"]) == (
                LOG,
                "credit",
                OPERATOR,
                "case 12/2026",
            )
            kept = json.loads((await made.ombud("prune", "-o", "json")).stdout)
            assert kept["goes"] == []
            assert f"credit is held, as log {LOG} says" in {each["because"] for each in kept["stays"]}
            assert (await made.ombud("release", *reason)).exit_code == 0
            assert (await made.ombud("release", *reason)).exit_code == 1
            assert json.loads((await made.ombud("holds", "-o", "json")).stdout) == []

            pruned = await made.ombud("prune", "-o", "json")
            assert pruned.exit_code == 0, pruned.stderr
            told = json.loads(pruned.stdout)
            assert [each["file"] for each in told["goes"]] == [each["file"] for each in planned["goes"]]
            assert not {each["file"] for each in told["goes"]} & set(made.files())
            table = await made.ombud("prune")
            assert (table.exit_code, table.stdout.splitlines()[0]) == (0, "nothing is over")
            assert max(map(len, table.stdout.splitlines())) <= 80

            calls = len(memory.answered)
            exported = await made.ombud(
                "export", "--system", "lending", "--out", tmp_path / "e", "--recipient", "Authority", "--json"
            )
            assert exported.exit_code == 0, exported.stderr
            assert len(memory.answered) > calls > 0
            assert await gateway.end() == 0
        return made, memory, exported, told

    made, memory, exported, told = asyncio.run(run())
    account = verify(made.ledger, vkeys=[made.vkey])
    assert (account.exit_code, account.all_findings()) == (0, [])
    assert account.logs[0].pruned_before == told["begins"][LOG]
    transparency.parse_receipt(made.receipt).verify([transparency.parse_vkey(made.vkey)])
    evidence = verify(tmp_path / "e", vkeys=[made.vkey])
    assert (evidence.exit_code, evidence.all_findings()) == (0, [])
    said = json.loads(exported.stdout)
    assert said["entries"]["lending"] > 0
    assert said["manifest"] == sha256((tmp_path / "e" / "MANIFEST").read_bytes()).hexdigest()
    with query.connect(made.ledger) as sql:
        assert sql.execute("SELECT digest, actor, record->>'$.recipient' FROM reports").fetchall() == [
            (said["manifest"], OPERATOR, "Authority")
        ]
        assert sql.execute("SELECT DISTINCT actor FROM prunes").fetchall() == [(OPERATOR,)]
        stored = {each for (each,) in sql.execute("SELECT id FROM decisions").fetchall()}
        ways = sql.execute(
            "SELECT DISTINCT action, resource FROM intents WHERE method SIMILAR TO "
            "'LedgerService.(PruneLedger|ExportLedger|HoldRetention|ListRetentionHolds)' ORDER BY ALL"
        ).fetchall()
        kept = sql.execute(
            "SELECT count(*) FROM entries JOIN facts USING (log, seq) WHERE method SIMILAR TO "
            "'LedgerService.(ExportLedger|HoldRetention|ReleaseRetention)'"
        ).fetchall()
    assert {each.decision for each in memory.answered} <= stored
    assert ways == [("administer", 'Gateway::"ombud"'), ("read", 'Gateway::"ombud"')]
    assert kept == [(0,)]


def test_killed_while_it_prunes(tmp_path: Path) -> None:
    """What the kill left is deleted at the next start, before the first call; and the ledger verifies."""

    async def run() -> tuple[Scene, int, int]:
        async with serving(tmp_path, segments=12) as (made, gateway, gateways):
            before = len(made.files())
            folder = made.ledger / "logs" / LOG / "facts" / ("0" * 16)
            there = len(list(folder.iterdir()))

            async def pruning() -> Result:
                return await made.ombud("prune")

            task = asyncio.create_task(pruning())
            while len(list(folder.iterdir())) == there:
                assert not task.done(), task.result().stderr
                await asyncio.sleep(0.0005)  # looks, until the first is gone
            await gateway.kill()
            done = await task
            assert done.exit_code == 2, done.stderr
            left = len(made.files())
            assert verify(made.ledger).exit_code == 0
            again = await gateways.serve(made.deployment)
            after = len(made.files())
            nothing = await made.ombud("prune", "-o", "json")
            assert (nothing.exit_code, json.loads(nothing.stdout)["goes"]) == (0, [])
            assert await again.end() == 0
        return made, before - left, before - after

    made, gone, in_the_end = asyncio.run(run())
    assert 0 < gone < in_the_end
    assert in_the_end >= 12 * 2
    account = verify(made.ledger, vkeys=[made.vkey])
    assert (account.exit_code, account.all_findings()) == (0, [])


def test_prune_and_export_what_is_elsewhere_alone(tmp_path: Path) -> None:
    """Segments that the gateway let go are held, found by id, exported and pruned, like those it has."""

    async def run() -> tuple[Scene, dict[str, Any]]:
        async with serving(tmp_path, thinned=True) as (made, gateway, _), traffic(made):
            stubs = [path.name for path in (made.ledger / "logs" / LOG / "entries").glob("*.away")]
            assert len(stubs) == 2
            (decision,) = await asyncio.to_thread(decisions, made, "d-1")
            async with grpc.aio.insecure_channel(made.deployment.address) as channel:
                asked: Any = LedgerServiceStub(channel)  # type: ignore[no-untyped-call]
                found = await asked.GetEntry(
                    ledger_pb2.GetEntryRequest(decision="d-1"),
                    metadata=made.deployment.metadata(OPERATOR),
                    timeout=30,
                )
            assert [each.record for each in found.entries] == [decision]

            reason = ("--system", "credit", "--reason", "case 12/2026")
            assert (await made.ombud("hold", *reason)).exit_code == 0
            assert [each["system"] for each in json.loads((await made.ombud("holds", "-o", "json")).stdout)]
            kept = json.loads((await made.ombud("prune", "-o", "json")).stdout)
            assert kept["goes"] == []
            assert (await made.ombud("release", *reason)).exit_code == 0

            exported = await made.ombud("export", "--system", "credit", "--out", tmp_path / "e", "--json")
            assert exported.exit_code == 0, exported.stderr
            names = {path.name for path in (tmp_path / "e" / "logs" / LOG / "entries").iterdir()}
            assert {Path(name).stem for name in stubs} <= {Path(name).stem for name in names}

            pruned = await made.ombud("prune", "-o", "json")
            assert pruned.exit_code == 0, pruned.stderr
            told: dict[str, Any] = json.loads(pruned.stdout)
            assert told["left"] == []
            gone = {Path(each["file"]).stem for each in told["goes"] if each["part"] == "entries"}
            assert gone == {Path(name).stem for name in stubs}
            assert await gateway.end() == 0
        return made, told

    made, told = asyncio.run(run())
    there = remote.RemoteAddress(f"file://{tmp_path}/gateway/remote")
    folder = made.ledger / "logs" / LOG
    # With its last round the copies went, too.
    for each in told["goes"]:
        for left in (folder, tmp_path / "gateway" / "remote" / "logs" / LOG):
            assert not (left / each["file"]).with_suffix(".away").exists()
            assert not (left / each["file"]).exists()
    for place in (remote.Thinned(made.ledger, there), there, tmp_path / "e"):
        account = verify(place, vkeys=[made.vkey])
        assert (account.exit_code, account.all_findings()) == (0, [])
    transparency.parse_receipt(made.receipt).verify([transparency.parse_vkey(made.vkey)])


def decisions(made: Scene, decision: str) -> list[bytes]:
    """Return the records of a decision, read beside the gateway."""
    there = remote.RemoteAddress(f"file://{made.ledger.parent}/remote")
    with query.connect(remote.Thinned(made.ledger, there)) as sql:
        rows = sql.execute("SELECT record FROM entries WHERE id = ?", [decision]).fetchall()
    return [record.encode() for (record,) in rows]
