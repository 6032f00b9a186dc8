# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The face of `tlog` for those who check and serve: checkpoints, receipts, proofs, keys, witnesses."""

from pathlib import Path

from ombud_ledger.errors import LedgerUnreadable
from ombud_ledger.place import Place, place_of
from ombud_ledger.tlog.checkpoint import Checkpoint, Signed, parse_checkpoint
from ombud_ledger.tlog.cosignature import cosigners, demand_quorum
from ombud_ledger.tlog.http import TileServer
from ombud_ledger.tlog.merkle import verify_consistency, verify_inclusion
from ombud_ledger.tlog.note import COSIGNATURE, ED25519, VerifierKey, parse_vkey
from ombud_ledger.tlog.published import NotCovered, Published
from ombud_ledger.tlog.receipt import Receipt, parse_receipt
from ombud_ledger.tlog.witness import Witness
from ombud_ledger.tlog.witness_client import WitnessAddress
from ombud_ledger.tlog.witness_http import WitnessServer
from ombud_ledger.tlog.witness_memory import WitnessMemory
from ombud_ledger.tlog.witnessing import Witnesses

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "Checkpoint",
    "NotCovered",
    "Published",
    "Receipt",
    "Signed",
    "TileServer",
    "VerifierKey",
    "Witness",
    "WitnessAddress",
    "WitnessMemory",
    "WitnessServer",
    "Witnesses",
    "cosigners",
    "demand_quorum",
    "parse_checkpoint",
    "parse_receipt",
    "parse_vkey",
    "published",
    "verify_consistency",
    "verify_inclusion",
]


def published(root: Path | Place, log: str | None = None) -> Published:
    """Return what a log published; it need not be named where there is one. Raises LedgerUnreadable."""
    place = place_of(root)
    names = place.logs()
    if log is None and len(names) > 1:
        raise LedgerUnreadable(f"{place.root} holds several logs: name one of {', '.join(names)}")
    chosen = names[0] if log is None and names else log
    if chosen not in names:
        raise LedgerUnreadable(f"{place.root}: no log {log or 'here'}")
    return Published(place.layout(str(chosen)))
