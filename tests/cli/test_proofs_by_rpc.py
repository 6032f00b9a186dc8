# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""LedgerService over gRPC: checkpoint and proofs, judged like any read, and recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from governed import OPERATOR, STRANGER, Deployment, deploy
from ombud.v1 import ledger_pb2 as wire
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.wiring import serving
from ombud_gateway.config import load_config
from ombud_ledger import keys, query, transparency

SECONDS = 20.0
STUB: Any = LedgerServiceStub


def signed(folder: Path, *, key: bool = True) -> tuple[Deployment, Any]:
    """Return a deployment that signs, and the key it is verified with."""
    deployment = deploy(folder, port=0, upstream=9)
    made = keys.new_key_file("acme.example/test/r0", None)
    if key:
        keys.create_key_file(folder / "signing.key", made)
        text = deployment.config.read_text()
        deployment.config.write_text(text.replace("[ledger]\n", '[ledger]\nsigning_key = "signing.key"\n'))
    return deployment, made.vkeys[0]


async def ask(stub: Any, method: str, request: Any, deployment: Deployment, who: str = OPERATOR) -> Any:
    """Ask one question as somebody."""
    return await getattr(stub, method)(request, metadata=deployment.metadata(who), timeout=SECONDS)


def test_proofs_that_hold(tmp_path: Path) -> None:
    """The checkpoint verifies under the key, receipt and consistency proof under the checkpoint."""
    deployment, vkey = signed(tmp_path / "gateway")

    async def run() -> None:
        async with (
            serving(load_config(deployment.config)) as gateway,
            grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
        ):
            stub = STUB(channel)
            gateway.ledger.publish()
            first = await ask(stub, "GetCheckpoint", wire.GetCheckpointRequest(), deployment)
            old = transparency.parse_checkpoint(first.checkpoint)
            old.verify([vkey])
            gateway.ledger.publish()
            proven = await ask(stub, "ProveInclusion", wire.ProveInclusionRequest(entry=1), deployment)
            receipt = transparency.parse_receipt(proven.receipt)
            assert receipt.verify([vkey]).checkpoint.size > old.checkpoint.size
            asked = wire.ProveConsistencyRequest(old_size=old.checkpoint.size)
            grown = await ask(stub, "ProveConsistency", asked, deployment)
            new = transparency.parse_checkpoint(grown.checkpoint)
            new.verify([vkey])
            assert (grown.old_size, grown.new_size) == (old.checkpoint.size, new.checkpoint.size)
            transparency.verify_consistency(
                old.checkpoint.size,
                old.checkpoint.root,
                new.checkpoint.size,
                new.checkpoint.root,
                grown.hashes,
            )

    asyncio.run(run())
    with query.connect(deployment.ledger) as sql:
        rows = sql.execute(
            "SELECT method, action, verdict FROM decisions WHERE method LIKE 'LedgerService.%' ORDER BY seq"
        ).fetchall()
    assert rows == [
        ("LedgerService.GetCheckpoint", "read", "allow"),
        ("LedgerService.ProveInclusion", "read", "allow"),
        ("LedgerService.ProveConsistency", "read", "allow"),
    ]


@pytest.mark.parametrize(
    ("request_", "who", "code", "said"),
    [
        (wire.GetCheckpointRequest(), STRANGER, grpc.StatusCode.PERMISSION_DENIED, "denied"),
        (wire.ProveInclusionRequest(entry=9_999), OPERATOR, grpc.StatusCode.NOT_FOUND, "checkpoint covers"),
        (wire.ProveInclusionRequest(entry=-1), OPERATOR, grpc.StatusCode.NOT_FOUND, "checkpoint covers"),
        (
            wire.ProveConsistencyRequest(old_size=9_999),
            OPERATOR,
            grpc.StatusCode.NOT_FOUND,
            "checkpoint covers",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, request_: Any, who: str, code: Any, said: str) -> None:
    """Whom policy does not let read gets no proof; what no checkpoint covers has none."""
    deployment, _ = signed(tmp_path / "gateway")

    async def run() -> grpc.aio.AioRpcError:
        async with (
            serving(load_config(deployment.config)) as gateway,
            grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
        ):
            gateway.ledger.publish()
            method = type(request_).__name__.removesuffix("Request")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ask(STUB(channel), method, request_, deployment, who)
            return refused.value

    error = asyncio.run(run())
    assert error.code() is code
    assert said in str(error.details()).lower()


def test_an_unsigned_gateway_says_so(tmp_path: Path) -> None:
    """Without a key there is no checkpoint, and the reply names that."""
    deployment, _ = signed(tmp_path / "gateway", key=False)

    async def run() -> grpc.aio.AioRpcError:
        async with (
            serving(load_config(deployment.config)) as gateway,
            grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel,
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ask(STUB(channel), "GetCheckpoint", wire.GetCheckpointRequest(), deployment)
            return refused.value

    error = asyncio.run(run())
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert "not signed" in str(error.details())
