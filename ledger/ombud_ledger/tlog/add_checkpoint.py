# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a log asks of a witness (C2SP tlog-witness, `add-checkpoint`): both sides' bytes. No I/O."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.hashing import HASH_BYTES
from ombud_ledger.tlog.checkpoint import MOST_SIZE
from ombud_ledger.tlog.note import MOST_BYTES

PATH: Final = "/add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
MOST_PROOF: Final = 63
MOST_REQUEST: Final = MOST_BYTES + 4_096
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint to cosign, and the proof that it extends the tree of `old`, which the witness knows."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof)]
        return ("\n".join(lines) + "\n\n").encode() + self.checkpoint


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """Return the request that a body is. Raises LedgerUnreadable. Leaves the checkpoint as it is."""
    # 1. Size first. The first blank line parts proof and checkpoint.
    if len(data) > MOST_REQUEST:
        raise LedgerUnreadable(f"a request of {len(data)} bytes: at most {MOST_REQUEST} allowed")
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank:
        raise LedgerUnreadable("the request holds no checkpoint after a blank line")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise LedgerUnreadable("the request's proof is not ASCII") from error
    # 2. The size, then at most 63 hashes.
    old = _OLD.fullmatch(first)
    if old is None or int(old[1]) > MOST_SIZE:
        raise LedgerUnreadable(f"the request begins with {first[:32]!r}, must begin with `old SIZE`")
    if len(lines) > MOST_PROOF:
        raise LedgerUnreadable(f"a proof of {len(lines)} hashes: at most {MOST_PROOF} allowed")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except binascii.Error as error:
        raise LedgerUnreadable("a hash of the proof is not base64") from error
    if any(len(each) != HASH_BYTES for each in proof):
        raise LedgerUnreadable(f"a hash of the proof has not {HASH_BYTES} bytes")
    # 3. Printing it again must give the same bytes.
    request = AddCheckpoint(int(old[1]), proof, checkpoint)
    if request.to_bytes() != data:
        raise LedgerUnreadable("the request is spelled otherwise than it prints")
    return request


def parse_size(data: bytes) -> int:
    """Return the size in the body of a witness's 409. Raises LedgerUnreadable."""
    match = _SIZE.fullmatch(data)
    if match is None or int(match[1]) > MOST_SIZE:
        raise LedgerUnreadable(f"{data[:32]!r} is not the size of a tree")
    return int(match[1])
