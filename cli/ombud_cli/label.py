# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud label`: what came of calls, or what should have, reported through the control API."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ombud.v1 import label_pb2
from ombud.v1.label_pb2_grpc import LabelServiceStub
from ombud_cli.control import Control
from ombud_cli.control_options import asks_gateway
from ombud_cli.failure import Failure, no, unusable
from ombud_cli.label_file import KINDS, SELECTIONS, Defaults, Row, read_labels
from ombud_cli.output import print_fields, print_json, printable
from ombud_cli.progress import progress

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Report what came of calls, or what should have: what reports measure models against. Exit code 1: "
    "the gateway says no, or some labels were not taken.",
)

_TOGETHER: Final = 5_000
_BYTES: Final = 1 << 20
_LONG: Final = 6 * 3_600.0
"""Seconds that a large file may take."""
_SHOWN: Final = 20
_TAKEN: Final = ("recorded", "corrected", "unchanged", "superseded")


@app.callback()
def label() -> None:
    """Report what came of calls, or what should have."""


@app.command(
    "import",
    epilog="Example: `ombud label import outcomes.csv --system credit --kind observed --selection "
    "approved_only`. Each label is an entry; its value is erased with the person it is about.",
)
@asks_gateway
def import_command(
    control: Control,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, JSON Lines (.jsonl) or Parquet with the columns decision and value, perhaps kind, "
            "selection, observed_at (ISO 8601, UTC unless it says otherwise).",
        ),
    ],
    *,
    system: Annotated[str, typer.Option(help="The system that the decisions are of.")],
    kind: Annotated[
        str, typer.Option(help=f"Kind of labels that do not say theirs: {', '.join(KINDS)}.")
    ] = "",
    selection: Annotated[
        str,
        typer.Option(help=f"How cases were chosen, where labels do not say it: {', '.join(SELECTIONS)}."),
    ] = "unknown",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report the labels in a file. The whole file is checked before the first label is sent.

    Importing a file again records nothing twice; a later label of the same decision and kind counts in place
    of an earlier one, which stays in the ledger.
    """
    if kind not in ("", *KINDS):
        raise unusable(f"--kind: is {kind[:80]!r}, must be one of {', '.join(KINDS)}")
    if selection not in SELECTIONS:
        raise unusable(f"--selection: is {selection[:80]!r}, must be one of {', '.join(SELECTIONS)}")
    defaults = Defaults(kind, selection)
    # 1. Read it once: what cannot be a label is told before anything is sent.
    total = sum(1 for _ in read_labels(file, defaults))
    if not total:
        raise unusable(f"FILE: {file}: holds no labels")
    # 2. Send it. Whatever ends this early leaves labels that a second import finds unchanged.
    sent = _Sent(control, system, read_labels(file, defaults))
    with progress() as tell:
        for done in sent.send():
            if tell:
                tell("labels", done, total)
    _print(sent, total, as_json=as_json)
    if sent.refused:
        raise no(f"{sum(sent.refused.values())} of {total} labels were not taken")


class _Sent:
    """Labels on their way: how many became what, and those that were not taken."""

    def __init__(self, control: Control, system: str, rows: Iterator[Row]) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.wrong: list[dict[str, Any]] = []
        self._control = control
        self._system = system
        self._rows = rows
        self._waiting: deque[list[Row]] = deque()
        self._failure: Failure | None = None

    def send(self) -> Iterator[int]:
        """Send all labels; yield how many are answered by now."""
        done = 0
        try:
            for response in self._control.listen(LabelServiceStub, "Report", self._requests(), seconds=_LONG):
                rows = self._waiting.popleft()
                for row, told in zip(rows, response.told, strict=True):
                    self._note(row, told)
                done += len(rows)
                yield done
        except Failure as failure:
            why = self._failure or failure
            again = f"; {done} labels were taken before: import the file again, nothing is recorded twice"
            raise Failure(f"{why}{again if done else ''}", why.code) from failure

    def _requests(self) -> Iterator[label_pb2.LabelServiceReportRequest]:
        rows: list[Row] = []
        size = 0
        try:
            for row in self._rows:
                rows.append(row)
                size += row.label.ByteSize()
                if len(rows) == _TOGETHER or size >= _BYTES:
                    yield self._request(rows)
                    rows, size = [], 0
        except Failure as failure:  # the file changed since it was checked; gRPC would not say why it ended
            self._failure = failure
            raise
        if rows:
            yield self._request(rows)

    def _request(self, rows: list[Row]) -> label_pb2.LabelServiceReportRequest:
        self._waiting.append(rows)
        return label_pb2.LabelServiceReportRequest(system=self._system, labels=[row.label for row in rows])

    def _note(self, row: Row, told: label_pb2.LabelTold) -> None:
        result = label_pb2.LabelResult.Name(told.result).removeprefix("LABEL_RESULT_").lower()
        if result in _TAKEN:
            self.counts[result] += 1
            return
        self.refused[result] += 1
        if len(self.wrong) < 10_000:
            self.wrong.append({"place": row.place, "result": result, "message": told.message})


def _print(sent: _Sent, total: int, *, as_json: bool) -> None:
    if as_json:
        counts = {name: sent.counts[name] for name in _TAKEN}
        print_json({"labels": total, **counts, "refused": dict(sent.refused), "wrong": sent.wrong})
        return
    print_fields(
        {
            "labels": total,
            "recorded": sent.counts["recorded"] or "",
            "corrected": sent.counts["corrected"] or "",
            "unchanged": sent.counts["unchanged"] or "",
            "superseded": sent.counts["superseded"] or "",
            **{f"not taken, {name}": count for name, count in sorted(sent.refused.items())},
        }
    )
    for wrong in sent.wrong[:_SHOWN]:
        print(printable(f"{wrong['place']}: {wrong['message']}"))
    if len(sent.wrong) > _SHOWN:
        print("... and more; --json lists them")
