# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an open log says of itself to the outside: checkpoints, and witnesses of them, if it is signed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ombud_ledger.durable import Durable
from ombud_ledger.errors import LedgerUnavailable
from ombud_ledger.layout import LogLayout
from ombud_ledger.options import Options

if TYPE_CHECKING:
    from ombud_ledger.covering import Reached
    from ombud_ledger.tlog.note import Signer
    from ombud_ledger.tlog.publisher import Publisher
    from ombud_ledger.tlog.signed_head import SignedHeads
    from ombud_ledger.tlog.witnessing import Witnesses, Witnessing


class Signing:
    """Publisher and witnesses of one log, each None where there is none; `why` the log must be read-only."""

    def __init__(
        self,
        layout: LogLayout,
        *,
        origin: str,
        size: int,
        signers: "Sequence[Signer]",
        witnesses: "Witnesses | None",
        options: Options,
        clock: Callable[[], int],
        durable: Durable,
        on_broken: Callable[[str], None],
    ) -> None:
        """Prepare to publish a log of `size` entries. Raises KeyUnusable, LedgerBroken, LedgerUnreadable."""
        self._layout = layout
        self._signers = signers
        self._options = options
        self.why = ""
        self._heads: SignedHeads | None = None
        self.publisher: Publisher | None = None
        self.witnessing: Witnessing | None = None
        if not signers and not witnesses and not layout.signed.exists():
            return
        from ombud_ledger.tlog.begin import begin  # here: an unsigned log is opened without cryptography

        begun = begin(
            layout,
            origin=origin,
            signers=signers,
            size=size,
            durable=durable,
            clock=clock,
            pace=options.publish_seconds,
            hurried=options.publish_hurried,
            on_broken=on_broken,
            witnesses=witnesses,
        )
        self._heads, self.publisher, self.witnessing = begun.heads, begun.publisher, begun.witnessing
        self.why = begun.why

    @property
    def keyless(self) -> bool:
        """Whether the log is signed, but was opened without its key."""
        return self.publisher is None and self._layout.signed.exists()

    def key_changes(self) -> list[dict[str, Any]]:
        """Return the bodies of the `key` entries that are due."""
        if self.publisher is None or self._heads is None:
            return []
        from ombud_ledger.tlog.begin import key_changes

        return list(key_changes(self._heads, self._signers))

    def start(self) -> None:
        """Publish by itself from now on, if it is told to."""
        if self.publisher is not None and self._options.publish_automatically:
            self.publisher.start()
            if self.witnessing is not None:
                self.witnessing.start()

    def cover(self) -> None:
        """Publish a checkpoint of all that is durable by now, and keep it. Raises LedgerError."""
        if self.publisher is not None:
            self.publisher.cover()

    def demand_signed(self, size: int) -> None:
        """Demand that the log, recovered to `size` entries, holds what was signed. Raises LedgerBroken."""
        if self._heads is not None:
            from ombud_ledger.tlog.resume import demand_signed

            demand_signed(self._layout, self._heads, size)

    def reached(self, *, witnessed: bool) -> "Reached | None":
        """Return how far checkpoints, or cosigned ones, have come."""
        keeper = self.witnessing if witnessed else self.publisher
        return keeper.reached if keeper is not None else None

    async def covered(self, log: str, seq: int, *, witnessed: bool) -> int:
        """Return the size of a checkpoint that covers entry `seq`, once there is one: `Ledger.covered`."""
        reached = self.reached(witnessed=witnessed)
        if reached is None or self.publisher is None:
            lacks = "is not signed" if self.publisher is None else "has no witnesses"
            raise LedgerUnavailable(f"log {log} {lacks}: no such checkpoint will cover entry {seq}")
        if reached.size <= seq:
            self.publisher.hurry()
        return await reached.covers(seq)

    def finish(self) -> None:
        """Publish the last entries, and let witnesses cosign them."""
        for keeper in (self.publisher, self.witnessing):
            if keeper is not None:
                keeper.finish(self._options.close_timeout)

    def let_go(self, log: str) -> None:
        """End all of it; who still waits is told."""
        for keeper in (self.witnessing, self.publisher):
            if keeper is not None:
                keeper.stop(self._options.close_timeout)
                keeper.reached.end(f"log {log} is closed")
        if self._heads is not None:
            self._heads.close()
