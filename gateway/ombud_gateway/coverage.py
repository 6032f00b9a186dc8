# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps what upstreams count of their own calls, so that the ledger alone shows which did not come this way.

The ledger knows what passed the gateway. A model server knows what it answered. Both in one place, from the
same time, give a difference that anyone can compute. It is asked beside the calls, never in their way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ombud_gateway.errors import GRPC_CODES, UpstreamFailed
from ombud_gateway.systems import Systems
from ombud_ledger import Ledger, LedgerError

_LOG = logging.getLogger(__name__)
_MODELS_AN_ENTRY = 24
"""Model versions in one entry: names have up to 200 characters, and a record 16 KiB."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What an upstream has counted of one model version since it started: requests, and rows in batches."""

    model: str
    version: str
    succeeded: int
    failed: int
    rows: int
    batches: int


class Counts(Protocol):
    """An upstream that may know how often it was called."""

    async def counted(self, model: str) -> Sequence[Counted]:
        """Return the counts of each version of a model, none if it is not there; raise `UpstreamFailed`."""


class Coverage:
    """Asks every upstream for its counts: at start and stop, and every `seconds` in between."""

    def __init__(
        self,
        ledger: Ledger,
        systems: Systems,
        upstreams: Mapping[str, Counts],
        *,
        clock: Callable[[], int],
        seconds: float,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._upstreams = upstreams
        self._clock = clock
        self._seconds = seconds
        self._pause = pause
        self._models: dict[tuple[str, str], list[str]] = {}
        for system in systems:
            for model in system.models:
                self._models.setdefault((model.upstream, system.name), []).append(model.name)
        self._silent: dict[tuple[str, str], str] = {}

    async def sample(self) -> None:
        """Ask every upstream once, and record what it says, or that it does not."""
        await asyncio.gather(*(self._sample(*place) for place in self._models))

    async def run(self) -> None:
        """Sample for as long as the gateway serves."""
        while True:
            await self._pause(self._seconds)
            try:
                await self.sample()
            except Exception:
                _LOG.exception("model servers were not asked what they counted; they are asked again")

    async def _sample(self, upstream: str, system: str) -> None:
        about = {"system": system, "upstream": upstream, "sampled_at": self._clock()}
        try:
            found = await self._counted(upstream, system)
        except UpstreamFailed as failure:
            await self._uncounted(about, GRPC_CODES[failure.code])
            return
        self._silent.pop((upstream, system), None)
        for first in range(0, max(len(found), 1), _MODELS_AN_ENTRY):
            part = found[first : first + _MODELS_AN_ENTRY]
            await self._record({**about, "event": "counted", "models": [asdict(each) for each in part]})

    async def _counted(self, upstream: str, system: str) -> list[Counted]:
        asked = self._models[upstream, system]
        answers = await asyncio.gather(*(self._upstreams[upstream].counted(model) for model in asked))
        return [each for answer in answers for each in answer]

    async def _uncounted(self, about: dict[str, Any], reason: str) -> None:
        """Say that an upstream does not tell, once for as long as the reason is the same."""
        place = about["upstream"], about["system"]
        if self._silent.get(place) == reason:
            return
        self._silent[place] = reason
        await self._record({**about, "event": "uncounted", "reason": reason})

    async def _record(self, body: dict[str, Any]) -> None:
        try:
            await self._ledger.append("upstream", body)
        except LedgerError as error:
            _LOG.warning("what upstream %s counted is not on record: %s", body["upstream"], error)
