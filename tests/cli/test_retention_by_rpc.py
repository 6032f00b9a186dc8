# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Prune, hold, release and export by a gateway: what is refused, and a client that leaves amid an export."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from governed import OPERATOR, STRANGER, Deployment, deploy
from ledger import retained, samples
from ombud.v1 import ledger_pb2 as wire
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.main import app
from ombud_cli.wiring import Gateway, serving
from ombud_gateway.config import load_config
from ombud_ledger import Facts, query, verify

LOG = "r0-0"
BIG = 100
"""Entries with facts of 200,000 characters: more than the network takes in before somebody reads."""
STUB: Any = LedgerServiceStub


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A gateway's files, and a ledger in which credit declares retention, and some megabytes of facts."""
    made = deploy(tmp_path_factory.mktemp("gateway"), port=0, upstream=9)
    ledger = samples.open_log(made.ledger, log=LOG, origin="acme.example/test/r0")
    retained.declare(ledger)
    noise = random.Random(1)
    for number in range(BIG):
        text = base64.b64encode(noise.randbytes(150_000)).decode()
        ledger.append_blocking("decision", samples.decision(number), Facts(None, {}, {"text": text}))
    ledger.seal_blocking()
    ledger.close()
    return made


@asynccontextmanager
async def asked(deployment: Deployment) -> AsyncIterator[tuple[Gateway, Any, Callable[..., Any]]]:
    """Serve; yield the gateway, a stub of its LedgerService, and `ombud ledger` at it as somebody."""
    async with (
        serving(load_config(deployment.config)) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
    ):

        def ombud(command: str, *arguments: object, who: str = OPERATOR) -> Any:
            given = ["ledger", command, "--gateway", f"127.0.0.1:{gateway.port}", *map(str, arguments)]
            env = {"OMBUD_TOKEN": deployment.tokens[who]}
            return asyncio.to_thread(lambda: CliRunner().invoke(app, given, env=env))

        yield gateway, STUB(channel), ombud


def test_what_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    """Denied by policy, unknown systems, no such entries, options that go with PATH: told, nothing done."""

    async def run() -> None:
        async with asked(deployment) as (_, _, ombud):
            reason = ("--system", "credit", "--reason", "r")
            export = ("--system", "credit", "--out", tmp_path / "e")
            done: Result
            arguments: tuple[object, ...]
            for command, arguments in (
                ("prune", ()),
                ("prune", ("--dry-run",)),
                ("hold", reason),
                ("release", reason),
                ("holds", ()),
                ("export", export),
            ):
                done = await ombud(command, *arguments, who=STRANGER)
                assert (done.exit_code, "PERMISSION_DENIED (DENIED)" in done.stderr) == (1, True), command
                assert "ombud-decision-id" in done.stderr
            none = ("--system", "none", "--out", tmp_path / "e")
            for command, arguments, code, text in (
                ("hold", ("--system", "credits", "--reason", "r"), 2, "must be one that this log declares"),
                ("hold", ("--system", "credit", "--reason", " "), 2, "expected why"),
                ("release", reason, 1, "NOT_FOUND (NOT_HELD)"),
                ("export", none, 1, "NOT_FOUND (NO_ENTRIES)"),
                ("export", (*export, "--from", "2024-01-02", "--to", "2024-01-01"), 2, "not before to_us"),
                ("export", (*export, "--by", "me"), 2, "--by: goes with PATH alone"),
                ("prune", ("--log", LOG), 2, "--log: goes with PATH alone"),
            ):
                done = await ombud(command, *arguments)
                assert (done.exit_code, text in done.stderr) == (code, True), (command, done.stderr)

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []
    with query.connect(deployment.ledger) as sql:
        assert sql.execute("SELECT count(*) FROM entries WHERE kind IN ('prune', 'report')").fetchall() == [
            (0,)
        ]


def test_a_client_that_leaves_an_export(deployment: Deployment, tmp_path: Path) -> None:
    """It leaves a record, of which the outcome says so, and nothing else; the next export is whole."""

    def listing() -> set[Path]:
        return {*deployment.ledger.glob("*"), *deployment.ledger.glob("logs/*/*")}

    async def run() -> None:
        async with asked(deployment) as (_, stub, ombud):
            before = listing()
            request = wire.ExportLedgerRequest(system="credit")
            call = stub.ExportLedger(request, metadata=deployment.metadata(OPERATOR))
            first = await call.read()
            assert first.summary.bytes > 10_000_000
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call.read()
            assert listing() == before
            done = await ombud("export", "--system", "credit", "--out", tmp_path / "e", "--reason", "r")
            assert (done.exit_code, "next: ombud ledger verify" in done.stdout) == (0, True), done.stderr

    asyncio.run(run())
    assert verify(tmp_path / "e").exit_code == 0
    assert verify(deployment.ledger).exit_code == 0
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "e").rglob("*") if path.is_file()} == {0o600}
    with query.connect(deployment.ledger) as sql:
        disclosed = sql.execute(
            "SELECT event, system, facts->>'$.reason' FROM reports LEFT JOIN facts USING (log, seq)"
            " ORDER BY seq"
        ).fetchall()
        ends = sql.execute(
            "SELECT arg_max(outcome, seq) FROM outcomes WHERE method = 'LedgerService.ExportLedger'"
            " AND outcome <> 'refused' GROUP BY id ORDER BY min(seq)"
        ).fetchall()
    assert disclosed == [("disclosed", "credit", None), ("disclosed", "credit", "r")]
    assert ends == [("cancelled",), ("ended",)]
