# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Makes one report: reads the ledger, writes the files, and lets the ledger tell of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ombud_cli.control import Control
from ombud_cli.failure import Exit, Failure, no, unusable, unusable_on
from ombud_cli.ledger_place import read_checkpoints
from ombud_cli.offline import chosen_logs, offline, signing, who
from ombud_cli.output import print_fields, print_json
from ombud_cli.progress import steps
from ombud_cli.remote_options import Storage
from ombud_cli.report_files import Files
from ombud_cli.times import parse_time
from ombud_ledger import Ledger, LedgerError, LedgerLocked, NotProven, query, remote
from ombud_reports import Kind, OptionInvalid, Rendered, entry_of, make, render


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every kind of report is asked on the command line."""

    path: str
    system: str
    out: Path
    begin: str
    end: str
    as_of: tuple[Path, ...]
    log: str | None
    signing_key: Path | None
    passphrase_file: Path | None
    by: str
    draft: bool
    json_only: bool
    force: bool
    as_json: bool


def make_command(
    storage: Storage, control: Control, kind: Kind, options: Mapping[str, Any], wanted: Wanted
) -> None:
    """Make a report, from a ledger's folder or by asking a gateway; raise `Failure`."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{kind.name}-{wanted.system}").lstrip(".")[:120]
    files = Files(wanted.out, stem, force=wanted.force)
    if not wanted.path:
        from ombud_cli.report_ask import ask_gateway

        ask_gateway(control, kind, options, wanted, files)
        return
    root = storage.beside(Path(wanted.path))
    if wanted.draft:
        rendered = _rendered(root, kind, options, wanted)
        with files.staged(rendered.files):
            pass
        tell(rendered.files, files, "", wanted)
        print("draft: nothing was recorded, and the page says so", file=sys.stderr)
        return
    # 1. Is there a log to record it in? Better known now than after the work.
    log = next(iter(chosen_logs(root, wanted.log)))
    signers = signing(Path(wanted.path), wanted.signing_key, wanted.passphrase_file)
    try:
        Ledger.demand_free(root, log)
    except LedgerLocked as error:
        hint = (
            "" if files_given(kind, options) else "; a running gateway makes the report if PATH is left out"
        )
        raise unusable(f"{error}{hint}; --draft makes one that is not recorded") from error
    # 2. Make it, with no lock held.
    rendered = _rendered(root, kind, options, wanted)
    # 3. Files durable beside their places, then the entry, then their names. A crash after the entry leaves a
    #    ledger that tells of a report nobody has, and never a report that the ledger does not know.
    with (
        files.staged(rendered.files),
        offline(root, log, signers) as (ledger,),
        unusable_on(LedgerError, OSError),
    ):
        at = ledger.append_blocking("report", entry_of(rendered), None)
        if signers:
            ledger.publish()
    tell(rendered.files, files, f"{log}, entry {at.seq}", wanted)


def _rendered(
    root: Path | remote.Thinned, kind: Kind, options: Mapping[str, Any], wanted: Wanted
) -> Rendered:
    notes = read_checkpoints(wanted.as_of)
    begin, end = parse_time(wanted.begin, "--from"), parse_time(wanted.end, "--to")
    try:
        with (
            steps() as progress,
            query.connect(root, as_of=notes, published=not notes) as ledger,
        ):
            report = make(
                kind.name,
                ledger,
                system=wanted.system,
                begin=begin,
                end=end,
                options={name: value for name, value in options.items() if value is not None},
                by=who(wanted.by),
                draft=wanted.draft,
                progress=progress,
            )
            progress("pages")
            return render(report, json_only=wanted.json_only)
    except OptionInvalid as error:
        raise unusable(f"--{str(error).replace('_', '-', 1)}") from error
    except NotProven as error:
        raise no(f"--as-of: {error}") from error
    except LedgerError as error:
        raise unusable(str(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise Failure("the report needs more memory than it may take", Exit.UNUSABLE) from error


def files_given(kind: Kind, options: Mapping[str, Any]) -> list[str]:
    """Name the options that gave a file: such a report is made from a folder alone."""
    return [each.name for each in kind.options if each.type == "file" and options[each.name]]


def tell(contents: Mapping[str, bytes], files: Files, entry: str, wanted: Wanted) -> None:
    """Say what was made, and where."""
    from hashlib import sha256

    digest = sha256(contents["json"]).hexdigest()
    paths = {ending: str(files.path(ending)) for ending in contents}
    if wanted.as_json:
        print_json({"files": paths, "digest": digest, "entry": entry or None})
        return
    page = paths.get("html", paths["json"])
    print_fields(
        {
            **{"page" if ending == "html" else ending: path for ending, path in paths.items()},
            "JSON's SHA-256": digest,
            "recorded": entry,
        }
    )
    print(f"next: ombud report verify {page} {wanted.path or 'PATH'}")
