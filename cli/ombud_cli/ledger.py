# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger`: verify offline, seal, tell the head that an auditor notes down; the rest is next door."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ombud.v1 import ledger_pb2
from ombud.v1.ledger_pb2_grpc import LedgerServiceStub
from ombud_cli.bounded import read_bounded
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import Exit, unusable, unusable_on
from ombud_cli.ledger_export import EPILOG as EXPORT_EPILOG
from ombud_cli.ledger_export import export_command
from ombud_cli.ledger_place import asking, pruned_lines
from ombud_cli.ledger_proofs import (
    checkpoint_command,
    prove_command,
    serve_command,
    verify_receipt_command,
)
from ombud_cli.ledger_push import EPILOG as PUSH_EPILOG
from ombud_cli.ledger_push import push_command
from ombud_cli.ledger_query import query_command
from ombud_cli.ledger_retention import (
    HOLD_EPILOG,
    HOLDS_EPILOG,
    PRUNE_EPILOG,
    RELEASE_EPILOG,
    hold_command,
    holds_command,
    prune_command,
    release_command,
)
from ombud_cli.ledger_sample import EPILOG as SAMPLE_EPILOG
from ombud_cli.ledger_sample import sample_command
from ombud_cli.offline import offline
from ombud_cli.output import Format, print_fields, print_rows, printable
from ombud_cli.progress import progress
from ombud_cli.remembered import keep_in_mind, recall
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_ledger import (
    Completeness,
    Ledger,
    LedgerError,
    LogAccount,
    Verification,
    audit_sql,
    remote,
    verify,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="The ledger: verify, seal, head; checkpoints and receipts; retention and legal holds; samples; "
    "copies on other storage.",
)

Maybe = Annotated[Path | None, typer.Argument(help="The ledger's folder; without it, the gateway is asked.")]
Log = Annotated[str | None, typer.Option(help="Only this log.")]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to print.")]
Vkeys = Annotated[
    list[str] | None,
    typer.Option(
        "--vkey",
        metavar="VKEY",
        help="A public key from elsewhere, as `ombud key show` prints it. Repeatable.",
    ),
]

_HEAD = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})")


@app.command(
    "verify",
    epilog="Example: `ombud ledger verify var/ledger --head 1204:9f2c…` "
    "**Exit codes**: 0 sound; 1 broken; 2 unreadable or bad input; 3 intact but incomplete.",
)
@reaches_storage
def verify_command(
    storage: Storage,
    path: Annotated[str, typer.Argument(help="The ledger's folder, or s3://BUCKET/PREFIX.")],
    *,
    head: Annotated[
        str,
        typer.Option(
            metavar="SIZE:HEX",
            help="A head noted down earlier: the log must still hold it. Without one, an end cut off "
            "or a chain rebuilt as a whole does not show.",
        ),
    ] = "",
    vkey: Vkeys = None,
    from_checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--from-checkpoint",
            metavar="FILE",
            help="A checkpoint kept from earlier: the log must still begin with what it covers. Repeatable.",
        ),
    ] = None,
    remember: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Demand the checkpoints remembered here last time, then remember those of this time.",
        ),
    ] = None,
    log: Log = None,
    sql: Annotated[
        bool,
        typer.Option("--sql", help="Print the SQL to check sealed entries with DuckDB alone; check nothing."),
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Verify a ledger, trusting nothing but its bytes: names the first bad entry, or the file and range."""
    if sql:
        place = storage.place(path)
        if not isinstance(place, Path) or (place / "logs").is_dir():
            with asking(place) as ledger:
                for line in pruned_lines(ledger.pruned):
                    print(f"-- {line}")
        print(audit_sql())
        return
    wanted = parse_head(head) if head else None
    with progress() as tell, unusable_on(LedgerError, ValueError, OSError):
        kept = [read_bounded(file, "--from-checkpoint") for file in from_checkpoint or ()]
        known = recall(remember) if remember else {}
        account = verify(
            storage.place(path),
            head=wanted,
            log=log,
            progress=tell,
            vkeys=vkey or (),
            checkpoints=[*kept, *known.values()],
        )
        if remember and account.exit_code in (Exit.OK, Exit.INCOMPLETE):
            keep_in_mind(remember, known, account)
    if output is Format.JSON:
        print(account.to_json())
    else:
        _print_account(account, output)
        if output is Format.TABLE and not account.exit_code and not (wanted or kept or known):
            print(_UNHELD)
    raise typer.Exit(account.exit_code)


@app.command(
    "head", epilog="Example: `ombud ledger head var/ledger`; note it where the operator cannot reach"
)
@asks_gateway
@reaches_storage
def head_command(
    storage: Storage, control: Control, path: Maybe = None, output: Output = Format.TABLE
) -> None:
    """Tell each log's size and chain head, as `verify --head` wants it."""
    if path is None:
        reply = control.ask(LedgerServiceStub, "GetHead", ledger_pb2.GetHeadRequest())
        found = [(reply.log, reply.size, reply.chain.hex())]
    else:
        with asking(storage.beside(path)) as ledger:
            found = ledger.heads()
    heads = [(log, f"{size}:{chain}") for log, size, chain in found]
    if output is Format.TABLE:
        for log, head in heads:  # on one line each, to be copied
            print(log, head)
    else:
        print_rows(("log", "head"), heads, output)


@app.command(
    "seal", epilog="Example: `ombud ledger seal`; with the gateway stopped, `ombud ledger seal var/ledger`"
)
@asks_gateway
@reaches_storage
def seal_command(
    storage: Storage, control: Control, path: Maybe = None, log: Log = None, output: Output = Format.TABLE
) -> None:
    """Seal the hot tail into Parquet files that stock tools read.

    With PATH, offline: each log's lock is taken, so no gateway may be writing. Without, the gateway does it.
    """
    if path is None:
        reply = control.ask(LedgerServiceStub, "SealLedger", ledger_pb2.SealLedgerRequest())
        sealed = [(reply.log, reply.entries, f"{reply.size}:{reply.chain.hex()}")]
    else:
        sealed = list(_seal_offline(storage.beside(path), log))
    if output is Format.TABLE:
        for name, entries, head in sealed:
            print(f"{name}: {entries} entries sealed; head:\n{head}")
    else:
        print_rows(("log", "sealed", "head"), sealed, output)


app.command("checkpoint", epilog="Example: `ombud ledger checkpoint var/ledger > checkpoint.txt`")(
    checkpoint_command
)
app.command(
    "prove",
    epilog="Example: `ombud ledger prove 019a… var/ledger` **Exit codes**: 0 written; 1 no such decision, "
    "or not covered by a checkpoint yet; 2 bad input.",
)(prove_command)
app.command(
    "verify-receipt",
    epilog="Example: `ombud ledger verify-receipt 019a….tlog-proof --vkey …` **Exit codes**: 0 it holds; "
    "1 it does not; 2 it is no receipt.",
)(verify_receipt_command)
app.command(
    "query",
    epilog='Example: `ombud ledger query "SELECT verdict, count(*) FROM decisions GROUP BY ALL" -o csv` '
    "**Exit codes**: 0 all rows; 1 denied; 2 bad SQL, too much asked for, or no gateway.",
)(query_command)
app.command("prune", epilog=PRUNE_EPILOG)(prune_command)
app.command("hold", epilog=HOLD_EPILOG)(hold_command)
app.command("holds", epilog=HOLDS_EPILOG)(holds_command)
app.command("release", epilog=RELEASE_EPILOG)(release_command)
app.command("export", epilog=EXPORT_EPILOG)(export_command)
app.command("sample", epilog=SAMPLE_EPILOG)(sample_command)
app.command("push", epilog=PUSH_EPILOG)(push_command)
app.command("serve", epilog="Example: `ombud ledger serve var/ledger --listen 127.0.0.1:8090`")(serve_command)


def parse_head(text: str) -> tuple[int, bytes]:
    """Read SIZE:HEX; raise `Failure`."""
    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise unusable(
            f"--head: is {text!r}, must be SIZE:HEX, a number of entries and 64 hexadecimal digits"
        )
    return int(match[1]), bytes.fromhex(match[2])


def _seal_offline(path: Path | remote.Thinned, only: str | None) -> list[tuple[str, int, str]]:
    found: list[tuple[Ledger, int]] = []
    with offline(path, only) as logs, progress() as tell, unusable_on(LedgerError, OSError):
        for log in logs:
            done = log.seal_blocking(tell)
            found.append((log, done.last - done.first + 1 if done else 0))
    return [(log.log, entries, f"{log.head.size}:{log.head.chain.hex()}") for log, entries in found]


def _print_account(account: Verification, output: Format) -> None:
    findings = [("", each) for each in account.findings]
    findings += [(log.log, each) for log in account.logs for each in log.findings]
    if output is Format.CSV:
        columns = ("log", "level", "what", "entry", "file", "first", "last", "seal")
        rows = ((log, *(getattr(each, name) for name in columns[1:])) for log, each in findings)
        print_rows(columns, rows, output)
        return
    for each in account.logs:
        print_fields(
            {
                "log": each.log,
                "origin": each.origin,
                "entries": each.size,
                "sealed files": each.sealed_files,
                "hot entries": each.hot_entries,
                "under the checkpoint": each.covered or None,
                "signed by": each.signed_by,
                "pruned": _pruned(each),
                "export": each.export,
            }
        )
        if each.head:
            print(f"head {each.size}:{each.head}")  # on one line, to be copied
        if each.completeness is not None:
            print(f"completeness: {_in_words(each.completeness)}")
    for log, finding in findings:
        print(printable(f"{log}: {finding}" if log else str(finding)))
    print(_WORDS[account.exit_code])


def _in_words(said: Completeness) -> str:
    past = "; of entries that are not here nothing is said" if said.holes else ""
    if said.unbroken:
        return f"unbroken: it was open, or had said that it closes, all the time{past}"
    counted = {
        "crashes": said.crashes,
        f"gaps ({said.refused} appends refused)": said.gaps,
        "silences that nobody can vouch for": said.silences,
    }
    parts = ", ".join(f"{what}: {count}" for what, count in counted.items() if count)
    return f"broken; {parts} (`-o json` lists them){past}"


def _pruned(log: LogAccount) -> str | None:
    if not log.pruned_before and not log.pruned_files:
        return None
    parts = [f"{len(log.pruned_files)} files by declaration" if log.pruned_files else ""]
    if log.pruned_before:
        left = (
            "their hashes are in tiles"
            if log.checkpoint
            else "of them the last chain value is left, no tiles"
        )
        parts.append(f"all entries before {log.pruned_before}; {left}")
    return ", ".join(part for part in parts if part)


_UNHELD = (
    "(nothing kept from earlier was given, by --head, --from-checkpoint or --remember: a ledger cut off, or"
    " rebuilt as a whole, would not show)"
)
_WORDS = {0: "sound", 1: "BROKEN", 2: "UNREADABLE", 3: "intact but INCOMPLETE"}
