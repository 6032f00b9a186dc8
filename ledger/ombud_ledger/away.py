# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Stubs: what stands in a log's folder for a sealed file that lies on other storage alone.

A stub is this host's word, like all that is not hashed: verification takes of it that there is such a file,
and nothing else. Other readers get from it the digest that the file's bytes must have, and what the log says
of itself in it, so that opening a log, and asking what is in force, fetches nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from ombud_ledger.durable import Durable, store
from ombud_ledger.errors import LedgerUnreadable

SUFFIX: Final = ".away"
IDS: Final = ("decision", "id")
"""Columns of an entries file by which calls, and what is said of them later, are looked up."""
KEPT: Final = ("genesis", "key", "policy", "prune", "seal", "shred", "system")
"""The kinds whose records a stub of an entries file repeats: few, and asked for long after."""
_FORMAT: Final = 1
_MOST_BYTES: Final = 16 * 1024 * 1024
MOST_RECORDS: Final = 512 * 1024  # characters of all records of one kind; more are fetched when asked for
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_PLAIN: Final = ("url", "sha256", "size", "oldest", "newest")
_TYPES: Final = {
    **dict(zip(_PLAIN, (str, str, int, int, int), strict=True)),
    "kinds": list,
    "records": dict,
    "spans": dict,
}


@dataclass(frozen=True, slots=True)
class Away:
    """A sealed file that is elsewhere: where it was put, and what is asked of it most.

    `oldest` and `newest` are the times of the first and the last entry of its segment, microseconds UTC. Of
    an entries file, `kinds` are those of its entries, `records` the entries of some of these kinds, (seq,
    record), the oldest first, and `spans` the least and the greatest value of its columns of ids.
    """

    url: str
    sha256: str
    size: int
    oldest: int
    newest: int
    kinds: tuple[str, ...] = ()
    records: Mapping[str, list[tuple[int, str]]] = field(default_factory=dict)
    spans: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def may_name(self, column: str, low: str, high: str) -> bool:
        """Say whether an entry may have an id from `low` to `high` in a column: a file to be fetched."""
        span = self.spans.get(column)
        return span is not None and span[0] <= high and span[1] >= low

    @property
    def genesis(self) -> bytes | None:
        """The genesis record, of the file that holds entry 0."""
        found = self.records.get("genesis", ())
        return found[0][1].encode() if found else None

    def write(self, file: Path, durable: Durable) -> None:
        """Put it, durable, beside the sealed file that it is to stand for."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True, ensure_ascii=False)
        store(stub_of(file), text.encode() + b"\n", durable, "thin")


def stub_of(file: Path) -> Path:
    """Return the path of the stub of a sealed file."""
    return file.with_suffix(SUFFIX)


def away(file: Path) -> Away | None:
    """Return what the stub of a sealed file says; None if the file is here, or has none.

    Raises LedgerUnreadable.
    """
    return None if file.exists() else read_stub(file)


def read_stub(file: Path) -> Away | None:
    """Return what the stub of a sealed file says, None where there is none. Raises LedgerUnreadable."""
    stub = stub_of(file)
    name = f"{stub.parent.name}/{stub.name}"
    try:
        with stub.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerUnreadable(f"{name}: cannot be read: {error}") from error
    if len(data) > _MOST_BYTES:
        raise LedgerUnreadable(f"{name}: has more than {_MOST_BYTES} bytes")
    try:
        return _away(data)
    except ValueError as error:
        remedy = f"copy {file.name} here from where it was put; then this stub counts for nothing"
        raise LedgerUnreadable(f"{name}: {str(error)[:200]}; {remedy}") from error


def _away(data: bytes) -> Away:
    """Return what a stub says. Raises ValueError."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from error
    if type(said) is not dict:
        raise ValueError("is no JSON object")
    if said.get("format") != _FORMAT:
        raise ValueError(f"format {str(said.get('format'))[:80]!r} is not known here, only {_FORMAT}")
    for name, kind in _TYPES.items():
        if type(said.get(name)) is not kind:
            raise ValueError(f"{name} is {'of another type' if name in said else 'missing'}")
    if not _HEX64.fullmatch(said["sha256"]):
        raise ValueError("sha256 is none")
    try:
        records = {
            kind: [(int(seq), str(text)) for seq, text in each] for kind, each in said["records"].items()
        }
        spans = {column: (str(least), str(greatest)) for column, (least, greatest) in said["spans"].items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"records or spans is of another form: {error}") from error
    kinds = tuple(str(each) for each in said["kinds"])
    url, sha256, size, oldest, newest = (said[name] for name in _PLAIN)
    return Away(url, sha256, size, oldest, newest, kinds, records, spans)
