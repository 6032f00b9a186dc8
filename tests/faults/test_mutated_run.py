# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger of a gateway's own run, with every kind of call in it: no byte of it changes unseen."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

from gateway.scene import scene
from governed import BREACH, FORBIDDEN, HOLDS, LARGE, SMALL
from ombud_ledger import verify

STRIDE = int(os.environ.get("OMBUD_MUTATION_STRIDE", "61"))
"""Every so many bytes; 1 changes each. A prime, so that it falls into step with nothing in the files."""
COLUMNS = ("record", "chain", "salt", "facts")


async def calls(folder: Path) -> Path:
    """Judge calls that end in every way, seal them, then judge them again; return the ledger's root."""
    async with scene(folder) as one:
        for sealed in (False, True):
            await one.pipeline.judge(one.call(SMALL))
            for amount in (FORBIDDEN, BREACH):
                await one.refused(one.call(amount))
            for amount in (LARGE, HOLDS):
                call = one.call(amount)
                review = await one.held(call)
                await one.approve(review)
                await one.resume(call, review)
            one.recorder.count("OVERLOADED")
            await one.recorder.flush_refused()
            if not sealed:
                await one.ledger.seal()
        return one.root


def test_no_byte_changes_unseen(tmp_path: Path) -> None:
    """Each byte of sealed files, and of each stored value of the hot tail, flipped, is told."""
    root = asyncio.run(calls(tmp_path))
    assert verify(root).exit_code == 0
    sealed = sorted(root.rglob("*.parquet"))
    assert len(sealed) == 3, "entries, facts of the contract, facts of none"
    for path in sealed:
        original = path.read_bytes()
        for at in range(len(original) % STRIDE, len(original), STRIDE):
            changed = bytearray(original)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            assert verify(root).exit_code == 1, (path, at)
        path.write_bytes(original)
    (hot,) = root.rglob("*.sqlite")
    tried = 0
    with sqlite3.connect(hot, isolation_level=None) as db:
        for column in COLUMNS:
            rows = db.execute(f"SELECT seq, {column} FROM entries WHERE {column} IS NOT NULL").fetchall()  # noqa: S608
            for seq, value in rows:
                for at in range(seq % STRIDE % len(value), len(value), STRIDE):
                    changed = bytearray(value)
                    changed[at] ^= 1 << at % 8
                    db.execute(f"UPDATE entries SET {column} = ? WHERE seq = ?", (bytes(changed), seq))  # noqa: S608
                    # Unreadable (2) where what changed is the name of the entry's kind.
                    assert verify(root).exit_code in {1, 2}, (seq, column, at)
                    tried += 1
                db.execute(f"UPDATE entries SET {column} = ? WHERE seq = ?", (value, seq))  # noqa: S608
    db.close()
    assert tried > 5_000 // STRIDE
    assert verify(root).exit_code == 0
