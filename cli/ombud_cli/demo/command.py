# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud demo`: the command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo_command(
    folder: Annotated[Path, typer.Option("--folder", help="Where everything goes.")] = Path("var/demo"),
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Leave gateway and model server serving until Ctrl-C.")
    ] = False,
    reports: Annotated[
        bool,
        typer.Option("--reports", help="Make the reports that take longer, too: explanations, more drift."),
    ] = False,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Clients that send at once.")] = 8,
) -> None:
    """Govern a real model on real applications, then audit and attack the ledger it leaves behind."""
    from ombud_cli.demo.story import run

    raise typer.Exit(run(folder, clients=clients, keep_running=keep_running, reports=reports))
