# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed files with other columns than the format's: every reader says no, and which they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger import samples
from ombud_ledger import Ledger, LedgerUnreadable, cases, matters, query, verify
from ombud_ledger.tables import demand_columns, entries_schema

TOLD = r"0-0+\d+\.parquet: its columns are not those of format 1: without selection; unknown here: shoe$"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An open log whose sealed entries file lacks one column and has one that nobody knows."""
    opened = samples.open_log(tmp_path)
    samples.fill(opened, 3)
    opened.seal_blocking()
    (path,) = tmp_path.glob("logs/r-0/entries/*.parquet")
    table = pq.read_table(path, partitioning=None).drop_columns(["selection"])
    pq.write_table(table.append_column("shoe", pa.array([1] * len(table))), path)
    return opened


@pytest.mark.parametrize(
    "read",
    [
        lambda ledger: query.connect(ledger.root),
        lambda ledger: ledger.entry(1),
        lambda ledger: ledger.entries_of("d-0", 9),
        lambda ledger: ledger.latest("review"),
        lambda ledger: cases.look_up(ledger.root, ["d-0"]),
        lambda ledger: matters.stated(ledger.root, "incident"),
    ],
    ids=["query", "entry", "entries_of", "latest", "look_up", "stated"],
)
def test_other_columns_are_refused_by_name(ledger: Ledger, read: Callable[[Ledger], object]) -> None:
    """Nothing is read as null that is merely not there; the error names the file and the columns."""
    with pytest.raises(LedgerUnreadable, match=TOLD):
        read(ledger)
    ledger.close()


def test_verification_tells_the_columns(ledger: Ledger) -> None:
    """Beside that the bytes are not those that were sealed."""
    ledger.close()
    told = "\n".join(str(each) for log in verify(ledger.root).logs for each in log.findings)
    assert "format 1: without selection; unknown here: shoe" in told


def test_types_order_and_version_count() -> None:
    """The same names with another type or in another order are other columns; so is another version."""
    schema = entries_schema()
    at = schema.get_field_index("part")
    typed = schema.set(at, pa.field("part", pa.string()))
    with pytest.raises(LedgerUnreadable, match=r"x: .* of another type: part$"):
        demand_columns(typed, schema, "x")
    with pytest.raises(LedgerUnreadable, match=r"in another order, or twice$"):
        demand_columns(schema.remove(at).append(schema.field(at)), schema, "x")
    with pytest.raises(LedgerUnreadable, match=r"x: format b'2' is not known here"):
        demand_columns(schema.with_metadata({"ombud_format": "2"}), schema, "x")
