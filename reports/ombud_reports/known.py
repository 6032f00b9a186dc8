# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the ledger knows of a system: its file and its contract, as the gateway declared them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from ombud_ledger import LedgerError
from ombud_reports.reading import Reading

SOURCE: Final = "system.declared"
_DECLARED: Final = """
SELECT log, seq, ts, digest, record->>'$.contract' AS contract
FROM systems
WHERE event = 'declared' AND system = $system AND ts < $end::TIMESTAMP
ORDER BY ts DESC, log, seq DESC LIMIT 1
"""
_MOST: Final = 4 << 20  # bytes of a system file or contract


@dataclass(frozen=True, slots=True)
class Known:
    """A system as it was declared last before the window's end; `file` and `contract` as they were written.

    Where no entry declares it, or the object is not here, `why` says so and what is not known is empty.
    """

    name: str
    purpose: str = ""
    owner: str = ""
    risk: str = ""
    digest: str = ""
    """SHA-256 of the system file, hex."""
    contract_digest: str = ""
    since: datetime | None = None
    """When that file was declared, UTC."""
    file: Mapping[str, Any] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    def section(self, name: str) -> Mapping[str, Any]:
        """Return an optional section of the system file, such as `slos`; empty where there is none."""
        found = self.file.get(name)
        return found if isinstance(found, Mapping) else {}


def known(reading: Reading) -> Known:
    """Return what the ledger knows of the reading's system. Raises what `Reading.ask` raises."""
    rows = reading.ask(SOURCE, _DECLARED)
    if not rows:
        return Known(reading.system, why="no entry before the end of the window declares the system")
    row = rows[0]
    try:
        file = _mapping(yaml.safe_load(_text(reading, row["digest"])))
        contract = _mapping(json.loads(_text(reading, row["contract"])))
    except (LedgerError, ValueError, RecursionError, yaml.YAMLError) as error:
        return Known(reading.system, digest=str(row["digest"]), why=f"its file cannot be read: {error}"[:300])
    return Known(
        reading.system,
        purpose=str(file.get("purpose", "")),
        owner=str(file.get("owner", "")),
        risk=str(file.get("risk", "")),
        digest=row["digest"],
        contract_digest=row["contract"],
        since=row["ts"].replace(tzinfo=UTC),
        file=file,
        contract=contract,
    )


def _text(reading: Reading, digest: object) -> str:
    data = reading.ledger.kept(str(digest))
    if len(data) > _MOST:
        raise ValueError(f"object {digest} has {len(data)} bytes, must be at most {_MOST}")
    return data.decode()


def _mapping(found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")
    return found
