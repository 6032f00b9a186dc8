# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger export`: a folder of evidence for an auditor or authority; the disclosure is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import no, unusable, unusable_on
from ombud_cli.ledger_kept import fetch_export
from ombud_cli.ledger_place import asking
from ombud_cli.offline import By, PassphraseFile, SigningKey, at_gateway, offline, signing, who
from ombud_cli.output import print_fields, print_json
from ombud_cli.progress import progress
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_cli.times import Begin, End, parse_us
from ombud_ledger import LedgerError, export

if TYPE_CHECKING:
    from ombud_ledger import remote


@asks_gateway
@reaches_storage
def export_command(
    storage: Storage,
    control: Control,
    path: Annotated[
        Path | None, typer.Argument(help="The ledger's folder; without it, the gateway is asked.")
    ] = None,
    *,
    system: Annotated[str, typer.Option(help="The system whose entries are wanted.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new folder.")],
    begin: Begin = "",
    end: End = "",
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

    The unsealed tail is sealed first. Entries of other systems in the same segments go along, and are
    counted. The log records the disclosure, with the digest of the manifest. With PATH, offline: each log's
    lock is taken. Without, the gateway hands out the folder of its log; each file is held to the manifest.
    """
    wanted = export.Wanted(system, parse_us(begin, "--from"), parse_us(end, "--to"), facts, payloads)
    if len(recipient.encode()) > 256:
        raise unusable("--recipient: must be at most 256 bytes")
    if out.exists():
        raise unusable(f"--out: {out} is there already, and nothing is overwritten")
    if path is None:
        at_gateway(log=log, signing_key=signing_key, passphrase_file=passphrase_file, by=by)
        made = fetch_export(control, wanted, out, recipient=recipient, reason=reason)
    else:
        signers = signing(path, signing_key, passphrase_file)
        place = storage.beside(path)
        made = _offline(place, log, signers, wanted, out, by=who(by), recipient=recipient, reason=reason)
    if as_json:
        counts = made.counts
        print_json({"folder": made.folder, "manifest": made.digest, "files": made.files, "entries": counts})
        return
    print_fields(
        {
            "folder": str(made.folder),
            "files": made.files,
            "entries": ", ".join(f"{name or '(no system)'}: {count}" for name, count in made.counts.items()),
            "manifest hash": made.digest,
        }
    )
    print(f"next: ombud ledger verify {made.folder}")


def _offline(
    place: Path | remote.Thinned,
    log: str | None,
    signers: Any,
    wanted: export.Wanted,
    out: Path,
    **told: str,
) -> export.Exported:
    with asking(place) as ledger:
        if ledger.is_export:
            raise unusable(f"PATH: {place} is an export itself; take it as it is")
    with offline(place, log, signers) as ledgers, unusable_on(LedgerError, OSError), progress() as tell:
        made = export.export(ledgers, wanted, out, progress=tell, **told)
    if made is None:
        raise no(f"--system: no entry of {wanted.system[:80]!r} in that time in {place}; nothing was written")
    return made


EPILOG = (
    "Example: `ombud ledger export --gateway gw.acme.example:8080 --ca ca.pem --system credit"
    " --from 2026-01-01 --to 2026-04-01 --recipient 'Example Authority' --out evidence`. "
    "With the gateway stopped: `ombud ledger export var/ledger ...` "
    "**Exit codes**: 0 written; 1 no such entries, or denied; 2 it could not be written."
)
