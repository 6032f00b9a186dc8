# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What every report is: figures, each with the statement it follows from, in sections that renderers lay out.

Nothing here knows HTML, JSON or PDF, and nothing here asks the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Source:
    """One SELECT that was asked, and what each $name in it stood for."""

    name: str
    """Unique in the report."""
    sql: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which bounds a figure lies, at a level such as 0.95."""

    low: float
    high: float
    level: float
    method: str
    """How it was found: "Wilson", "bootstrap of counts, 10,000 replicates, seed 7", ..."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report, or why there is none."""

    name: str
    """Unique in the report and the same in every run: `loan_amount.psi`."""
    value: Scalar
    unit: str
    """`share` (0 to 1), `calls`, `ms`, `USD`, the contract's own unit, ...; empty for a pure number."""
    source: str
    """Name of the Source whose rows it follows from; empty for what a person declared."""
    how: str = ""
    """What was done with these rows, with the definition's origin; empty if it is their value itself."""
    interval: Interval | None = None
    absent: str = ""
    """Where `value` is None: why. "too few: 12 of at least 50"."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader must not overlook: a gap, an erasure, a limit of what was measured."""

    text: str
    level: Literal["note", "warning", "gap"] = "note"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts and figures. Every row has as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Figure, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one colour of bars; None where there is no value."""

    name: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of figures that a table gives as well; `alt` says in words what it shows."""

    title: str
    alt: str
    kind: Literal["line", "bars", "intervals"]
    labels: tuple[str, ...]
    """Along the axis, one for each value of every series."""
    series: tuple[Series, ...]
    unit: str = ""
    thresholds: tuple[tuple[str, float], ...] = ()
    """Lines across it, by name."""


Block = Text | Notice | Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class LogBasis:
    """Which entries of one log a report rests on: those before `size`."""

    log: str
    origin: str
    size: int
    chain: str
    """Chain hash of the last of them, hex."""
    root: str = ""
    """Merkle root over them, hex; empty for a log that publishes none."""
    checkpoint: str = ""
    """The signed note that covers exactly them, if one was named."""


@dataclass(frozen=True, slots=True)
class Window:
    """From which moment until before which, UTC."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report."""

    kind: str
    title: str
    system: str
    window: Window
    options: Mapping[str, Scalar | tuple[Scalar, ...]]
    """All else that the figures depend on: thresholds, seed, reference window."""
    basis: tuple[LogBasis, ...]
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]

    def figures(self) -> Iterator[Figure]:
        """Yield every figure, in the order of the page."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield from (cell for row in block.rows for cell in row if isinstance(cell, Figure))
