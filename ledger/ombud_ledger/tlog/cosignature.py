# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Cosignatures (C2SP tlog-cosignature, cosignature/v1): witnesses' timed lines under a checkpoint. No I/O."""

from collections.abc import Iterable

from ombud_ledger.errors import KeyUnusable, NotProven
from ombud_ledger.tlog.note import COSIGNATURE, TIME_BYTES, Note, Signature, Signer, VerifierKey, cosigned


def cosign(text: str, signer: Signer, time: int) -> Signature:
    """Return a witness's line under the text, seen at `time`, seconds since the epoch. Raises KeyUnusable."""
    demand_witness(signer.key)
    blob = time.to_bytes(TIME_BYTES, "big") + signer.sign(cosigned(text.encode(), time))
    return Signature(signer.key.name, signer.key.id, blob)


def demand_witness(key: VerifierKey) -> None:
    """Demand that a key is one that cosigns. Raises KeyUnusable."""
    if key.kind != COSIGNATURE:
        raise KeyUnusable(f"key {key} is no witness's; `ombud key init --witness NAME` makes one")


def cosigners(note: Note, witnesses: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
    """Return which of the witnesses cosigned the note, each with its newest time, seconds since the epoch.

    Lines of others are ignored. Raises NotProven for one of theirs that does not verify.
    """
    known = {(key.name, key.id): key for key in witnesses if key.kind == COSIGNATURE}
    found: dict[VerifierKey, int] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is not None:
            key.verify(note.text.encode(), line.blob)
            found[key] = max(found.get(key, 0), int.from_bytes(line.blob[:TIME_BYTES], "big"))
    return found


def demand_quorum(note: Note, witnesses: Iterable[VerifierKey], quorum: int) -> dict[VerifierKey, int]:
    """Demand the cosignatures of so many of the witnesses; return who and when. Raises NotProven.

    What is signed does not name the witness: one key under two names counts once.
    """
    found = cosigners(note, witnesses)
    count = len({key.public for key in found})
    if count < quorum:
        names = ", ".join(sorted(key.name for key in found)) or "none"
        raise NotProven(f"{count} of the witnesses cosigned it ({names}); {quorum} must have")
    return found
