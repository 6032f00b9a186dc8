# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How policies come into force: recorded first, in one step, and again after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.scene import bundle, scene, until
from governed import POLICIES, bundle_files
from ombud_gateway.activation import checked, starting_policy
from ombud_gateway.errors import Invalid
from ombud_ledger import LedgerUnavailable, ObjectMissing
from ombud_policies import Bundle


def other(limit: str = "4000.0") -> Bundle:
    """Return a bundle that differs in one limit."""
    return Bundle.from_files(bundle_files(POLICIES.replace('decimal("5000.0")', f'decimal("{limit}")')))


def test_first_start_records_the_folders_bundle(tmp_path: Path) -> None:
    """A new log begins with the bundle of the folder, recorded with the digest its bytes are kept by."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            policy = await asyncio.to_thread(starting_policy, one.ledger, bundle())
            assert policy.engine.bundle.digest == bundle().digest
            (entry,) = one.records("policy")
            kept = entry.pop("object")
            assert entry == {
                "kind": "policy",
                "event": "activated",
                "new": bundle().digest,
                "by": "configuration",
                "source": "start",
            }
            assert Bundle.from_bytes(one.ledger.get_object(kept)).digest == bundle().digest

    asyncio.run(run())


def test_activation_outlives_a_restart(tmp_path: Path) -> None:
    """What was activated decides after a restart, hot or sealed, whatever the folder holds then."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            policy = await asyncio.to_thread(starting_policy, one.ledger, bundle())
            new = other()
            told = await policy.activate(new, by='User::"petra"', source="control", reason="lower limit")
            assert told == (bundle().digest, new.digest)
            assert policy.engine.bundle.digest == new.digest
            entry = one.records("policy")[-1]
            assert (entry["old"], entry["new"], entry["by"]) == (bundle().digest, new.digest, 'User::"petra"')
            assert one.facts()[-1]["reason"] == "lower limit"
            for _ in range(2):
                again = await asyncio.to_thread(starting_policy, one.ledger, bundle())
                assert again.engine.bundle.digest == new.digest
                await one.ledger.seal()
            assert len(one.records("policy")) == 2

    asyncio.run(run())


def test_payloads_need_a_vault(tmp_path: Path) -> None:
    """A bundle that keeps payloads comes into force only where there is a vault; else nothing is recorded."""
    full = Bundle.from_files(bundle_files(POLICIES.replace('@capture("features")', '@capture("full")')))

    async def run() -> None:
        async with scene(tmp_path) as one:
            policy = await asyncio.to_thread(starting_policy, one.ledger, bundle())
            with pytest.raises(Invalid, match=r'agents-ask with @capture\("full"\) needs a \[vault\]'):
                await policy.activate(full, by='User::"petra"', source="control")
            assert policy.engine.bundle.digest == bundle().digest
            assert len(one.records("policy")) == 1
            policy = await asyncio.to_thread(starting_policy, one.ledger, bundle(), keeps_payloads=True)
            await policy.activate(full, by='User::"petra"', source="control")
            assert policy.engine.bundle.digest == full.digest

    asyncio.run(run())


def test_not_recorded_not_in_force(tmp_path: Path) -> None:
    """A bundle whose activation cannot be recorded does not decide a single call."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            policy = await asyncio.to_thread(starting_policy, one.ledger, bundle())
            before = policy.engine
            one.disk.full = True
            with pytest.raises((LedgerUnavailable, OSError)):
                await policy.activate(other(), by="x", source="control")
            assert policy.engine is before
            one.disk.full = False
            await until(lambda: one.ledger.state == "serving")
            await policy.activate(other(), by="x", source="control")
            assert policy.engine is not before

    asyncio.run(run())


def test_activations_come_one_after_the_other(tmp_path: Path) -> None:
    """Of many at once, each replaces the one before: the records are a chain, its end is in force."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            policy = await asyncio.to_thread(starting_policy, one.ledger, bundle())
            bundles = [other(f"{number}000.0") for number in range(1, 5)]
            await asyncio.gather(*(policy.activate(each, by="x", source="control") for each in bundles))
            entries = one.records("policy")
            assert [entry.get("old") for entry in entries[1:]] == [entry["new"] for entry in entries[:-1]]
            assert entries[-1]["new"] == policy.engine.bundle.digest

    asyncio.run(run())


def test_lost_bytes_stop_the_start(tmp_path: Path) -> None:
    """A gateway whose active bundle is gone does not start with another."""

    async def run() -> None:
        async with scene(tmp_path) as one:
            await asyncio.to_thread(starting_policy, one.ledger, bundle())
            (one.root / "objects" / one.records("policy")[0]["object"]).unlink()
            with pytest.raises(ObjectMissing):
                await asyncio.to_thread(starting_policy, one.ledger, other())

    asyncio.run(run())


def test_bundles_are_checked_before() -> None:
    """Files that are no sound bundle are refused with what is wrong in them."""
    assert asyncio.run(checked(bundle_files())).digest == bundle().digest
    with pytest.raises(Invalid, match=r"policies\.cedar") as refusal:
        asyncio.run(checked(bundle_files("permit (principal, action, resource) when { nonsense };")))
    assert refusal.value.reason == "BUNDLE"
