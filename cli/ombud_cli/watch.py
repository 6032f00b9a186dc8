# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Watches a bundle's folder: a change is validated and told; only `--dev` lets it take effect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from ombud_gateway.activation import ActivePolicy
from ombud_gateway.errors import Invalid
from ombud_policies import Bundle, BundleInvalid

_LOG = logging.getLogger(__name__)
_EVERY = 1.0


async def watch(
    folder: Path,
    policy: ActivePolicy,
    *,
    activate: bool,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look at a folder once a second, until cancelled. A bundle that does not hold never takes effect."""
    seen = await asyncio.to_thread(_stamp, folder)
    while True:
        await pause(_EVERY)
        stamp = await asyncio.to_thread(_stamp, folder)
        if stamp == seen:
            continue
        seen = stamp
        try:
            bundle = await asyncio.to_thread(Bundle.load, folder)
        except BundleInvalid as error:
            _LOG.error(
                "the changed bundle does not hold; %s stays active:\n%s",
                policy.engine.bundle.digest[:16],
                error,
            )
            continue
        if bundle.digest == policy.engine.bundle.digest:
            continue
        if activate:
            try:
                old, new = await policy.activate(bundle, by="--dev", source="watch")
            except Invalid as error:
                _LOG.error("the changed bundle cannot be in force here: %s", error)
                continue
            _LOG.warning("bundle %s replaces %s (--dev)", new[:16], old[:16])
        else:
            _LOG.info(
                "the changed bundle %s holds; `ombud policy activate` puts it in force", bundle.digest[:16]
            )


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of the files: what changes when somebody saves."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            about = path.stat()
        except FileNotFoundError:
            continue  # saved by rename while we looked; the next look sees it
        found.append((str(path), about.st_mtime_ns, about.st_size))
    return tuple(found)
