# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Begin to sign a log that was just recovered, or say why it may take no entries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ombud_ledger.durable import Durable
from ombud_ledger.errors import KeyUnusable, LedgerBroken, LedgerUnreadable
from ombud_ledger.layout import LogLayout
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.note import ED25519, Signer
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.publisher import Publisher
from ombud_ledger.tlog.resume import demand_signed, resume
from ombud_ledger.tlog.signed_head import SignedHeads


@dataclass(frozen=True, slots=True)
class Begun:
    """What came of it. A log is signed if there is a publisher; if there is a reason, it is read-only."""

    heads: SignedHeads | None = None
    publisher: Publisher | None = None
    why: str = ""


def begin(
    layout: LogLayout,
    *,
    origin: str,
    signers: Sequence[Signer],
    size: int,
    durable: Durable,
    clock: Callable[[], int],
    pace: float,
    on_broken: Callable[[str], None],
) -> Begun:
    """Prepare to publish for a log of `size` entries. Raises KeyUnusable, OSError, sqlite3.Error."""
    # 1. Keys sign for the log whose name they bear.
    for signer in signers:
        if signer.key.kind != ED25519:
            raise KeyUnusable(
                f"the signing key is a witness's, {signer.key.name!r}: a log signs with its own"
            )
        if signer.key.name != origin:
            raise KeyUnusable(f"the signing key is for {signer.key.name!r}; this log's origin is {origin!r}")
    # 2. A log that was never signed, and is not to be, has nothing to hold to.
    if not signers and not layout.signed.exists():
        return Begun()
    heads = SignedHeads(layout.signed, durable)
    # 3. It must still be what was signed of it, whether or not it is signed from here on.
    try:
        if not signers:
            demand_signed(layout, heads, size)
            return Begun(heads)
        pub = Pub(layout.pub, durable)
        resumed = resume(layout, origin=origin, size=size, heads=heads, pub=pub)
    except (LedgerBroken, LedgerUnreadable) as error:
        return Begun(heads, why=str(error))
    except BaseException:
        heads.close()
        raise
    publisher = Publisher(
        layout,
        origin=origin,
        signers=signers,
        resumed=resumed,
        size=size,
        heads=heads,
        pub=pub,
        clock=clock,
        pace=pace,
        on_broken=on_broken,
    )
    return Begun(heads, publisher)


def key_changes(heads: SignedHeads, signers: Sequence[Signer]) -> list[dict[str, Any]]:
    """Return the bodies of the `key` entries due: keys that sign now and did not sign the last checkpoint.

    And the other way round. After a crash some may be written twice; that says the same.
    """
    head = heads.load()
    before = {line.key_id.hex() for line in parse_checkpoint(head.note).note.signatures} if head else set()
    now = {signer.key.id.hex(): str(signer.key) for signer in signers}
    added = [
        {"event": "added", "key_id": key_id, "vkey": vkey}
        for key_id, vkey in now.items()
        if key_id not in before
    ]
    return added + [{"event": "retired", "key_id": key_id} for key_id in sorted(before - now.keys())]
