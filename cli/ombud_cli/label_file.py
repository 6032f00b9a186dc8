# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Files of labels: CSV, JSON Lines or Parquet, row by row; a bad row is named with what would be right."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from ombud.v1 import label_pb2
from ombud_cli.failure import Failure, unusable
from ombud_cli.output import printable
from ombud_cli.times import microseconds_of, read_time
from ombud_ledger import labels

KINDS: Final = labels.KINDS
SELECTIONS: Final = labels.SELECTIONS
_COLUMNS: Final = ("decision", "value", "kind", "selection", "observed_at")
_NEEDED: Final = ("decision", "value")
_LONGEST_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is said of all labels of a file that does not say it by itself; empty where it must."""

    kind: str
    selection: str


@dataclass(frozen=True, slots=True)
class Row:
    """One label, and where in the file it stands: `line 7`, or `row 7` of a Parquet file."""

    place: str
    label: label_pb2.Label


def read_labels(path: Path, defaults: Defaults) -> Iterator[Row]:
    """Yield the labels of a file; raise `Failure` naming line, column, value and what was expected."""
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise unusable(f"FILE: is {path}, its name must end in {', '.join(readers)}")
    try:
        for place, fields in reader(path):
            yield Row(place, _label(path, place, fields, defaults))
    except OSError as error:
        raise unusable(f"FILE: {path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise unusable(f"FILE: {path}: must be UTF-8: {error}") from error


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            header = next(rows, None)
            if header is None:
                raise unusable(f"FILE: {path}: is empty, must begin with a line of column names")
            _check_columns(path, header)
            for row in rows:
                place = f"line {rows.line_num}"
                if len(row) != len(header) and row:
                    raise _bad(path, place, "", f"{len(row)} values", f"{len(header)}, as the first line has")
                if row:
                    yield place, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise unusable(f"FILE: {path}: line {rows.line_num}: is no CSV: {error}") from error


def _jsonl(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            place = f"line {number}"
            if len(line) > _LONGEST_LINE:
                raise _bad(path, place, "", "too long", f"at most {_LONGEST_LINE} bytes")
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _bad(path, place, "", line[:40].decode(errors="replace"), "a JSON object") from error
            if not isinstance(fields, dict):
                raise _bad(path, place, "", type(fields).__name__, "a JSON object")
            _check_columns(path, list(fields), place)
            yield place, fields


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as parquet:
            _check_columns(path, parquet.schema_arrow.names)
            for batch in parquet.iter_batches(4_096):
                for fields in batch.to_pylist():
                    number += 1
                    yield f"row {number}", fields
    except pa.ArrowException as error:
        raise unusable(f"FILE: {path}: is no Parquet file: {error}") from error


def _check_columns(path: Path, names: list[str], place: str = "") -> None:
    where = f"FILE: {path}: {place}: " if place else f"FILE: {path}: "
    for name in names:
        if name not in _COLUMNS:
            raise unusable(f"{where}column {name[:80]!r} is not known, must be one of {', '.join(_COLUMNS)}")
    if len(set(names)) != len(names):
        raise unusable(f"{where}a column stands twice")
    for name in _NEEDED:
        if name not in names:
            raise unusable(f"{where}column {name!r} is missing, must be given")


def _label(path: Path, place: str, fields: Mapping[str, Any], defaults: Defaults) -> label_pb2.Label:
    decision = fields["decision"]
    if not isinstance(decision, str) or not decision.strip():
        raise _bad(path, place, "decision", decision, "the id of a call")
    kind = fields.get("kind") or defaults.kind
    if kind not in KINDS:
        raise _bad(path, place, "kind", kind, f"one of {', '.join(KINDS)}, or --kind given")
    selection = fields.get("selection") or defaults.selection
    if selection not in SELECTIONS:
        raise _bad(path, place, "selection", selection, f"one of {', '.join(SELECTIONS)}")
    label = label_pb2.Label(
        decision=decision.strip(),
        kind=f"LABEL_KIND_{kind.upper()}",
        selection=f"LABEL_SELECTION_{selection.upper()}",
    )
    _set_value(path, place, label, fields["value"])
    if fields.get("observed_at") not in (None, ""):
        label.observed_at_us = _time(path, place, fields["observed_at"])
    return label


def _set_value(path: Path, place: str, label: label_pb2.Label, value: Any) -> None:
    if isinstance(value, bool):
        label.boolean = value
    elif isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        label.integer = value
    elif isinstance(value, float):
        label.number = value
    elif isinstance(value, str) and value != "":
        label.text = value
    else:
        raise _bad(path, place, "value", value, "what the model should have answered")


def _time(path: Path, place: str, told: Any) -> int:
    found = told if isinstance(told, date) else read_time(told) if isinstance(told, str) else None
    if found is None or found.year < 1970:
        raise _bad(path, place, "observed_at", told, "a time since 1970 in ISO 8601, as 2026-03-01T12:00:00Z")
    return microseconds_of(found)


def _bad(path: Path, place: str, column: str, value: Any, expected: str) -> Failure:
    told = printable(repr(value)[:80])
    of = f"column {column!r} " if column else ""
    return unusable(f"FILE: {path}: {place}: {of}is {told}, must be {expected}; nothing was sent")
