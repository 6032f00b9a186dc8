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
from ombud_ledger.tlog.witnessing import Witnesses, Witnessing


@dataclass(frozen=True, slots=True)
class Begun:
    """What came of it. A log is signed if there is a publisher; if there is a reason, it is read-only."""

    heads: SignedHeads | None = None
    publisher: Publisher | None = None
    witnessing: Witnessing | None = None
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
    hurried: float,
    on_broken: Callable[[str], None],
    witnesses: Witnesses | None = None,
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
    if witnesses is not None and not signers:
        raise KeyUnusable(
            "witnesses are named, but no key signs the log: there is nothing for them to cosign"
        )
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
        hurried=hurried,
        on_broken=on_broken,
    )
    # 4. Witnesses hear of what it publishes.
    if witnesses is None:
        return Begun(heads, publisher)
    try:
        witnessing = Witnessing(pub, origin=origin, witnesses=witnesses, republish=publisher.republish)
    except KeyUnusable:
        heads.close()
        raise
    publisher.on_published = witnessing.look
    return Begun(heads, publisher, witnessing)


def key_changes(heads: SignedHeads, signers: Sequence[Signer]) -> list[dict[str, Any]]:
    """Return the bodies of the `key` entries due: keys that sign now and did not sign the last checkpoint.

    And the other way round. After a crash some may be written twice; that says the same.
    """
    head = heads.load()
    before: set[str] = set()
    if head is not None:
        signed = parse_checkpoint(head.note)
        lines = signed.note.signatures  # witnesses have names of their own
        before = {line.key_id.hex() for line in lines if line.name == signed.checkpoint.origin}
    now = {signer.key.id.hex(): str(signer.key) for signer in signers}
    added = [
        {"event": "added", "key_id": key_id, "vkey": vkey}
        for key_id, vkey in now.items()
        if key_id not in before
    ]
    return added + [{"event": "retired", "key_id": key_id} for key_id in sorted(before - now.keys())]
