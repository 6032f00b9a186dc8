# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an open log is given rather than makes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ombud_ledger.durable import Durable
from ombud_ledger.seal import Stage

if TYPE_CHECKING:
    from ombud_ledger.tlog.note import Signer
    from ombud_ledger.tlog.witnessing import Witnesses
    from ombud_ledger.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """Seams, keys and the vault of one log; see `Ledger.open`."""

    clock: Callable[[], int]
    randomness: Callable[[int], bytes]
    durable: Durable
    stage: Stage | None
    on_state: Callable[[str], None] | None
    signers: "tuple[Signer, ...]"
    witnesses: "Witnesses | None" = None
    vault: "Vault | None" = None
