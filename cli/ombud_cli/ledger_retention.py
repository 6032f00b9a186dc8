# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger prune`, `hold`, `holds`, `release`: what is over goes, unless it is held."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ombud_cli.failure import Exit, no, unusable, unusable_on
from ombud_cli.ledger_place import asking, parse_us
from ombud_cli.offline import By, PassphraseFile, SigningKey, chosen_logs, offline, signing, who
from ombud_cli.output import Format, print_json, print_rows, printable
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_ledger import Facts, LedgerError, pruning

if TYPE_CHECKING:
    from ombud_ledger import remote

Place = Annotated[Path, typer.Argument(help="The ledger's folder.")]
System = Annotated[str, typer.Option(help="The system, as its file names it.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why. It is kept beside the record, as facts.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to print.")]
_HOLDS = """
SELECT log, system, ts AS since, actor AS by, facts->>'$.reason' AS reason
FROM (
    SELECT * FROM systems WHERE event IN ('held', 'released')
    QUALIFY row_number() OVER (PARTITION BY log, system ORDER BY seq DESC) = 1
) LEFT JOIN facts USING (log, seq)
WHERE event = 'held' ORDER BY system, log
"""
_KNOWN = "SELECT DISTINCT system FROM entries WHERE system IS NOT NULL ORDER BY ALL"


@reaches_storage
def prune_command(
    storage: Storage,
    path: Place,
    *,
    log: Annotated[str | None, typer.Option(help="Only this log.")] = None,
    before: Annotated[
        str, typer.Option(metavar="DATE", help="Leave what is as new as that, whatever is declared; UTC.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and why the rest stays; change nothing.")
    ] = False,
    signing_key: SigningKey = None,
    passphrase_file: PassphraseFile = None,
    by: By = "",
    output: Output = Format.TABLE,
) -> None:
    """Delete sealed files whose time is over by what the systems in them declare.

    Offline: each log's lock is taken, so no gateway may be writing. The log says first which files go, and a
    signed checkpoint covers that; receipts and proofs hold on. What is under a legal hold stays.
    """
    limit = parse_us(before, "--before")
    place = storage.beside(path)
    plans: list[tuple[str, pruning.Plan]] = []
    left: list[tuple[str, pruning.Left]] = []
    if dry_run:
        with unusable_on(LedgerError, OSError):
            now = time.time_ns() // 1_000
            plans = [
                (name, pruning.would_prune(place, name, now=now, before=limit))
                for name in chosen_logs(place, log)
            ]
    else:
        with (
            offline(place, log, signing(path, signing_key, passphrase_file)) as ledgers,
            unusable_on(LedgerError, OSError),
        ):
            for ledger in ledgers:
                pruned = ledger.prune_blocking(by=who(by), before=limit)
                plans.append((ledger.log, pruned.plan))
                left += [(ledger.log, each) for each in pruned.left]
    going = [_going(name, each) for name, plan in plans for each in plan.going]
    staying = [_staying(name, each) for name, plan in plans for each in plan.staying]
    if output is Format.TABLE:
        _print(going, staying, dry_run=dry_run)
    elif output is Format.CSV:
        rows = [{"what": "goes", **each} for each in going] + [{"what": "stays", **each} for each in staying]
        columns = ("log", "what", "part", "entries", "because", "file")
        print_rows(columns, [tuple(row[name] for name in columns) for row in rows], output)
    else:
        begins = {name: plan.before for name, plan in plans}
        files = [each.path for _, each in left]
        print_json({"dry_run": dry_run, "begins": begins, "goes": going, "stays": staying, "left": files})
    for name, each in left:
        print(printable(f"{name}: {each.path}: left, prune entry {each.entry}: {each.why}"), file=sys.stderr)
    raise typer.Exit(Exit.NO if left else Exit.OK)


@reaches_storage
def hold_command(storage: Storage, path: Place, system: System, reason: Reason, *, by: By = "") -> None:
    """Put a system under a legal hold: nothing with its entries is pruned until it is released.

    Offline. Every log of the ledger records it; to be held by one is enough.
    """
    place = storage.beside(path)
    with asking(place) as ledger:
        known = [row["system"] for row in ledger.dicts(_KNOWN)]
        held = [row["log"] for row in ledger.dicts(_HOLDS) if row["system"] == system]
    if system not in known:
        raise unusable(f"--system: is {system[:80]!r}, must be one in {path}: {', '.join(known) or 'none'}")
    if held:
        raise no(f"{system} is held already, by log {', '.join(held)}; `ombud ledger holds` says why")
    _record(place, system, "held", reason, by)


@reaches_storage
def release_command(storage: Storage, path: Place, system: System, reason: Reason, *, by: By = "") -> None:
    """End the legal hold on a system; the next prune goes by its declaration again. Offline."""
    place = storage.beside(path)
    with asking(place) as ledger:
        held = {row["system"] for row in ledger.dicts(_HOLDS)}
    if system not in held:
        raise no(f"{system} is not held; held are: {', '.join(sorted(held)) or 'none'}")
    _record(place, system, "released", reason, by)


@reaches_storage
def holds_command(storage: Storage, path: Place, *, output: Output = Format.TABLE) -> None:
    """List the systems under a legal hold, by log: since when, by whom, why."""
    with asking(storage.beside(path)) as ledger:
        rows = ledger.dicts(_HOLDS)
    print_rows(("log", "system", "since", "by", "reason"), [tuple(row.values()) for row in rows], output)


def _record(place: Path | remote.Thinned, system: str, event: str, reason: str, by: str) -> None:
    # All locks before the first entry: a hold that some logs have and some have not would be hard to read.
    with offline(place) as ledgers, unusable_on(LedgerError, OSError):
        for ledger in ledgers:
            body = {"event": event, "system": system, "by": who(by)}
            at = ledger.append_blocking("system", body, Facts(None, {}, {"reason": reason}))
            print(f"{ledger.log}: entry {at.seq}: {system} {event}")


def _going(log: str, going: pruning.Going) -> dict[str, Any]:
    declared = going.declared
    return {
        "log": log,
        "part": going.part,
        "entries": f"{going.file.first}-{going.file.last}",
        "newest": f"{datetime.fromtimestamp(going.newest // 1_000_000, UTC):%Y-%m-%d}",
        "because": f"{declared.system} keeps {going.part} {declared.periods[going.part]}",
        "file": going.file.name,
        "sha256": going.sha256,
    }


def _staying(log: str, staying: pruning.Staying) -> dict[str, Any]:
    return {
        "log": log,
        "part": staying.part,
        "entries": f"{staying.file.first}-{staying.file.last}",
        "because": staying.why,
        "file": staying.file.name,
    }


def _print(going: list[dict[str, Any]], staying: list[dict[str, Any]], *, dry_run: bool) -> None:
    title = "would be pruned" if dry_run else "pruned"
    if not going:
        print("nothing is over")
    for rows, heading, columns in (
        (going, title, ("log", "part", "entries", "newest", "because")),
        (staying, "stays", ("log", "part", "entries", "because")),
    ):
        if rows:
            cells = [tuple(row[name] for name in columns) for row in rows]
            print_rows(columns, cells, Format.TABLE, title=heading)


PRUNE_EPILOG = (
    "Example: `ombud ledger prune var/ledger --dry-run`; then without `--dry-run` "
    "**Exit codes**: 0 done, or nothing is over; 1 a file was left, of other bytes or held since; "
    "2 it could not be done: nothing is lost, do it again."
)
HOLD_EPILOG = "Example: `ombud ledger hold var/ledger --system credit --reason 'case 12/2026'`"
RELEASE_EPILOG = (
    "Example: `ombud ledger release var/ledger --system credit --reason 'case 12/2026 is closed'`"
)
HOLDS_EPILOG = "Example: `ombud ledger holds var/ledger`"
