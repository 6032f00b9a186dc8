# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find the few entries of some kinds in a sealed entries file, without reading the others' records."""

from collections.abc import Iterator, Sequence
from typing import Any


def of_kinds(
    parquet: Any, kinds: Sequence[str], *, newest_first: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Yield (seq, record) of the entries of these kinds, by its column `kind`; checks nothing.

    `parquet` is the file, open as `pyarrow.parquet.ParquetFile`. Raises what pyarrow raises, and
    AttributeError for a record that is missing.
    """
    import pyarrow.compute as pc  # here: a process that only appends does without Arrow

    # Not `equal` or `is_in`: for their values pyarrow imports pandas, if it is there; that takes a second.
    pattern = f"^({'|'.join(kinds)})$"
    groups = range(parquet.num_row_groups)
    for group in reversed(groups) if newest_first else groups:
        # Few groups hold such an entry, and the column `kind` says so in a few bytes.
        found = parquet.read_row_group(group, columns=["kind"], use_threads=False)["kind"]
        wanted = pc.match_substring_regex(found, pattern)
        if pc.any(wanted).as_py():
            table = parquet.read_row_group(group, columns=["seq", "record"], use_threads=False)
            rows = table.filter(wanted).to_pylist()
            for row in reversed(rows) if newest_first else rows:
                yield row["seq"], row["record"].encode()
