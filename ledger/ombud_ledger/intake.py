# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What callers hand in beside a record, made ready to be stored: facts salted, payloads encrypted."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ombud_ledger.canonical import JSON
from ombud_ledger.entry import Dark, Held
from ombud_ledger.errors import LedgerError, ObjectMissing, RecordInvalid
from ombud_ledger.facts import Facts, contract_columns
from ombud_ledger.hashing import SALT_BYTES
from ombud_ledger.objects import Objects

if TYPE_CHECKING:
    from ombud_ledger.vault.payload import Payload
    from ombud_ledger.vault.vault import Vault

_CONTRACTS_KEPT: Final = 1_024
_LOOK: Final = 0.001  # seconds between looks whether an append has been admitted, which takes far less


class UnderWay:
    """The appends that have begun and are not admitted yet; they may have asked already who is erased."""

    def __init__(self) -> None:
        self._now: set[object] = set()  # adding, removing and copying are atomic

    def begin(self) -> object:
        """Count one in; return what to end it with."""
        token = object()
        self._now.add(token)
        return token

    def end(self, token: object) -> None:
        """Count it out."""
        self._now.discard(token)

    def wait(self) -> None:
        """Return once those that have begun by now have ended."""
        begun = self._now.copy()
        while not begun.isdisjoint(self._now.copy()):
            time.sleep(_LOOK)


class Intake:
    """Makes facts and payloads ready; called in the threads of those who append."""

    def __init__(
        self, objects: Objects, randomness: Callable[[int], bytes], vault: "Vault | None", origin: str
    ) -> None:
        self._objects = objects
        self._randomness = randomness
        self._vault = vault
        self._origin = origin
        self._contracts: dict[str, str] = {}

    def held(self, facts: Facts) -> Held:
        """Return facts as they are kept. Raises RecordInvalid, SubjectErased, SubjectKeyMissing."""
        if facts.contract is not None:
            self._check_contract(facts.contract)
        held = Held(facts.contract, self._randomness(SALT_BYTES), facts.encode())
        if facts.subject is not None and self._vault is not None:
            self._vault.demand_known(facts.subject)
        return held

    def dark(self, payload: "Payload", body: Mapping[str, JSON]) -> Dark:
        """Return the payload of an entry, encrypted and bound to its `id`.

        Raises RecordInvalid, SubjectErased, SubjectKeyMissing, VaultUnusable; LedgerError without a vault.
        """
        if self._vault is None:
            raise LedgerError("payload: the log was opened without a vault, so it cannot keep one")
        call = body.get("id")
        if type(call) is not str:
            raise RecordInvalid("payload: its entry must have an `id`, to which it is bound")
        return self._vault.seal_payload(payload, self._origin, call)

    def _check_contract(self, contract: str) -> None:
        known = self._contracts.get(contract[:16])
        if known == contract:
            return
        if known is not None:
            raise RecordInvalid(f"facts: contract {contract} shares its first 16 digits with {known}")
        try:
            contract_columns(self._objects.get(contract))
        except (ObjectMissing, LedgerError) as error:
            raise RecordInvalid(f"facts: contract {contract[:80]!r}: {error}") from error
        if len(self._contracts) >= _CONTRACTS_KEPT:
            self._contracts.clear()
        self._contracts[contract[:16]] = contract
