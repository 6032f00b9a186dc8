# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Large payloads: encrypted aside, so that other appends of the same loop are durable meanwhile."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import samples
from ombud_ledger import Ledger, LedgerUnavailable, Payload, RecordInvalid, SubjectKeyMissing, Vault, verify
from ombud_ledger.aside import LARGE

PATIENCE = 20.0


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


class Held:
    """Holds each encryption up until told to go on; notes how many run, and in which threads."""

    def __init__(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        self.going, self.begun = threading.Event(), threading.Semaphore(0)
        self.running = self.most = 0
        self.threads: list[threading.Thread] = []
        self._seal, self._lock = vault.seal_payload, threading.Lock()
        monkeypatch.setattr(vault, "seal_payload", self._held)

    def _held(self, *given: Any) -> Any:
        with self._lock:
            self.threads.append(threading.current_thread())
            self.running += 1
            self.most = max(self.most, self.running)
        self.begun.release()
        assert self.going.wait(PATIENCE)
        with self._lock:
            self.running -= 1
        return self._seal(*given)


def test_another_call_goes_on(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """While 32 MiB are encrypted another append of the same loop is durable; then they are too."""
    ledger = samples.open_log(tmp_path / "ledger", vault=vault)
    held = Held(vault, monkeypatch)
    payload = Payload(vault.pseudonym("ann"), b"a" * (32 << 20), b"answer")

    async def run() -> tuple[int, int]:
        large = asyncio.ensure_future(ledger.append("decision", samples.decision(1), payload=payload))
        await asyncio.to_thread(held.begun.acquire)
        other = await asyncio.wait_for(ledger.append("decision", samples.decision(2)), PATIENCE)
        assert not large.done()
        held.going.set()
        return (await large).seq, other.seq

    assert asyncio.run(run()) == (2, 1)
    assert held.threads[0] is not threading.main_thread()
    (kept,) = [entry.payload for entry in ledger.export("ann").entries]
    ledger.close()
    assert kept == payload
    assert verify(tmp_path / "ledger", vault=vault).exit_code == 0


def test_so_many_at_once(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are encrypted at a time, for each is held in memory; a small one is not handed to a thread."""
    ledger = samples.open_log(tmp_path / "ledger", vault=vault)
    held = Held(vault, monkeypatch)
    payload = Payload(vault.pseudonym("ann"), bytes(LARGE + 1))

    async def run() -> set[int]:
        appends = (ledger.append("decision", samples.decision(at), payload=payload) for at in range(6))
        together = asyncio.gather(*appends)
        for _ in range(2):
            await asyncio.to_thread(held.begun.acquire)
        held.going.set()
        return {position.seq for position in await together}

    assert asyncio.run(run()) == set(range(1, 7))
    assert held.most == 2
    asyncio.run(_append_small(ledger))
    assert held.threads[-1] is threading.main_thread()
    ledger.close()
    assert verify(tmp_path / "ledger", vault=vault).exit_code == 0


async def _append_small(ledger: Ledger) -> None:
    await ledger.append("decision", samples.decision(9), payload=Payload(None, bytes(LARGE)))


def test_whoever_leaves(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has begun is stored though its caller leaves meanwhile, as it is of a small one."""
    ledger = samples.open_log(tmp_path / "ledger", vault=vault)
    held = Held(vault, monkeypatch)
    payload = Payload(vault.pseudonym("ann"), bytes(LARGE + 1))

    async def run() -> None:
        left = asyncio.ensure_future(ledger.append("decision", samples.decision(1), payload=payload))
        await asyncio.to_thread(held.begun.acquire)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        held.going.set()
        async with asyncio.timeout(PATIENCE):
            while ledger.size < 2:  # noqa: ASYNC110 - nobody is told but whoever left
                await asyncio.sleep(0.001)

    asyncio.run(run())
    ledger.close()
    assert verify(tmp_path / "ledger", vault=vault).exit_code == 0


def test_what_fails_is_told(tmp_path: Path, vault: Vault) -> None:
    """The caller has the reason, as for a small one, and nothing is stored; a closed log says that it is."""
    ledger = samples.open_log(tmp_path / "ledger", vault=vault)
    large = bytes(LARGE + 1)

    async def append(body: dict[str, Any], payload: Payload) -> None:
        await ledger.append("decision", body, payload=payload)

    with pytest.raises(RecordInvalid, match="must have an `id`"):
        asyncio.run(append({}, Payload(None, large)))
    with pytest.raises(SubjectKeyMissing):
        asyncio.run(append(samples.decision(1), Payload("ab" * 16, large)))
    assert ledger.size == 1
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="is closed"):
        asyncio.run(append(samples.decision(1), Payload(None, large)))


def test_closing_waits_for_them(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is being encrypted when the log is closed is stored before its `close` entry."""
    ledger = samples.open_log(tmp_path / "ledger", vault=vault)
    held = Held(vault, monkeypatch)

    async def run() -> int:
        payload = Payload(None, bytes(LARGE + 1))
        large = asyncio.ensure_future(ledger.append("decision", samples.decision(1), payload=payload))
        await asyncio.to_thread(held.begun.acquire)
        closing_ = asyncio.ensure_future(asyncio.to_thread(ledger.close))
        held.going.set()
        await closing_
        return (await large).seq

    assert asyncio.run(run()) == 1
    assert ledger.size == 3
    assert verify(tmp_path / "ledger", vault=vault).exit_code == 0
