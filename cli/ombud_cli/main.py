# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The command line's entry point: which commands there are, and where each lives."""

from __future__ import annotations

import os
import sys

import typer

from ombud_cli.lazy import Later, LazyGroup

COMMANDS = {
    "init": Later("ombud_cli.init:init_command", "Draft configuration, system and policies for a model."),
    "serve": Later("ombud_cli.serve:serve_command", "Run the gateway."),
    "demo": Later("ombud_cli.demo.command:demo_command", "Run the demonstration: a real model, governed."),
    "config": Later("ombud_cli.config:app", "Check ombud.toml and all that it names."),
    "token": Later("ombud_cli.token:app", "Create, list and revoke bearer tokens."),
    "policy": Later("ombud_cli.policy:app", "Check, test, show and activate bundles of policies."),
    "review": Later("ombud_cli.review:app", "List and settle the calls that wait for a human."),
    "request": Later("ombud_cli.request:app", "Keep what people ask of you, and by when to answer."),
    "subject": Later("ombud_cli.subject:app", "Export, hold and erase what is kept of a person."),
    "label": Later("ombud_cli.label:app", "Report what came of calls, or what should have."),
    "incident": Later("ombud_cli.incident:app", "Keep incidents and their deadlines (AI Act, Article 73)."),
    "vault": Later("ombud_cli.vault:app", "Make, show and rotate the vault that people's data need."),
    "ledger": Later("ombud_cli.ledger:app", "Verify and seal the ledger, and tell its head."),
    "key": Later("ombud_cli.key:app", "Make, show and rotate the keys that sign the ledger."),
    "witness": Later("ombud_cli.witness:app", "Be a witness: cosign what other logs publish."),
    "decision": Later("ombud_cli.decision:app", "Show one decision, or all that one workflow run did."),
    "query": Later("ombud_cli.query:query_command", "Ask the ledger in SQL."),
}


class _Ombud(LazyGroup):
    later = COMMANDS


app = typer.Typer(
    name="ombud",
    cls=_Ombud,
    no_args_is_help=True,
    rich_markup_mode=None,  # the page that everybody opens first comes without loading rich
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done or sound; 1 the answer is no; 2 bad input, or it could not be asked; "
    "3 a ledger is intact but incomplete.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ombud {version('ombud')}")
        raise typer.Exit


@app.callback()
def ombud(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Governs model calls: judged by Cedar, recorded in a ledger that nobody can quietly change."""


def main() -> None:
    """Run the command line. A defect is one line on stderr; OMBUD_TRACEBACK=1 shows where it is."""
    try:
        app()
    except Exception as error:
        if os.environ.get("OMBUD_TRACEBACK"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"ombud: internal error: {text} (OMBUD_TRACEBACK=1 shows where)", file=sys.stderr)
        sys.exit(70)


if __name__ == "__main__":
    main()
