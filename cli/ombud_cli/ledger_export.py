# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger export`: a folder of evidence for an auditor or authority; the disclosure is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ombud_cli.failure import no, unusable, unusable_on
from ombud_cli.ledger_place import asking, parse_us
from ombud_cli.offline import By, PassphraseFile, SigningKey, offline, signing, who
from ombud_cli.output import print_fields, print_json
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_ledger import LedgerError, export


@reaches_storage
def export_command(
    storage: Storage,
    path: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    *,
    system: Annotated[str, typer.Option(help="The system whose entries are wanted.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new folder.")],
    begin: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From then on; ISO 8601, UTC if not said.")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Before then; ISO 8601, UTC if not said.")
    ] = "",
    facts: Annotated[
        bool, typer.Option("--facts/--no-facts", help="Whether facts go along: personal data may be in them.")
    ] = True,
    payloads: Annotated[
        bool,
        typer.Option("--payloads/--no-payloads", help="Whether payloads go along, encrypted; no keys do."),
    ] = False,
    log: Annotated[str | None, typer.Option(help="Only this log.")] = None,
    recipient: Annotated[
        str, typer.Option(metavar="TEXT", help="Who gets it; stands in the record and the folder's README.")
    ] = "",
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; kept beside the record, as facts, not in the folder.")
    ] = "",
    signing_key: SigningKey = None,
    passphrase_file: PassphraseFile = None,
    by: By = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a folder of evidence that verifies by itself, with whole segments of one system and time.

    Offline: each log's lock is taken; the unsealed tail is sealed first. Entries of other systems in the same
    segments go along, and are counted. The log records the disclosure, with the digest of the manifest.
    """
    wanted = export.Wanted(system, parse_us(begin, "--from"), parse_us(end, "--to"), facts, payloads)
    if len(recipient.encode()) > 256:
        raise unusable("--recipient: must be at most 256 bytes")
    if out.exists():
        raise unusable(f"--out: {out} is there already, and nothing is overwritten")
    place = storage.beside(path)
    with asking(place) as ledger:
        if ledger.is_export:
            raise unusable(f"PATH: {path} is an export itself; take it as it is")
    with (
        offline(place, log, signing(path, signing_key, passphrase_file)) as ledgers,
        unusable_on(LedgerError, OSError),
    ):
        made = export.export(ledgers, wanted, out, by=who(by), recipient=recipient, reason=reason)
    if made is None:
        raise no(f"--system: no entry of {system[:80]!r} in that time in {path}; nothing was written")
    if as_json:
        counts = made.counts
        print_json({"folder": made.folder, "manifest": made.digest, "files": made.files, "entries": counts})
        return
    print_fields(
        {
            "folder": str(made.folder),
            "files": made.files,
            "entries": ", ".join(f"{name or '(no system)'}: {count}" for name, count in made.counts.items()),
            "manifest, SHA-256": made.digest,
        }
    )
    print(f"next: ombud ledger verify {made.folder}")


EPILOG = (
    "Example: `ombud ledger export var/ledger --system credit --from 2026-01-01 --to 2026-04-01"
    " --recipient 'Example Authority' --out evidence` "
    "**Exit codes**: 0 written; 1 no such entries; 2 it could not be written."
)
