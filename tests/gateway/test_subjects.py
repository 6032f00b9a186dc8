# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudonyms of the people that calls name: remembered for a moment, asked for in rounds, made together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

from gateway.scene import PATIENCE, until
from ombud_gateway.subjects import Pseudonyms
from ombud_ledger import RecordInvalid, Vault, VaultUnusable


def test_pseudonyms_are_at_hand_for_a_moment(tmp_path: Path) -> None:
    """The vault is asked once in half a second for each person, and at once for one who was erased."""

    async def run() -> None:
        vault = Vault.create(tmp_path / "vault", tmp_path / "vault-keys")
        asked: list[str] = []
        now = [0.0]

        class Asked:
            """The vault; it notes whom it is asked for."""

            def pseudonyms(self, subjects: list[str]) -> dict[str, str]:
                asked.extend(subjects)
                return vault.pseudonyms(subjects)

        known = Pseudonyms(cast("Vault", Asked()), lambda: now[0])
        first = await known.of("p-1")
        assert [await known.of("p-1") for _ in range(3)] == [first] * 3
        assert asked == ["p-1"]
        now[0] = 0.5
        assert await known.of("p-1") == first
        assert await known.of("p-1", afresh=True) == first
        known.forget("p-1")
        assert await known.of("p-1") == first
        assert asked == ["p-1"] * 4
        vault.close()

    asyncio.run(run())


def test_people_met_at_once_share_a_commit(tmp_path: Path) -> None:
    """While the vault makes one durable, others wait; then one commit makes all of them."""
    commits: list[str] = []
    going = threading.Event()

    def durable(step: str, act: Callable[[], object]) -> None:
        if step == "vault.subject":
            commits.append(step)
            assert going.wait(PATIENCE)
        act()

    async def run() -> None:
        Vault.create(tmp_path / "vault", tmp_path / "keys").close()
        with closing(Vault.open(tmp_path / "vault", tmp_path / "keys", durable=durable)) as vault:
            known = Pseudonyms(vault)
            known.expect("p-0")
            await until(lambda: len(commits) == 1)
            people = [f"p-{number % 20}" for number in range(40)]
            waiting = [asyncio.ensure_future(known.of(person)) for person in people]
            await asyncio.sleep(0)
            waiting[7].cancel()
            going.set()
            found = await asyncio.gather(*waiting[8:])
            assert found == [vault.find(person) for person in people[8:]]
            assert len(commits) == 2
            assert await Pseudonyms(vault).of("p-7") == found[19]
            assert len(commits) == 2

    asyncio.run(run())


def test_one_that_cannot_be_named_fails_alone(tmp_path: Path) -> None:
    """Others asked for in the same round have their pseudonyms."""

    async def run() -> None:
        with closing(Vault.create(tmp_path / "vault", tmp_path / "keys")) as vault:
            known = Pseudonyms(vault)
            asked = [known.of(person) for person in ("p-1", "x" * 2_000, "p-2")]
            first, wrong, second = await asyncio.gather(*asked, return_exceptions=True)
            assert (first, second) == (vault.find("p-1"), vault.find("p-2"))
            assert isinstance(wrong, RecordInvalid)

    asyncio.run(run())


def test_all_are_told_that_the_vault_is_gone(tmp_path: Path) -> None:
    """Nobody waits for ever; and the next round finds the vault again."""

    async def run() -> None:
        with closing(Vault.create(tmp_path / "vault", tmp_path / "keys")) as vault:
            known = Pseudonyms(vault)
            vault.close()
            known.expect("p-0")
            told = await asyncio.gather(known.of("p-0"), known.of("p-1"), return_exceptions=True)
            assert [type(each) for each in told] == [VaultUnusable, VaultUnusable]

    asyncio.run(run())
