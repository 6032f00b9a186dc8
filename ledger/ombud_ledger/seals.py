# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a seal entry says: path, digest and range of each file of a segment, and the chain's head."""

import re
from dataclasses import dataclass
from typing import Any, Final

from ombud_ledger.errors import EntryBroken

HEX64: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal entry says of one file."""

    entry: int
    path: str
    sha256: str
    size: int
    rows: int
    first: int
    last: int
    segment_first: int
    segment_last: int
    chain: str


def seals_of(seq: int, fields: dict[str, Any]) -> list[Seal]:
    """Return what a seal entry says of each file. Raises EntryBroken if it is malformed."""
    try:
        first, last, chain = fields["first"], fields["last"], fields["chain"]
        seals = [
            Seal(
                seq,
                each["path"],
                each["sha256"],
                each["bytes"],
                each["rows"],
                each["first"],
                each["last"],
                first,
                last,
                chain,
            )
            for each in fields["files"]
        ]
    except (KeyError, TypeError) as error:
        raise EntryBroken(seq, f"the seal entry is malformed: {error!r}") from error
    for seal in seals:
        texts = (seal.path, seal.sha256, seal.chain)
        numbers = (seal.size, seal.rows, seal.first, seal.last, first, last)
        if any(type(text) is not str for text in texts) or any(type(number) is not int for number in numbers):
            raise EntryBroken(seq, "the seal entry is malformed: a field is of another type")
        if not HEX64.fullmatch(seal.sha256) or not HEX64.fullmatch(chain) or not first <= last < seq:
            raise EntryBroken(seq, "the seal entry is malformed: digest, chain or range")
    return seals
