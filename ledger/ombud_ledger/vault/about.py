# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find in stored facts and payloads what is about somebody, by pseudonym."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ombud_ledger.batches import readable
from ombud_ledger.layout import LogLayout
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


def facts_about(path: Path, pseudonyms: Iterable[str]) -> Iterator[FactsRow]:
    """Yield the rows of a facts file that are about one of the pseudonyms. Raises LedgerUnreadable.

    There are none in a file that is not there any more: whoever writes to its log pruned it meanwhile.
    """
    wanted = frozenset(pseudonyms)
    checked = {"page_checksum_verification": True}
    with readable(path), suppress(FileNotFoundError), pq.ParquetFile(path, **checked) as parquet:
        for batch in parquet.iter_batches(4_096, columns=["seq", "salt", "facts"], use_threads=False):
            for at in rows_about(batch.column(2), wanted):
                seq, salt, facts = (column[at].as_py() for column in batch.columns)
                yield FactsRow(seq, salt, facts.encode())


def hot_facts(layout: LogLayout, pseudonyms: Iterable[str]) -> bool:
    """Say whether the hot tail holds facts about one of the pseudonyms."""
    wanted = frozenset(pseudonyms)
    with snapshot(layout) as shot:
        return any(subject_of(row.facts) in wanted for row in shot.rows())


def holds_facts(layout: LogLayout, pseudonyms: Iterable[str]) -> bool:
    """Say whether a log holds facts about one of the pseudonyms, hot or sealed."""
    # The hot ones first: what is sealed meanwhile is then seen twice, never missed.
    return hot_facts(layout, pseudonyms) or any(
        True for file in layout.facts_files() for _ in facts_about(file.path, pseudonyms)
    )


def count_payloads(layout: LogLayout, pseudonyms: Iterable[str]) -> int:
    """Return how many stored payloads are encrypted under keys of the pseudonyms. Raises LedgerUnreadable."""
    wanted = frozenset(pseudonyms)
    count = 0
    with snapshot(layout) as shot:
        count += sum(row.subject in wanted for row in shot.payload_rows())
        for file in shot.payloads:
            with readable(file.path), suppress(FileNotFoundError), pq.ParquetFile(file.path) as parquet:
                subjects = parquet.read(columns=["subject"], use_threads=False)["subject"]
                count += sum(each in wanted for each in subjects.to_pylist())
    return count
