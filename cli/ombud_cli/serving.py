# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud serve`: run the gateway until SIGTERM or SIGINT, then drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from pathlib import Path

import uvloop
from ombud_gateway.config import Config

from ombud_cli.watch import watch
from ombud_cli.wiring import Gateway, serving


def serve(config: Config, *, dev: bool, ready: Callable[[Gateway], None]) -> None:
    """Serve until told to stop; `ready` is called once calls are answered."""
    logging.basicConfig(
        level=config.telemetry.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    uvloop.run(_serve(config, dev=dev, ready=ready))


async def _serve(config: Config, *, dev: bool, ready: Callable[[Gateway], None]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with serving(config) as gateway:
        # What is alive now stays alive: the collector need not look at it again on every call.
        gc.collect()
        gc.freeze()
        ready(gateway)
        if dev or config.policy.watch:
            watching = asyncio.ensure_future(watch(config.policy.bundle, gateway.policy, activate=dev))
            stopping_too = asyncio.ensure_future(stopping.wait())
            await asyncio.wait({watching, stopping_too}, return_when=asyncio.FIRST_COMPLETED)
            watching.cancel()
        await stopping.wait()


def announce(gateway: Gateway, config_file: Path) -> str:
    """Say where the gateway listens and what decides."""
    bundle = gateway.policy.engine.bundle
    head = gateway.ledger.head
    return (
        f"serving on port {gateway.port}, configured by {config_file}: {len(gateway.systems)} systems, "
        f"bundle {bundle.digest[:16]}, log {head.log} at {head.seq + 1} entries"
    )
