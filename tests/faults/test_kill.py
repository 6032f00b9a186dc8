# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the gateway under load, again and again, over one ledger that grows."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Final

import grpc

from faults.clients import Case, Memory, carry_on, keep_asking, keep_resuming, sender
from faults.process import free_port, launcher
from faults.stub import stub
from governed import SURE, UNSURE, Deployment, deploy, infer_response
from ledger.samples import completeness_of
from ombud_ledger import query, verify

KILLS: Final = 50
SEED: Final = 20_260_214
ASKING: Final = 4
RESUMING: Final = 2
"""Clients that resume the same cases: an approval is asked for by several calls at once."""
SEALED_EVERY: Final = 150
"""Entries of a segment: kills fall into sealing, too."""
MOST_SECONDS: Final = 0.2
"""A life ends at a random moment within; one in ten first lasts until a segment is begun, or sealed."""
PATIENCE: Final = 30.0


async def lives(folder: Path) -> tuple[Deployment, Memory, list[Case]]:
    """Start a gateway, load it, kill it at a random moment; so many times, then finish what was begun."""
    moments = random.Random(SEED)
    memory, cases = Memory(), list[Case]()
    async with stub() as upstream, launcher(folder / "gateway.log") as gateways:
        deployment = deploy(
            folder / "gateway", port=free_port(), upstream=upstream.port, seal_entries=SEALED_EVERY
        )
        for life in range(KILLS):
            gateway = await gateways.serve(deployment)
            async with grpc.aio.insecure_channel(
                deployment.address, (("grpc.use_local_subchannel_pool", 1),)
            ) as channel:
                send = sender(channel)
                clients = [
                    *(asyncio.create_task(keep_asking(send, deployment, memory)) for _ in range(ASKING)),
                    *(
                        asyncio.create_task(keep_resuming(send, deployment, cases, memory))
                        for _ in range(RESUMING)
                    ),
                ]
                if life % 10 == 9:
                    await segment(deployment, moments.choice(("staging", "entries")))
                # Not a wait for something to be done: the moment is what varies.
                await asyncio.sleep(moments.uniform(0.0, MOST_SECONDS))
                await gateway.kill()
                await asyncio.gather(*clients)
        gateway = await gateways.serve(deployment)
        async with grpc.aio.insecure_channel(deployment.address) as channel:
            for case in cases:
                while not case.done:
                    await carry_on(sender(channel), deployment, case, memory)
        assert await gateway.end() == 0
    return deployment, memory, cases


async def segment(deployment: Deployment, stage: str) -> None:
    """Return once one more segment is being staged, or has its entries file."""
    folder = deployment.ledger / "logs/r0-0" / stage
    before = set(folder.glob("*"))
    deadline = time.monotonic() + PATIENCE
    while set(folder.glob("*")) <= before:
        assert time.monotonic() < deadline, f"nothing new in {folder}"
        await asyncio.sleep(0.01)


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """However often it is killed, no answer is without its record, and no approval lets two calls through."""
    deployment, memory, cases = asyncio.run(lives(tmp_path))

    # The ledger is sound. Nothing is missing either (exit 3): a killed gateway leaves no gap, because what it
    # had not made durable it had not answered. Its kills can be counted: boots that followed no close.
    account = verify(deployment.ledger)
    assert [str(finding) for finding in account.all_findings()] == []
    assert account.exit_code == 0
    (log,) = account.logs
    said = completeness_of(account)
    assert (log.log, said.crashes, said.gaps) == ("r0-0", KILLS, 0)
    assert log.sealed_files > 0

    # Every answer that a client saw is in it once, under its decision id, at the position it was told.
    with query.connect(deployment.ledger) as sql:
        ended = sql.execute(
            "SELECT id, log || ':' || seq, approval"
            " FROM (FROM decisions SELECT id, log, seq, approval, outcome, action UNION ALL"
            " FROM outcomes SELECT id, log, seq, approval, outcome, action)"
            " WHERE outcome = 'answered' AND action = 'infer'"
        ).fetchall()
        intents = sql.execute("SELECT approval, id FROM intents WHERE approval IS NOT NULL").fetchall()
    positions = {decision: position for decision, position, _ in ended}
    assert len(positions) == len(ended)
    seen = {one.decision: one.position for one in memory.answered}
    assert len(seen) == len(memory.answered)
    assert {decision: positions.get(decision) for decision in seen} == seen
    assert len(seen) > 10 * KILLS
    bodies = {infer_response(score).SerializeToString() for score in (SURE, UNSURE)}
    assert {one.body for one in memory.answered} == bodies

    # Every approval let through one call: none let through two, none was lost to a claim cut short by a kill.
    assert sorted(approval for approval, _ in intents) == sorted(case.review for case in cases)
    assert len(cases) > 20
    released = [
        (review, answer.decision) for review, answers in memory.released.items() for answer in answers
    ]
    assert set(released) <= {(approval, decision) for decision, _, approval in ended}
    assert set(released) <= set(intents)
