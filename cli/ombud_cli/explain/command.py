# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud explain`: ask the model that decided what an explanation needs, and keep its answers in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.explain.live import LiveModel
from ombud_cli.failure import unusable, unusable_on
from ombud_cli.output import print_fields, print_json
from ombud_cli.progress import progress
from ombud_cli.times import parse_time
from ombud_ledger import LedgerError, query
from ombud_reports import ReportError, Window, explain

_DEFAULT = explain.Wanted()


@asks_gateway
def explain_command(
    control: Control,
    path: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    *,
    system: Annotated[str, typer.Option(help="The system.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The new file of answers; personal data.")],
    decision: Annotated[
        str, typer.Option(metavar="ID", help="The decision to explain; else a sample of the system's.")
    ] = "",
    begin: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="Compare with decisions from then on; ISO 8601, UTC."),
    ] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="And before then.")] = "",
    pairs: Annotated[
        int,
        typer.Option(
            min=1, max=explain.MOST_PAIRS, help="Permutation pairs: four times as many halve the error."
        ),
    ] = _DEFAULT.pairs,
    background: Annotated[
        int, typer.Option(min=1, max=explain.MOST_CASES, help="Decisions drawn at random to compare with.")
    ] = _DEFAULT.background,
    sample: Annotated[
        int, typer.Option(min=2, max=explain.MOST_CASES, help="Without --decision: decisions to explain.")
    ] = _DEFAULT.sample,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn at random.")] = _DEFAULT.seed,
    immutable: Annotated[
        list[str] | None,
        typer.Option(metavar="FEATURE", help="Never changed to find another answer. Repeatable."),
    ] = None,
    model_version: Annotated[
        str,
        typer.Option(
            metavar="VERSION", help="Without --decision: which version; else the one that answered most."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask the model that decided, through the gateway, what explaining a decision or a system takes.

    Every call is yours: judged by policy (action `explain`), recorded and marked as explanation. Nothing is
    asked of a model whose version, configuration or artifact differs from what the record names, nor of one
    that answers the recorded case otherwise. `ombud report explain --answers FILE` makes the report.
    """
    if out.exists():
        raise unusable(f"--out: {out} is there already, and nothing is overwritten")
    how = explain.Wanted(pairs, background, sample, seed, tuple(immutable or ()), model_version)
    window = Window(
        _moment(begin, "--from") or datetime(1970, 1, 1, tzinfo=UTC),
        _moment(end, "--to") or datetime.now(UTC),
    )
    with _opened(path) as ledger, control.channel() as channel, _counting() as tell:

        def opens(model: explain.Model, contract: explain.Contract, about: str) -> explain.Ask:
            return LiveModel(control, channel, model, contract, decision=about, tell=tell)

        with unusable_on(ReportError, LedgerError):
            answers = explain.ask(
                ledger, system=system, window=window, decision=decision, how=how, opens=opens
            )
    _write(out, answers.to_bytes())
    _tell(out, answers, path, as_json=as_json)


def _tell(out: Path, answers: explain.Transcript, path: Path, *, as_json: bool) -> None:
    told = {
        "file": str(out),
        "model": f"{answers.model.name} {answers.model.version}",
        "background": len(answers.background),
        "calls": len(answers.calls),
        "cases": sum(call.cases for call in answers.calls),
    }
    if as_json:
        print_json(told)
        return
    print_fields(told)
    about = f" --decision {answers.decision}" if answers.decision else ""
    print(f"next: ombud report explain {path} --system {answers.system}{about} --answers {out} --out DIR")


@contextmanager
def _opened(path: Path) -> Iterator[query.Query]:
    try:
        with unusable_on(LedgerError), query.connect(path) as ledger:
            yield ledger
    except duckdb.Error as error:
        raise unusable(f"PATH: {str(error).splitlines()[0]}") from error


@contextmanager
def _counting() -> Iterator[Callable[[int], None]]:
    with progress() as bar:
        asked = 0

        def tell(cases: int) -> None:
            nonlocal asked
            asked += cases
            if bar is not None:
                bar("cases put to the model", asked, asked)

        yield tell


def _moment(text: str, option: str) -> datetime | None:
    time = parse_time(text, option)
    return None if time is None else time.replace(tzinfo=UTC)


def _write(out: Path, content: bytes) -> None:
    """Write the file for its owner alone, whole or not at all."""
    part = out.with_name(out.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, out)  # refuses where somebody else made it meanwhile
        part.unlink()
    except OSError as error:
        part.unlink(missing_ok=True)
        raise unusable(f"--out: {out} cannot be written: {error.strerror}") from error


EPILOG = (
    "Example: `ombud explain var/ledger --system credit --decision 01a2141c-0a4b-70cc-a5d1-a7878bdace56 "
    "--out a.json` **Exit codes**: 0 written; 1 refused, or the live model is not the one that decided; 2 "
    "it could not be asked."
)
