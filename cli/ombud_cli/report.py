# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud report`: documents whose every figure follows from the ledger and can be computed again."""

from __future__ import annotations

from types import MappingProxyType

import typer

from ombud_cli.lazy import Later, LazyGroup
from ombud_reports import kind_of, kinds

COMMANDS = MappingProxyType(
    {
        **{name: Later(f"ombud_cli.report_kind:{name}", kind_of(name).about) for name in kinds()},
        "verify": Later(
            "ombud_cli.report_verify:verify_command",
            "Compute a report's figures again and list what differs.",
        ),
    }
)


class _Reports(LazyGroup):
    later = COMMANDS


app = typer.Typer(
    cls=_Reports,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Make documents from the ledger alone, and check them. Every figure names its statement and the "
    "checkpoint that it rests on. Exit code 1: the answer is no; 2: it could not be made, or not recorded.",
)


@app.callback()
def report() -> None:
    """Make documents from the ledger alone, and check them."""
