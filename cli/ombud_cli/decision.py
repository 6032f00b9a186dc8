# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud decision`: what is recorded of one call, and of everything that one workflow run did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ombud_cli.failure import no
from ombud_cli.ledger_place import asking, ledger_path
from ombud_cli.output import Format, print_fields, print_json, print_rows
from ombud_cli.remote_options import Storage, reaches_storage

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Read decisions from the ledger. Exit code 1: nothing is recorded under the id.",
)

Place = Annotated[
    Path | None,
    typer.Argument(envvar="OMBUD_LEDGER", help="The ledger's folder; else the one in ./ombud.toml."),
]
Ledger = Annotated[Path | None, typer.Option("--ledger", help="The ledger's folder, as an option.")]

_SHOW = """
SELECT e.log, e.seq, e.kind, CAST(e.ts AS VARCHAR) || 'Z' AS ts, hex(e.chain) AS chain, e.record, f.facts
FROM entries e LEFT JOIN facts f ON f.log = e.log AND f.seq = e.seq
WHERE e.id = $1 OR starts_with(e.id, $1 || '.')
ORDER BY e.ts, e.log, e.seq
"""
_TRACE = """
WITH named AS (SELECT DISTINCT id FROM entries WHERE correlation_id = $1 AND id IS NOT NULL)
SELECT
    CAST(ts AS VARCHAR) || 'Z' AS time, log || ':' || seq AS entry, kind, id,
    coalesce(event, method, action) AS what, coalesce(model, resource, review_group) AS "on",
    coalesce(principal, approver) AS who, verdict, policies, outcome, status,
    reason, review, approval, attempt
FROM entries
WHERE correlation_id = $1
   OR id IN (FROM named)
   OR resource IN (SELECT 'Review::"' || id || '"' FROM named)
ORDER BY ts, log, seq
"""
_TIMELINE = ("time", "entry", "kind", "what", "on", "who", "verdict", "policies", "outcome", "status", "id")


@app.command("show", epilog="Example: `ombud decision show 019a2f6e-5d0c-7c41-b1f4-0d6a53a7c1e2 var/ledger`")
@reaches_storage
def show_command(
    storage: Storage,
    decision: Annotated[str, typer.Argument(metavar="ID", help="Decision id; a stream's shows its parts.")],
    path: Place = None,
    ledger: Ledger = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every entry of one decision as it was recorded, and its facts while they are kept."""
    with asking(storage.beside(ledger_path(ledger or path))) as asked:
        entries = asked.dicts(_SHOW, [decision])
    if not entries:
        raise no(f"ID: nothing is recorded under {decision!r}")
    for entry in entries:
        entry["chain"] = entry["chain"].lower()
        entry["record"] = json.loads(entry["record"])
        entry["facts"] = json.loads(entry["facts"]) if entry["facts"] else None
    if as_json:
        print_json({"id": decision, "entries": entries})
        return
    for entry in entries:
        _print(entry)


@app.command("trace", epilog="Example: `ombud decision trace loan-4711 var/ledger`")
@reaches_storage
def trace_command(
    storage: Storage,
    correlation_id: Annotated[str, typer.Argument(help="What callers sent as `ombud-correlation-id`.")],
    path: Place = None,
    ledger: Ledger = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="How to print.")] = Format.TABLE,
) -> None:
    """Show every call, review and action of one correlation id, in the order they were recorded."""
    with asking(storage.beside(ledger_path(ledger or path))) as asked:
        entries = asked.dicts(_TRACE, [correlation_id])
    if not entries:
        raise no(f"CORRELATION_ID: nothing is recorded under {correlation_id!r}")
    columns = _TIMELINE if output is Format.TABLE else tuple(entries[0])
    print_rows(columns, ([entry[column] for column in columns] for entry in entries), output)


def _print(entry: dict[str, Any]) -> None:
    record: dict[str, Any] = entry["record"]
    facts: dict[str, Any] = entry["facts"] or {}
    fields = {"entry": f"{entry['log']}:{entry['seq']}", "time": entry["ts"], "kind": entry["kind"]}
    fields |= {name: value for name, value in record.items() if name not in {"ts", "kind"}}
    fields |= {f"fact {name}": value for name, value in facts.get("values", {}).items()}
    fields |= {f"fact {name}": value for name, value in facts.items() if name != "values"}
    print_fields(fields)
    print()
