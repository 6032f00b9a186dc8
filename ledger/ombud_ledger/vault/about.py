# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find in stored facts and payloads what is about somebody, by pseudonym."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ombud_ledger.batches import readable
from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.layout import LogLayout, SealedFile
from ombud_ledger.opened import open_parquet
from ombud_ledger.place import Place
from ombud_ledger.snapshot import snapshot


class FactsRow(NamedTuple):
    """Facts as they are stored, with the salt they are committed to with."""

    seq: int
    salt: bytes
    facts: bytes


def subject_of(facts: bytes | None) -> str | None:
    """Return the pseudonym that facts are about."""
    if facts is None or b'"subject":"' not in facts:
        return None
    found: str | None = orjson.loads(facts).get("subject")  # not the first such text: it may stand in a value
    return found


def rows_about(facts: Any, pseudonyms: Iterable[str]) -> list[int]:
    """Return the places in a column of facts that are about one of the pseudonyms."""
    wanted = frozenset(pseudonyms)
    near: set[int] = set()
    for each in wanted:
        near.update(pc.indices_nonzero(pc.match_substring(facts, each)).to_pylist())
    return [at for at in sorted(near) if subject_of(facts[at].as_py().encode()) in wanted]


def facts_about(file: SealedFile, pseudonyms: Iterable[str]) -> Iterator[FactsRow]:
    """Yield the rows of a facts file that are about one of the pseudonyms. Raises LedgerUnreadable.

    There are none in a file that is not there any more: whoever writes to its log pruned it meanwhile.
    """
    wanted = frozenset(pseudonyms)
    checked = {"page_checksum_verification": True}
    with readable(file.path), suppress(FileNotFoundError), open_parquet(file, **checked) as parquet:
        for batch in parquet.iter_batches(4_096, columns=["seq", "salt", "facts"], use_threads=False):
            for at in rows_about(batch.column(2), wanted):
                seq, salt, facts = (column[at].as_py() for column in batch.columns)
                yield FactsRow(seq, salt, facts.encode())


def hot_facts(layout: LogLayout, pseudonyms: Iterable[str]) -> bool:
    """Say whether the hot tail holds facts about one of the pseudonyms."""
    wanted = frozenset(pseudonyms)
    with snapshot(layout) as shot:
        return any(subject_of(row.facts) in wanted for row in shot.rows())


def none_about(file: SealedFile, pseudonyms: Iterable[str], none: set[str]) -> bool:
    """Say whether a facts file has no row about any of the pseudonyms. Raises LedgerUnreadable.

    `none` remembers, for these pseudonyms, the digests of files elsewhere that have none: a look that has to
    be repeated for days does not fetch them each time.
    """
    away = file.away()
    if away is not None and away.sha256 in none:
        return True
    found = any(True for _ in facts_about(file, pseudonyms))
    if away is not None and not found:
        none.add(away.sha256)
    return not found


def holds_facts(layout: LogLayout, pseudonyms: Iterable[str], none: set[str]) -> bool:
    """Say whether a log holds facts about one of the pseudonyms, hot or sealed; `none` as `none_about`."""
    # The hot ones first: what is sealed meanwhile is then seen twice, never missed.
    return hot_facts(layout, pseudonyms) or not all(
        none_about(file, pseudonyms, none) for file in layout.facts_files()
    )


def count_payloads(place: Place, log: str, pseudonyms: Iterable[str]) -> int:
    """Return how many stored payloads are encrypted under keys of the pseudonyms. Raises LedgerUnreadable.

    Of files that lie elsewhere one column is read there: they are large, and nothing depends on the number.
    """
    wanted = frozenset(pseudonyms)
    count = 0
    with snapshot(place.layout(log)) as shot:
        count += sum(row.subject in wanted for row in shot.payload_rows())
        elsewhere = place.read_in_place(shot.payloads)
        there = {file.name for file in elsewhere}
        for file in shot.payloads:
            if file.name not in there:
                with readable(file.path), suppress(FileNotFoundError), open_parquet(file) as parquet:
                    subjects = parquet.read(columns=["subject"], use_threads=False)["subject"]
                    count += sum(each in wanted for each in subjects.to_pylist())
        if elsewhere:
            try:
                subjects = place.dataset(log, elsewhere).to_table(columns=["subject"])["subject"]
            except (pa.ArrowException, OSError) as error:
                raise LedgerUnreadable(f"log {log}: its payloads: {place.told(error)}") from None
            count += sum(each in wanted for each in subjects.to_pylist())
    return count
