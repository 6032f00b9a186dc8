# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a log was always there to be written: a verdict of its own, beside that on integrity.

What is stored may hold to the last bit and still not be all that happened. The log says of itself when it
was opened and closed, when it could not write, and, by `beat` entries, that it was there and had nothing to
say. What is left are times for which nobody can vouch.
"""

import json
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.account import Completeness, Pause
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.opened import open_parquet
from ombud_ledger.snapshot import Snapshot

_SLACK: Final = 60_000_000  # microseconds: a beat may come that late without anything being wrong
_MOST_TOLD: Final = 100
_TOLD: Final = ("beat", "boot", "close", "gap", "genesis")


def completeness(shot: Snapshot, size: int) -> Completeness:
    """Read it off the entries of a log of `size` entries that holds. Raises LedgerUnreadable."""
    reading = _Reading()
    for file in shot.entries:
        try:
            with open_parquet(file) as parquet:
                for group in range(parquet.num_row_groups):
                    reading.take(parquet.read_row_group(group, columns=["seq", "ts", "kind", "record"]))
        except (pa.ArrowException, OSError) as error:
            raise LedgerUnreadable(f"{file.name}: {error}") from error
    for row in shot.rows():
        record = json.loads(row.record)
        reading.follow(row.seq, record["ts"], record["kind"], record)
    reading.reach(size)
    return reading.found


class _Reading:
    """Follows time through the entries; looks closer only at those that say something of the log."""

    def __init__(self) -> None:
        self.found = Completeness()
        self._ts = 0
        self._seq = -1
        self._kind = ""
        self._beat = 0  # microseconds; 0: none was promised, as far as is known

    def take(self, table: pa.Table) -> None:
        """Follow a group of sealed entries."""
        ts = table["ts"].cast(pa.int64()).combine_chunks()
        told = pc.is_in(table["kind"].combine_chunks(), value_set=pa.array(_TOLD))
        apart = pc.greater(pc.subtract(ts[1:], ts[:-1]), _SLACK)
        first = pa.array([True])  # how far it is from the group before, `follow` sees
        places = set(pc.indices_nonzero(pc.or_(told, pa.concat_arrays([first, apart]))).to_pylist())
        # Each of them, what comes right before it, and the last.
        wanted = sorted(places | {at - 1 for at in places if at} | {len(ts) - 1})
        rows = table.set_column(1, "ts", ts).take(pa.array(wanted, pa.int64())).to_pylist()
        for at, row in zip(wanted, rows, strict=True):
            if at in places:
                record = json.loads(row["record"]) if row["kind"] in _TOLD else {}
                self.follow(row["seq"], row["ts"], row["kind"], record)
            else:
                self._ts, self._seq, self._kind = row["ts"], row["seq"], row["kind"]

    def follow(self, seq: int, ts: int, kind: str, record: dict[str, Any]) -> None:
        """Follow one entry."""
        found = self.found
        self.reach(seq, ts)
        if kind in ("genesis", "boot"):
            found.openings += 1
            seconds = record.get("beat_seconds")
            self._beat = seconds * 1_000_000 if type(seconds) is int and seconds > 0 else 0
        if kind == "boot" and record.get("clean") is not True:
            found.crashes += 1
            self._pause("crashed", ts)
        elif self._kind == "close":
            found.closed_seconds += (ts - self._ts) // 1_000_000
            self._pause("closed", ts)
        elif kind == "gap":
            found.gaps += 1
            found.refused += record["refused"] if type(record.get("refused")) is int else 0
            self._pause("gap", ts)
        elif self._kind and self._beat and ts - self._ts > self._beat + _SLACK:
            found.silences += 1
            self._pause("silent", ts)
        self._ts, self._seq, self._kind = ts, seq, kind

    def reach(self, seq: int, ts: int = 0) -> None:
        """Come to an entry; where those before it are not here, nothing is known of the time they were of."""
        if seq != self._seq + 1:
            self.found.holes += 1
            self._seq, self._ts, self._kind, self._beat = seq - 1, ts, "", 0

    def _pause(self, why: str, ts: int) -> None:
        self.found.unbroken &= why == "closed"
        if len(self.found.pauses) < _MOST_TOLD:
            self.found.pauses.append(Pause(why, self._seq, self._ts, ts))
