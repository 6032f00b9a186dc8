# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud report release`: a named person stands for a report; until then a document is a draft."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ombud_cli.failure import Failure, no, unusable, unusable_on
from ombud_cli.offline import PassphraseFile, SigningKey, chosen_logs, offline, signing, who
from ombud_cli.output import print_fields, print_json
from ombud_cli.remote_options import Storage, reaches_storage
from ombud_ledger import LedgerError, query

if TYPE_CHECKING:
    from ombud_ledger import remote

_MADE: Final = """
SELECT log, seq, system, record->>'$.report' AS report, digest FROM reports
WHERE event = 'made' AND $digest IN (digest, record->>'$.html', record->>'$.pdf')
ORDER BY ts, log, seq LIMIT 1
"""
_RELEASED: Final = """
SELECT count(*) FROM reports WHERE event = 'released' AND digest = $digest AND actor = $by
"""
EPILOG = (
    "Example: `ombud report release reports/ai-act-credit.pdf var/ledger --by 'Ada Lovelace' "
    "--function 'Head of credit'`"
)


@reaches_storage
def release_command(
    storage: Storage,
    file: Annotated[Path, typer.Argument(help="The report: its PDF, its page, or its JSON.")],
    path: Annotated[Path, typer.Argument(help="The ledger's folder; no gateway may be running on it.")],
    *,
    by: Annotated[str, typer.Option(metavar="NAME", help="The person who read it and releases it.")],
    function: Annotated[str, typer.Option(metavar="TEXT", help="In which function.")],
    log: Annotated[
        str | None, typer.Option(help="The log that records it; else the first of the ledger.")
    ] = None,
    signing_key: SigningKey = None,
    passphrase_file: PassphraseFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was recorded as JSON.")] = False,
) -> None:
    """Record that a named person has read a report and releases it.

    The file must be one that the ledger tells of, byte by byte. Exit code 1: it is not, or this person has
    released it before; 2: it could not be read, or not recorded.
    """
    for name, text in (("--by", by), ("--function", function)):
        if not text.strip():
            raise unusable(f"{name}: is empty, must be given: a release is a person's")
    if len(function.encode()) > 256:
        raise unusable("--function: must be at most 256 bytes")
    # 1. Which report is it? What the ledger does not tell of byte by byte, nobody can release.
    place = storage.beside(path)
    made = _made(file, place, who(by))
    # 2. The entry. A crash before leaves a draft; after it, the report is released.
    chosen = next(iter(chosen_logs(place, log)))
    signers = signing(path, signing_key, passphrase_file)
    body = {
        "event": "released",
        "report": str(made["report"]),
        "system": str(made["system"]),
        "digest": str(made["digest"]),
        "made": f"{made['log']}:{made['seq']}",
        "by": by,
        "function": function,
    }
    with offline(place, chosen, signers) as (ledger,), unusable_on(LedgerError, OSError):
        at = ledger.append_blocking("report", body, None)
        if signers:
            ledger.publish()
    entry = f"{chosen}, entry {at.seq}"
    if as_json:
        print_json({**body, "entry": entry})
        return
    print_fields(
        {
            "released": f"{body['report']} of {body['system']}",
            "by": f"{by}, {function}",
            "JSON's SHA-256": body["digest"],
            "recorded": entry,
        }
    )


def _made(file: Path, place: Path | remote.Thinned, by: str) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise unusable(f"FILE: {file}: {error.strerror}") from error
    with unusable_on(LedgerError), query.connect(place) as ledger:
        result = ledger.execute(_MADE, {"digest": digest})
        columns = [name for name, *_ in result.description]
        row = result.fetchone()
        if row is None:
            raise _unknown(file, digest)
        made = dict(zip(columns, row, strict=True))
        again = ledger.execute(_RELEASED, {"digest": made["digest"], "by": by}).fetchone()
    if again and again[0]:
        raise no(f"{file}: {by} has released it already")
    return made


def _unknown(file: Path, digest: str) -> Failure:
    return no(
        f"{file}: no entry of the ledger tells of a report with SHA-256 {digest}: it is a draft that was not "
        "recorded, it was changed, or it is of another ledger"
    )
