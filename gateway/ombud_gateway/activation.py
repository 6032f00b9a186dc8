# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The policies in force, and how others come into force: recorded first, then swapped in one assignment."""

from __future__ import annotations

import asyncio
from typing import Any

from ombud_gateway.errors import Invalid
from ombud_ledger import Facts, Ledger
from ombud_policies import Bundle, BundleInvalid, Engine


class ActivePolicy:
    """Holds the one engine that decides. Reading `engine` is atomic; a call reads it once.

    `keeps_payloads` says whether there is a vault for what `@capture("full")` keeps.
    """

    def __init__(self, ledger: Ledger, engine: Engine, *, keeps_payloads: bool = False) -> None:
        self._ledger = ledger
        self._keeps_payloads = keeps_payloads
        self._changing = asyncio.Lock()
        self.engine = engine

    async def activate(self, bundle: Bundle, *, by: str, source: str, reason: str = "") -> tuple[str, str]:
        """Put a checked bundle in force; return the old and the new digest.

        Whoever reads `engine` decides by the old bundle or by the new one, never by a mix. Raises `Invalid`
        for a bundle that keeps payloads where there is no vault.
        """
        if why := unkept(bundle, keeps_payloads=self._keeps_payloads):
            raise Invalid("BUNDLE", why)
        engine = await asyncio.to_thread(Engine, bundle)
        async with self._changing:
            old = self.engine.bundle.digest
            # 1. Its bytes are kept by digest.
            kept = await asyncio.to_thread(self._ledger.put_object, bundle.to_bytes())
            body = _activated(bundle, kept, old=old, by=by, source=source)
            facts = Facts(contract=None, values={}, extra={"reason": reason}) if reason else None
            # 2. Durable: a crash after this starts with the new bundle.
            await self._ledger.append("policy", body, facts)
            # 3. In force.
            self.engine = engine
        return old, bundle.digest


def unkept(bundle: Bundle, *, keeps_payloads: bool) -> str:
    """Say why a bundle cannot be in force for want of a vault; empty where it can."""
    if keeps_payloads or not bundle.full_captures:
        return ""
    return (
        f'bundle {bundle.digest[:16]}: {", ".join(bundle.full_captures)} with @capture("full") '
        "needs a [vault] in ombud.toml, which there is none of"
    )


def starting_policy(ledger: Ledger, folder: Bundle, *, keeps_payloads: bool = False) -> ActivePolicy:
    """Return the policies to start with: those last activated, or on a new log the bundle of the folder.

    Blocking. What was activated through the control API outlives a restart, whatever the folder holds then.
    """
    last = ledger.latest("policy", {"event": "activated"})
    if last is not None:
        kept = ledger.get_object(last["object"])
        return ActivePolicy(ledger, Engine(Bundle.from_bytes(kept)), keeps_payloads=keeps_payloads)
    kept_as = ledger.put_object(folder.to_bytes())
    body = _activated(folder, kept_as, old="", by="configuration", source="start")
    ledger.append_blocking("policy", body, None)
    return ActivePolicy(ledger, Engine(folder), keeps_payloads=keeps_payloads)


async def checked(files: dict[str, bytes]) -> Bundle:
    """Validate and test a bundle; raise `Invalid` with every problem."""
    try:
        return await asyncio.to_thread(Bundle.from_files, files)
    except BundleInvalid as error:
        raise Invalid("BUNDLE", str(error)) from error


def _activated(bundle: Bundle, kept: str, *, old: str, by: str, source: str) -> dict[str, Any]:
    body = {"event": "activated", "new": bundle.digest, "object": kept, "by": by, "source": source}
    return {**body, "old": old} if old else body
