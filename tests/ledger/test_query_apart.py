# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""SQL of others in a process apart: it answers, or ends and says why, and leaves no process behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from ledger import samples
from ombud_ledger import LedgerError, LedgerUnreadable, NotProven, QueryRefused, QueryStopped, query_apart
from ombud_ledger.query_apart import Limits, Question, answer, rows
from ombud_ledger.tlog.checkpoint import Checkpoint, sign_checkpoint

SHORT = Limits(seconds=1.0, memory_mb=100, rows=50_000)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ledger."""
    root = tmp_path_factory.mktemp("ledger")
    samples.build(root)
    return root


async def ask(root: Path, sql: str, limits: Limits = SHORT, **more: Any) -> list[tuple[Any, ...]]:
    """Return the rows of an answer."""
    return rows(b"".join([piece async for piece in answer(root, Question(sql, **more), limits)]))


def test_rows_come_as_an_arrow_stream(root: Path) -> None:
    """Sealed and hot entries are there; parameters are; pieces are bounded and make one stream."""

    async def run() -> None:
        sql = "SELECT count(*), min(seq), $a FROM entries"
        ((count, first, given),) = await ask(root, sql, parameters={"a": "x'y"})
        assert (first, given) == (0, "x'y")
        assert count > 10
        question = Question("SELECT range FROM range(40000)")
        pieces = [piece async for piece in answer(root, question, SHORT, chunk=10_000)]
        assert {len(piece) for piece in pieces[:-1]} == {10_000}
        assert rows(b"".join(pieces)) == [(number,) for number in range(40_000)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("sql", "more", "kind", "said"),
    [
        ("SELECT sleep_ms(60000)", {}, QueryStopped, "seconds"),
        ("SELECT list(range) FROM range(100000000)", {}, QueryStopped, "memory"),
        ("SELECT length(repeat('x', 3000000000))", {}, QueryStopped, "memory"),
        ("SELECT * FROM range(50001)", {}, QueryStopped, "rows"),
        ("COPY (SELECT 1) TO '/tmp/x'", {}, QueryRefused, "only one SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", {}, QueryRefused, "cannot be read from here"),
        ("SELEC", {}, QueryRefused, "syntax error"),
        ("SELECT $a", {}, QueryRefused, r"\$a has no value"),
        ("SELECT 1", {"parameters": {"a": "1"}}, QueryRefused, r"\$a is not in the SQL"),
        ("SELECT 1", {"as_of": [b"no note"]}, LedgerUnreadable, "note"),
    ],
)
def test_what_cannot_be_answered(
    root: Path, sql: str, more: dict[str, Any], kind: type[LedgerError], said: str
) -> None:
    """Too much, no SELECT, no SQL, other parameters, no checkpoint: each ends with its own reason."""
    with pytest.raises(kind, match=said):
        asyncio.run(ask(root, sql, **more))


def test_a_checkpoint_that_the_log_does_not_extend(root: Path) -> None:
    """What is asked as of a checkpoint that another log signed is not answered."""
    note = sign_checkpoint(Checkpoint(samples.ORIGIN, 5, bytes(32)), [samples.KEY])
    with pytest.raises(NotProven, match="have root"):
        asyncio.run(ask(root, "SELECT 1", as_of=[note]))


def children() -> set[str]:
    """Return the processes that this one started, and that have not ended; other tests' are among them."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_what_does_not_stop_by_itself_is_killed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that minds no limit of its own is killed in time, and is gone."""
    endless, before = Limits(seconds=3_600.0), children()
    monkeypatch.setattr(query_apart, "_GRACE", 1.5 - endless.seconds)
    with pytest.raises(QueryStopped, match="seconds or memory"):
        asyncio.run(ask(root, "SELECT sleep_ms(60000)", endless))
    assert children() <= before


def test_who_hangs_up_ends_the_query(root: Path) -> None:
    """A reader that goes away, or is cancelled, takes the process along."""

    async def leave(then: Callable[[], None]) -> None:
        question = Question("SELECT range FROM range(100000000000)")
        async with aclosing(answer(root, question, Limits(rows=10**12), chunk=1_000)) as pieces:
            async for piece in pieces:
                assert len(piece) == 1_000
                then()
                break

    before = children()

    async def run() -> None:
        await leave(lambda: None)
        assert children() <= before
        task = asyncio.ensure_future(ask(root, "SELECT sleep_ms(60000)", Limits()))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() <= before

    asyncio.run(run())


def test_it_sees_nothing_of_our_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets in the gateway's environment do not reach the process that runs the SQL of others."""
    monkeypatch.setenv("OMBUD_TOKEN", "secret")
    with pytest.raises(QueryRefused):
        asyncio.run(ask(root, "SELECT getenv('OMBUD_TOKEN')"))


SLOW = """\
import sys, time
from pathlib import Path

sys.stdin.read()
print("first", flush=True)
for _ in range(500):
    if Path("heard").exists():
        print("last", flush=True)
        sys.exit(0)
    time.sleep(0.02)
sys.exit(3)
"""


def test_what_a_process_says_comes_as_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is heard while the next is being worked on; this process goes on only when it was."""
    (tmp_path / "slow_to_end.py").write_text(SLOW)
    monkeypatch.chdir(tmp_path)

    async def run() -> list[bytes]:
        heard = []
        async with aclosing(query_apart.run("slow_to_end", tmp_path, {}, 20.0)) as pieces:
            async for piece in pieces:
                heard.append(piece)
                (tmp_path / "heard").touch()
        return heard

    assert asyncio.run(run()) == [b"first\n", b"last\n"]
