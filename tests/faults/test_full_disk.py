# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A disk that takes no more: calls are refused, nothing is let out, and the gateway comes back by itself."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc

from faults.clients import Gone, infer, sender
from faults.process import free_port, launcher
from faults.stub import stub
from governed import FORBIDDEN, HOLDS, LARGE, SMALL, SURE_FROM, Deployment, deploy
from ledger.samples import completeness_of
from ombud_ledger import query, verify

_MOST: Final = 2_000
_AFTER: Final = 20


@contextmanager
def full(pid: int, most: int) -> Iterator[None]:
    """Let no file of a process grow past `most` bytes: writes fail, as on a full disk (EFBIG for ENOSPC)."""
    was = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, was[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, was)


def test_full_disk(tmp_path: Path) -> None:
    """No answer leaves without its record, health says so, and all is well again once there is space."""

    async def run() -> tuple[Deployment, list[str], int]:
        async with stub() as upstream, launcher(tmp_path / "gateway.log") as gateways:
            deployment = deploy(tmp_path / "gateway", port=free_port(), upstream=upstream.port)
            gateway = await gateways.serve(deployment)
            answered: list[str] = []
            async with grpc.aio.insecure_channel(deployment.address) as channel:
                send = sender(channel)
                answered.append((await infer(send, deployment, SMALL)).decision)
                refused: list[str] = []
                biggest = max(path.stat().st_size for path in (deployment.ledger / "logs").rglob("*"))
                with full(gateway.pid, biggest + 65_536):
                    # Calls are answered until the disk is full, then refused: what is tried is not let out.
                    for number in range(_MOST):
                        try:
                            answered.append(
                                (await infer(send, deployment, SURE_FROM + number % 500)).decision
                            )
                        except Gone as gone:
                            refused.append(str(gone))
                            break
                    await gateway.health_becomes("NOT_SERVING")
                    for amount in (SMALL, HOLDS, LARGE, FORBIDDEN):
                        try:
                            raise AssertionError(await infer(send, deployment, amount))
                        except Gone as gone:
                            refused.append(str(gone))
                assert len(refused) == 5
                assert {text.partition(" [")[0] for text in refused} == {
                    "UNAVAILABLE: the call could not be recorded, so it is refused"
                }
                await gateway.health_becomes("SERVING")
                answered += [
                    (await infer(send, deployment, SMALL + number)).decision for number in range(_AFTER)
                ]
            assert await gateway.end() == 0
            return deployment, answered, len(refused)

    deployment, answered, refused = asyncio.run(run())
    account = verify(deployment.ledger)
    assert [str(finding) for finding in account.all_findings()] == []
    said = completeness_of(account)
    assert (account.exit_code, said.gaps, said.crashes) == (0, 1, 0)
    with query.connect(deployment.ledger) as sql:
        stored = sql.execute("SELECT id FROM decisions WHERE outcome = 'answered'").fetchall()
        counted = sql.execute(
            "SELECT sum((record->>'$.counts.ledger_unavailable')::INT) FROM entries WHERE kind = 'refused'"
        ).fetchone()
    # A call whose commit failed may be in the ledger or not; its client saw no answer. All others are, once.
    recorded = [decision for (decision,) in stored]
    assert len(recorded) == len(set(recorded))
    assert set(answered) <= set(recorded)
    assert len(recorded) - len(answered) in {0, 1}
    assert counted == (refused,)
