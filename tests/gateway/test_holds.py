# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A legal hold that has to wait: its callers may leave and ask again, and nobody else waits with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.scene import PATIENCE
from governed import OFFICER
from ombud_gateway.errors import Conflict, Unavailable
from ombud_gateway.upstreams.alone import Alone
from ombud_gateway.upstreams.retention import Retention
from ombud_ledger import Ledger, matters, query_apart


def test_a_hold_that_is_asked_for_again_is_recorded_once_and_keeps_no_other_work(tmp_path: Path) -> None:
    """While it waits for the ledger, one thread of its own does; who asks again is told to wait."""

    async def run() -> None:
        ledger = Ledger.open(tmp_path / "ledger", log="r0-0", origin="acme/t/r0")
        await ledger.append("system", {"event": "declared", "system": "credit", "digest": "0" * 64})
        retention = Retention(ledger, Alone(), query_apart.Limits())
        with ledger.settled():  # as an export does, or a prune
            first = asyncio.ensure_future(retention.hold("credit", "case 12", by=OFFICER))
            await asyncio.sleep(0)
            first.cancel()  # its deadline is over
            for _ in range(40):  # more than a loop's pool has threads
                with pytest.raises(Unavailable) as busy:
                    await asyncio.wait_for(retention.hold("credit", "case 12", by=OFFICER), PATIENCE)
                assert busy.value.reason == "LEDGER_BUSY"
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "served"), PATIENCE) == "served"
        held = None
        while held is None:
            try:
                await asyncio.wait_for(retention.hold("credit", "case 12", by=OFFICER), PATIENCE)
            except Unavailable:
                await asyncio.to_thread(lambda: None)  # the first is being recorded: a turn for its thread
            except Conflict as refusal:
                held = refusal.reason
        assert held == "HELD_ALREADY"
        said = [each.record["event"] for each in matters.stated(ledger.root, "system")]
        assert said == ["declared", "held"]
        ledger.close()

    asyncio.run(run())
