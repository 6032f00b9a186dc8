# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints (C2SP tlog-checkpoint): a log's origin, size and root, as a signed note. No I/O."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ombud_ledger.errors import LedgerUnreadable, NotProven
from ombud_ledger.hashing import HASH_BYTES
from ombud_ledger.tlog.merkle import EMPTY_ROOT
from ombud_ledger.tlog.note import ED25519, Note, Signer, VerifierKey, parse_note, sign_note

MOST_SIZE: Final = 2**63 - 1
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and Merkle root. It has no time: a log's clock is a claim, `size` is the order."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text: three lines, no extension line."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with the note it was read from."""

    checkpoint: Checkpoint
    note: Note

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Demand the signature of a log's key whose name is the checkpoint's origin. Raises NotProven.

        A key for another log never vouches for this one, although it may sign the same lines; nor does a
        witness that calls itself like the log.
        """
        return self.note.verify([key for key in keys if is_logs(key, self.checkpoint.origin)])


def is_logs(key: VerifierKey, origin: str) -> bool:
    """Say whether a key is one that signs for the log of that origin."""
    return key.name == origin and key.kind == ED25519


def parse_checkpoint(data: bytes) -> Signed:
    """Return the signed checkpoint that the bytes are. Raises LedgerUnreadable. Verifies no signature."""
    note = parse_note(data)
    # 1. Three lines. Extension lines are allowed by C2SP, but no log of ours writes any.
    lines = note.text[:-1].split("\n")
    if len(lines) != 3:
        raise LedgerUnreadable(f"a checkpoint has 3 lines here, not {len(lines)}: no extension lines")
    origin, size, encoded = lines
    # 2. Each spelled the one way there is.
    if not origin:
        raise LedgerUnreadable("the checkpoint names no origin")
    if not _SIZE.fullmatch(size) or int(size) > MOST_SIZE:
        raise LedgerUnreadable(f"the checkpoint's size is {size[:32]!r}: not a decimal number up to 2^63-1")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LedgerUnreadable("the checkpoint's root is not base64") from error
    if len(root) != HASH_BYTES:
        raise LedgerUnreadable(f"the checkpoint's root has {len(root)} bytes, not {HASH_BYTES}")
    if size == "0" and root != EMPTY_ROOT:
        raise LedgerUnreadable("the checkpoint is of an empty log, but its root is not SHA-256 of nothing")
    checkpoint = Checkpoint(origin, int(size), root)
    # 3. Printing it again must give the same text.
    if checkpoint.text() != note.text:
        raise LedgerUnreadable("the checkpoint is spelled otherwise than it prints")
    return Signed(checkpoint, note)


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> bytes:
    """Return the checkpoint signed by all signers. Raises KeyUnusable, NotProven for one of another name."""
    for signer in signers:
        if not is_logs(signer.key, checkpoint.origin):
            raise NotProven(f"key {signer.key.name!r} cannot sign for {checkpoint.origin!r}")
    return sign_note(checkpoint.text(), signers).to_bytes()
