# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud serve`: run the gateway until SIGTERM or SIGINT, then drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ombud_cli.failure import unusable, unusable_on

if TYPE_CHECKING:
    from ombud_cli.wiring import Gateway
    from ombud_gateway.config import Config

_LOG = logging.getLogger(__name__)


def serve_command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The gateway's configuration.")] = Path(
        "ombud.toml"
    ),
    dev: Annotated[
        bool, typer.Option("--dev", help="Let a changed bundle in the watched folder take effect by itself.")
    ] = False,
) -> None:
    """Run the gateway; SIGTERM drains it: calls under way finish, the ledger is closed."""
    import uvloop

    from ombud_gateway.config import load_config
    from ombud_gateway.identity import TokenFileInvalid
    from ombud_gateway.problems import ConfigInvalid
    from ombud_ledger import LedgerError
    from ombud_policies import PolicyError

    with unusable_on(ConfigInvalid, PolicyError, LedgerError, TokenFileInvalid):
        settings = load_config(config)
        logging.basicConfig(
            level=settings.telemetry.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
        )
        try:
            uvloop.run(_serve(settings, config, dev=dev))
        except RuntimeError as error:
            if "bind" not in str(error):
                raise
            raise unusable(f"{config}: gateway.listen {settings.gateway.listen}: {error}") from error


async def _serve(config: Config, file: Path, *, dev: bool) -> None:
    from ombud_cli.watch import watch
    from ombud_cli.wiring import serving
    from ombud_gateway.interpreter import set_up_to_serve

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with serving(config) as gateway:
        set_up_to_serve()
        _LOG.info("%s", _announcement(gateway, file))
        watching = None
        if dev or config.policy.watch:
            watching = asyncio.ensure_future(watch(config.policy.bundle, gateway.policy, activate=dev))
        await stopping.wait()
        if watching is not None:
            watching.cancel()
        _LOG.info("draining")
        gc.unfreeze()


def _announcement(gateway: Gateway, file: Path) -> str:
    bundle = gateway.policy.engine.bundle
    return (
        f"serving on port {gateway.port}, configured by {file}: {len(gateway.systems)} systems, "
        f"bundle {bundle.digest[:16]}, log {gateway.ledger.log} at {gateway.ledger.head.size} entries"
    )


EPILOG = (
    "Example: `ombud serve -c ombud.toml`; `ombud config check ombud.toml` says first what it would refuse"
)
