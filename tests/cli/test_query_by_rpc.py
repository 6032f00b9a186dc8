# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`QueryLedger` and `GetEntry` of a gateway, and `ombud ledger query`: judged, recorded, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from governed import AGENT, OPERATOR, STRANGER, Deployment, deploy
from ombud.v1 import ledger_pb2 as wire
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.main import app
from ombud_cli.wiring import Gateway, serving
from ombud_gateway.config import load_config
from ombud_ledger import keys, query, transparency

SECONDS = 30.0
LIMITS = "[limits]\nqueries = 1\nquery_seconds = 2\nquery_memory_mb = 100\nquery_rows = 200000\n"
STUB: Any = LedgerServiceStub


def deployed(folder: Path) -> Deployment:
    """Write a gateway that signs."""
    deployment = deploy(folder, port=0, upstream=9)
    keys.create_key_file(folder / "signing.key", keys.new_key_file("acme.example/test/r0", None))
    text = deployment.config.read_text().replace("[ledger]\n", '[ledger]\nsigning_key = "signing.key"\n')
    deployment.config.write_text(text + LIMITS)
    return deployment


@asynccontextmanager
async def asked(deployment: Deployment) -> AsyncIterator[tuple[Gateway, Any, Callable[..., Any]]]:
    """Serve; yield the gateway, a stub, and the command line as somebody."""
    async with (
        serving(load_config(deployment.config)) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
    ):

        def ombud(*arguments: object, who: str = OPERATOR) -> Any:
            at = ("--gateway", f"127.0.0.1:{gateway.port}")
            given = [str(each) for each in ("ledger", "query", *at, *arguments)]
            env = {"OMBUD_TOKEN": deployment.tokens[who]}
            return asyncio.to_thread(lambda: CliRunner().invoke(app, given, env=env))

        yield gateway, STUB(channel), ombud


def test_rows_over_the_wire(tmp_path: Path) -> None:
    """Rows come as a table, JSON, CSV and Parquet; each query has an intent, and an outcome a chunk."""
    deployment = deployed(tmp_path / "gateway")

    async def run() -> None:
        async with asked(deployment) as (_, _, ombud):
            sql = "SELECT kind, seq, ts FROM entries WHERE kind = $kind"
            done: Result = await ombud(sql, "-p", "kind=genesis", "-o", "json")
            assert done.exit_code == 0, done.stderr
            (row,) = json.loads(done.stdout)
            assert (row["kind"], row["seq"]) == ("genesis", 0)
            table = await ombud("SELECT 1 AS one, 1 AS one")
            assert table.stdout.split() == [
                "one",
                "one",
                "─" * len(table.stdout.splitlines()[1].strip()),
                "1",
                "1",
            ]
            out = tmp_path / "r.parquet"
            big = await ombud(
                "SELECT range AS n, md5(range::VARCHAR) AS h FROM range(100000)",
                "-o",
                "parquet",
                "--out",
                out,
            )
            assert (big.exit_code, big.stderr) == (0, f"{out}: 100000 rows\n")
            assert pq.read_table(out)["n"].to_pylist() == list(range(100_000))

    asyncio.run(run())
    with query.connect(deployment.ledger) as sql:
        found = sql.execute(
            "SELECT kind, outcome, part, final, response_bytes > 4096 FROM entries"
            " WHERE method = 'LedgerService.QueryLedger' ORDER BY seq"
        ).fetchall()
        principals = sql.execute(
            "SELECT DISTINCT principal, action, verdict, resource FROM intents"
        ).fetchall()
    assert principals == [(OPERATOR, "read", "allow", 'Gateway::"ombud"')]
    small = [
        ("intent", None, None, None, None),
        ("outcome", "answered", 1, False, False),
        ("outcome", "ended", 1, True, None),
    ]
    assert found[:6] == small * 2
    assert found[6][0] == "intent"
    assert [row[2] for row in found[7:-1]] == list(range(1, len(found) - 7))
    assert found[-2][4] or found[-3][4]
    assert len(found) >= 10


def test_as_of_a_checkpoint(tmp_path: Path) -> None:
    """A query as of a checkpoint sees what it covers, although the gateway has recorded more."""
    deployment = deployed(tmp_path / "gateway")

    async def run() -> None:
        async with asked(deployment) as (gateway, _, ombud):
            note = await asyncio.to_thread(gateway.ledger.publish)
            assert note is not None
            file = tmp_path / "checkpoint"
            file.write_bytes(note)
            size = transparency.parse_checkpoint(note).checkpoint.size
            for _ in range(2):
                done = await ombud("SELECT count(*) AS n FROM entries", "--as-of", file, "-o", "csv")
                assert (done.exit_code, done.stdout) == (0, f"n\n{size}\n"), done.stderr
            file.write_bytes(b"no checkpoint")
            refused = await ombud("SELECT 1", "--as-of", file)
            assert (refused.exit_code, "as_of[0] is no checkpoint" in refused.stderr) == (2, True)

    asyncio.run(run())


def test_what_is_refused(tmp_path: Path) -> None:
    """Who may not read, what is no SELECT, what takes too much: each is told so, and it is recorded."""
    deployment = deployed(tmp_path / "gateway")

    async def run() -> None:
        async with asked(deployment) as (_, stub, ombud):
            for sql, who, code, said in (
                ("SELECT 1", STRANGER, 1, "PERMISSION_DENIED (DENIED)"),
                ("COPY (SELECT 1) TO 'x'", OPERATOR, 2, "INVALID_ARGUMENT (SQL): sql: only one SELECT"),
                ("SELECT nothing", OPERATOR, 2, "INVALID_ARGUMENT (SQL): sql: Binder Error"),
                ("SELECT sleep_ms(60000)", OPERATOR, 2, "RESOURCE_EXHAUSTED (QUERY_STOPPED): the query took"),
                ("FROM range(300000)", OPERATOR, 2, "may of: rows; this gateway allows 2 seconds"),
                ("", OPERATOR, 2, "sql has 0 characters"),
            ):
                done = await ombud(sql, "-o", "csv", who=who)
                assert (done.exit_code, said in done.stderr) == (code, True), (sql, done.stderr)
            # One at a time here: the second is told to come again, and nobody else is held up.
            slow = stub.QueryLedger(
                wire.QueryLedgerRequest(sql="SELECT sleep_ms(60000)"), metadata=deployment.metadata(OPERATOR)
            )
            reading = asyncio.ensure_future(slow.read())
            await asyncio.sleep(0.3)
            busy = await ombud("SELECT 1")
            assert "UNAVAILABLE (QUERIES_BUSY)" in busy.stderr
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            while (done := await ombud("SELECT 1 AS a", "-o", "csv")).exit_code:
                assert "QUERIES_BUSY" in done.stderr

    asyncio.run(run())
    with query.connect(deployment.ledger) as sql:
        ends = sql.execute(
            "SELECT outcome, reason FROM entries WHERE method = 'LedgerService.QueryLedger'"
            " AND outcome NOT IN ('answered', 'ended') ORDER BY seq"
        ).fetchall()
    assert ends[0] == ("refused", "DENIED")
    assert {reason for _, reason in ends} == {"DENIED", "SQL", "QUERY_STOPPED", "QUERIES_BUSY", "CANCELLED"}


def test_entries_as_they_are_stored(tmp_path: Path) -> None:
    """By number, or by decision; the record is the one its receipt proves; what is not there is not found."""
    deployment = deployed(tmp_path / "gateway")

    async def run() -> None:
        async with asked(deployment) as (gateway, stub, _):

            async def ask(who: str = OPERATOR, **by: Any) -> Any:
                request = wire.GetEntryRequest(**by)
                return await stub.GetEntry(request, metadata=deployment.metadata(who), timeout=SECONDS)

            head = stub.GetHead(wire.GetHeadRequest(), metadata=deployment.metadata(OPERATOR))
            told = dict(await head.trailing_metadata())
            _, _, seq = str(told["ombud-position"]).partition(":")
            first = await ask(entry=int(seq))
            second = await ask(decision=told["ombud-decision-id"])
            assert first.entries == second.entries
            (entry,) = first.entries
            assert (entry.seq, json.loads(entry.record)["id"]) == (int(seq), told["ombud-decision-id"])
            gateway.ledger.publish()
            receipt = transparency.published(gateway.ledger.root).receipt(entry.seq)
            assert receipt.extra == entry.record
            for who, by, code in (
                (AGENT, {"entry": 0}, grpc.StatusCode.OK),
                (STRANGER, {"entry": 0}, grpc.StatusCode.PERMISSION_DENIED),
                (OPERATOR, {"entry": 9_999}, grpc.StatusCode.NOT_FOUND),
                (OPERATOR, {"entry": -1}, grpc.StatusCode.NOT_FOUND),
                (OPERATOR, {"decision": "none"}, grpc.StatusCode.NOT_FOUND),
                (OPERATOR, {"decision": "d" * 129}, grpc.StatusCode.INVALID_ARGUMENT),
                (OPERATOR, {}, grpc.StatusCode.INVALID_ARGUMENT),
            ):
                if code is grpc.StatusCode.OK:
                    assert (await ask(who, **by)).entries[0].seq == 0
                    continue
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await ask(who, **by)
                assert refused.value.code() is code

    asyncio.run(run())
