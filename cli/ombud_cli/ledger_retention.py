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

from ombud_cli import ledger_kept
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import Exit, no, unusable, unusable_on
from ombud_cli.ledger_kept import File, Left, Pruning
from ombud_cli.ledger_place import asking
from ombud_cli.offline import By, PassphraseFile, SigningKey, at_gateway, chosen_logs, offline, signing, who
from ombud_cli.output import Format, print_json, print_rows, printable
from ombud_cli.progress import progress
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_cli.times import parse_us
from ombud_ledger import LedgerError, pruning

if TYPE_CHECKING:
    from ombud_ledger import remote

Place = Annotated[Path | None, typer.Argument(help="The ledger's folder; without it, the gateway is asked.")]
System = Annotated[str, typer.Option(help="The system, as its file names it.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why. It is kept beside the record, as facts.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to print.")]
_KNOWN = "SELECT DISTINCT system FROM entries WHERE system IS NOT NULL ORDER BY ALL"


@asks_gateway
@reaches_storage
def prune_command(
    storage: Storage,
    control: Control,
    path: Place = None,
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

    The log says first which files go, and a signed checkpoint covers that; receipts and proofs hold on. What
    is under a legal hold stays. With PATH, offline: each log's lock is taken, so no gateway may be writing
    (a dry run takes none). Without, the gateway prunes its log, and goes on serving.
    """
    limit = parse_us(before, "--before")
    if path is None:
        at_gateway(log=log, signing_key=signing_key, passphrase_file=passphrase_file, by=by)
        done = ledger_kept.prune(control, limit, dry_run=dry_run)
    elif dry_run:
        done = _would_prune(storage.beside(path), log, limit)
    else:
        signers = signing(path, signing_key, passphrase_file)
        done = _prune(storage.beside(path), log, limit, signers, who(by))
    _tell(done, output, dry_run=dry_run)
    for each in done.left:
        said = f"{each.log}: {each.path}: left, prune entry {each.entry}: {each.why}"
        print(printable(said), file=sys.stderr)
    raise typer.Exit(Exit.NO if done.left else Exit.OK)


@asks_gateway
@reaches_storage
def hold_command(
    storage: Storage,
    control: Control,
    path: Place = None,
    *,
    system: System,
    reason: Reason,
    by: By = "",
) -> None:
    """Put a system under a legal hold: nothing with its entries is pruned until it is released.

    To be held by one log is enough. With PATH, offline: every log of the ledger records it. Without, that of
    the gateway does.
    """
    if path is None:
        at_gateway(by=by)
        print(printable(ledger_kept.hold(control, system, reason)))
        return
    place = storage.beside(path)
    with asking(place) as ledger:
        known = [row["system"] for row in ledger.dicts(_KNOWN)]
        held = [row["log"] for row in ledger.dicts(pruning.HOLDS) if row["system"] == system]
    if system not in known:
        raise unusable(f"--system: is {system[:80]!r}, must be one in {path}: {', '.join(known) or 'none'}")
    if held:
        raise no(f"{system} is held already, by log {', '.join(held)}; `ombud ledger holds` says why")
    _record(place, system, "held", reason, by)


@asks_gateway
@reaches_storage
def release_command(
    storage: Storage,
    control: Control,
    path: Place = None,
    *,
    system: System,
    reason: Reason,
    by: By = "",
) -> None:
    """End the legal hold on a system; the next prune goes by its declaration again.

    With PATH, offline, in every log of the ledger. Without, in that of the gateway.
    """
    if path is None:
        at_gateway(by=by)
        said, others = ledger_kept.release(control, system, reason)
        print(printable(said))
        if others:
            print(f"still held by log {', '.join(others)}: ask its gateway", file=sys.stderr)
        return
    place = storage.beside(path)
    with asking(place) as ledger:
        held = {row["system"] for row in ledger.dicts(pruning.HOLDS)}
    if system not in held:
        raise no(f"{system} is not held; held are: {', '.join(sorted(held)) or 'none'}")
    _record(place, system, "released", reason, by)


@asks_gateway
@reaches_storage
def holds_command(
    storage: Storage, control: Control, path: Place = None, *, output: Output = Format.TABLE
) -> None:
    """List the systems under a legal hold, by log: since when, by whom, why."""
    if path is None:
        found = ledger_kept.holds(control)
    else:
        with asking(storage.beside(path)) as ledger:
            found = [tuple(row.values()) for row in ledger.dicts(pruning.HOLDS)]
    print_rows(("log", "system", "since", "by", "reason"), found, output)


def _would_prune(place: Path | remote.Thinned, log: str | None, limit: int | None) -> Pruning:
    done = Pruning({}, [], [], [])
    with unusable_on(LedgerError, OSError):
        now = time.time_ns() // 1_000
        for name in chosen_logs(place, log):
            _add(done, pruning.Pruned(name, pruning.would_prune(place, name, now=now, before=limit), ()))
    return done


def _prune(
    place: Path | remote.Thinned, log: str | None, limit: int | None, signers: Any, by: str
) -> Pruning:
    done = Pruning({}, [], [], [])
    with offline(place, log, signers) as ledgers, unusable_on(LedgerError, OSError), progress() as tell:
        for ledger in ledgers:
            _add(done, ledger.prune_blocking(by=by, before=limit, progress=tell))
    return done


def _add(done: Pruning, pruned: pruning.Pruned) -> None:
    log, plan = pruned.log, pruned.plan
    done.begins[log] = plan.before
    for goes in plan.going:
        because = f"{goes.declared.system} keeps {goes.part} {goes.declared.periods[goes.part]}"
        file = goes.file
        done.goes.append(
            File(log, goes.part, file.first, file.last, because, file.name, goes.newest, goes.sha256)
        )
    for stays in plan.staying:
        file = stays.file
        done.stays.append(File(log, stays.part, file.first, file.last, stays.why, file.name))
    done.left.extend(Left(log, each.path, each.entry, each.why) for each in pruned.left)


def _record(place: Path | remote.Thinned, system: str, event: str, reason: str, by: str) -> None:
    # All locks before the first entry: a hold that some logs have and some have not would be hard to read.
    with offline(place) as ledgers, unusable_on(LedgerError, OSError):
        for ledger in ledgers:
            at = ledger.hold_blocking(system, event, by=who(by), reason=reason)
            print(f"{ledger.log}: entry {at.seq}: {system} {event}")


def _tell(done: Pruning, output: Format, *, dry_run: bool) -> None:
    going = [
        {
            "log": each.log,
            "part": each.part,
            "entries": f"{each.first}-{each.last}",
            "newest": f"{datetime.fromtimestamp(each.newest // 1_000_000, UTC):%Y-%m-%d}",
            "because": each.because,
            "file": each.file,
            "sha256": each.sha256,
        }
        for each in done.goes
    ]
    staying = [
        {
            "log": each.log,
            "part": each.part,
            "entries": f"{each.first}-{each.last}",
            "because": each.because,
            "file": each.file,
        }
        for each in done.stays
    ]
    if output is Format.TABLE:
        _print(going, staying, dry_run=dry_run)
    elif output is Format.CSV:
        rows = [{"what": "goes", **each} for each in going] + [{"what": "stays", **each} for each in staying]
        columns = ("log", "what", "part", "entries", "because", "file")
        print_rows(columns, [tuple(row[name] for name in columns) for row in rows], output)
    else:
        files = [each.path for each in done.left]
        print_json(
            {"dry_run": dry_run, "begins": done.begins, "goes": going, "stays": staying, "left": files}
        )


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
    "Example: `ombud ledger prune --gateway gw.acme.example:8080 --ca ca.pem --dry-run`; then without "
    "`--dry-run`. With the gateway stopped: `ombud ledger prune var/ledger` "
    "**Exit codes**: 0 done, or nothing is over; 1 a file was left, of other bytes or held since, or denied; "
    "2 it could not be done: nothing is lost, do it again."
)
HOLD_EPILOG = "Example: `ombud ledger hold --system credit --reason 'case 12/2026'`"
RELEASE_EPILOG = "Example: `ombud ledger release --system credit --reason 'case 12/2026 is closed'`"
HOLDS_EPILOG = "Example: `ombud ledger holds`; with the gateway stopped, `ombud ledger holds var/ledger`"
