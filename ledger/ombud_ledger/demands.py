# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a verifier's caller brings along: keys, and checkpoints seen before."""

from collections.abc import Sequence

from ombud_ledger.tlog.checkpoint import Signed, parse_checkpoint
from ombud_ledger.tlog.note import parse_vkey


class Demands:
    """Keys of which one must have signed, and checkpoints that must still hold, parsed."""

    def __init__(self, vkeys: Sequence[str], checkpoints: Sequence[bytes]) -> None:
        self.vkeys = [parse_vkey(vkey) for vkey in vkeys]
        self._checkpoints = [parse_checkpoint(data) for data in checkpoints]

    def origins(self) -> set[str]:
        """Return the origins of the checkpoints."""
        return {signed.checkpoint.origin for signed in self._checkpoints}

    def of(self, origin: str | None) -> list[Signed]:
        """Return the checkpoints of one origin."""
        return [signed for signed in self._checkpoints if signed.checkpoint.origin == origin]
