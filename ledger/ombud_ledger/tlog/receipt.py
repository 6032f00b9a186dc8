# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Receipts (C2SP tlog-proof): that an entry is in a log, to be checked offline with nothing else. No I/O."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.hashing import HASH_BYTES, leaf_hash
from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.merkle import verify_inclusion
from ombud_ledger.tlog.note import MOST_BYTES, VerifierKey

MAGIC: Final = "c2sp.org/tlog-proof@v1"
MOST_RECEIPT: Final = 2 * MOST_BYTES
_MOST_EXTRA: Final = 64 * 1024
_MOST_PROOF: Final = 63
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's number, its path to the root, and the signed checkpoint with that root.

    `extra` is not authenticated. Ours holds the record, so that the receipt can be checked by itself: the
    record is hashed into the leaf, and so a changed one does not verify.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """Return the receipt as a `.tlog-proof` file holds it."""
        extra = [] if self.extra is None else [f"extra {base64.b64encode(self.extra).decode()}"]
        hashes = [base64.b64encode(each).decode() for each in self.proof]
        head = "\n".join([MAGIC, *extra, f"index {self.index}", *hashes])
        return f"{head}\n\n".encode() + self.checkpoint

    def verify(self, keys: Iterable[VerifierKey], record: bytes | None = None) -> Signed:
        """Demand that the record is this entry of a log whose key is known; return its checkpoint.

        Without `record` the one in `extra` is taken. Raises NotProven, LedgerUnreadable.
        """
        # 1. The leaf.
        if record is None:
            record = self.extra
        if record is None:
            raise LedgerUnreadable("the receipt does not hold the record: give it")
        leaf = leaf_hash(record)
        # 2. The checkpoint, signed by a key that the caller has from elsewhere.
        signed = parse_checkpoint(self.checkpoint)
        signed.verify(keys)
        # 3. The leaf is under the root.
        verify_inclusion(leaf, self.index, signed.checkpoint.size, self.proof, signed.checkpoint.root)
        return signed


def parse_receipt(data: bytes) -> Receipt:
    """Return the receipt that the bytes are. Raises LedgerUnreadable. Verifies nothing."""
    # 1. Size first, then the version.
    if len(data) > MOST_RECEIPT:
        raise LedgerUnreadable(f"a receipt of {len(data)} bytes: at most {MOST_RECEIPT} allowed")
    if not data.startswith(MAGIC.encode() + b"\n"):
        raise LedgerUnreadable(f"not a receipt: its first line must be {MAGIC}")
    # 2. The first blank line parts proof and checkpoint.
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank:
        raise LedgerUnreadable("the receipt holds no checkpoint")
    try:
        lines = head.decode("ascii").split("\n")[1:]
    except UnicodeDecodeError as error:
        raise LedgerUnreadable("the receipt's proof is not ASCII") from error
    # 3. extra, index, hashes.
    extra = _decode(lines.pop(0)[6:], "extra") if lines and lines[0].startswith("extra ") else None
    if extra is not None and len(extra) > _MOST_EXTRA:
        raise LedgerUnreadable(f"extra of {len(extra)} bytes: at most {_MOST_EXTRA} allowed")
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None:
        raise LedgerUnreadable("the receipt has no line `index N`")
    if len(lines) > _MOST_PROOF:
        raise LedgerUnreadable(f"a proof of {len(lines)} hashes: at most {_MOST_PROOF} allowed")
    proof = tuple(_decode(line, "hash") for line in lines)
    if any(len(each) != HASH_BYTES for each in proof):
        raise LedgerUnreadable(f"a hash of the proof has not {HASH_BYTES} bytes")
    # 4. Printing it again must give the same bytes; the checkpoint is strict about its own.
    receipt = Receipt(int(index[1]), proof, parse_checkpoint(checkpoint).note.to_bytes(), extra)
    if receipt.to_bytes() != data:
        raise LedgerUnreadable("the receipt is spelled otherwise than it prints")
    return receipt


def _decode(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise LedgerUnreadable(f"{what} of the receipt is not base64") from error
