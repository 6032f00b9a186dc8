# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An auditor's sample, drawn so that anybody can draw it again (FORMAT.md, "Sample")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ombud_ledger.kinds import KINDS
from ombud_ledger.query import Query

__all__ = ["KINDS", "METHOD", "SAMPLE_SQL", "Drawn", "Sample", "draw"]

METHOD: Final = (
    "each entry's rank is SHA-256, in hex, of: the seed, a line feed, the entry's RFC 6962 leaf hash in hex;"
    " the sample is the first entries by rank, then log, then seq"
)
SAMPLE_SQL: Final = """
WITH population AS (
    SELECT log, seq, id, ts, verdict, sha256('\\x00'::BLOB || encode(record)) AS leaf
    FROM entries
    WHERE kind = $kind
        AND ($system IS NULL OR system = $system)
        AND ($from IS NULL OR ts >= $from::TIMESTAMP)
        AND ($to IS NULL OR ts < $to::TIMESTAMP)
)
SELECT log, seq, id, ts, verdict, leaf, count(*) OVER () AS population
FROM population
ORDER BY sha256($seed || chr(10) || leaf), log, seq
LIMIT $n::BIGINT
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One entry of a sample; `leaf` is its RFC 6962 leaf hash, hex."""

    log: str
    seq: int
    id: str | None
    ts: datetime  # UTC, without zone
    verdict: str | None
    leaf: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample in the order it was drawn, and all that is needed to draw it again."""

    seed: str
    kind: str
    system: str | None
    begin: datetime | None
    end: datetime | None
    heads: Sequence[tuple[str, int, str]]  # log, size, chain: what was drawn from
    population: int
    drawn: Sequence[Drawn]


def draw(
    ledger: Query,
    count: int,
    *,
    seed: str,
    kind: str = "decision",
    system: str | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> Sample:
    """Draw entries from those of a kind, of a system, from `begin` up to, not including, `end` (UTC, naive).

    Raises what `Query.execute` raises.
    """
    parameters: dict[str, Any] = {
        "seed": seed,
        "n": str(count),
        "kind": kind,
        "system": system,
        "from": None if begin is None else begin.isoformat(sep=" "),
        "to": None if end is None else end.isoformat(sep=" "),
    }
    heads = ledger.heads()
    rows = ledger.execute(SAMPLE_SQL, parameters).fetchall()
    drawn = [Drawn(*row[:-1]) for row in rows]
    return Sample(seed, kind, system, begin, end, heads, rows[0][-1] if rows else 0, drawn)
