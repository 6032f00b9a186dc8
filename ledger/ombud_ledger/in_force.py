# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a log's entries say that still holds: the newest declarations, legal holds, the active policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ombud_ledger.latest import backwards
from ombud_ledger.layout import LogLayout
from ombud_ledger.place import Place
from ombud_ledger.retention import Declaration, declared_by

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InForce:
    """The newest of each, by system; `said` is where, for what has to be said again before that is pruned."""

    declarations: dict[str, Declaration] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)  # by system, the entry that holds it
    said: list[tuple[int, Record]] = field(default_factory=list)


def in_force(layout: LogLayout) -> InForce:
    """Read it from the log, newest entries first; checks nothing."""
    found = InForce()
    seen: set[tuple[str, str]] = set()
    for seq, record in backwards(layout, "system"):
        event, system = str(record.get("event")), str(record.get("system"))
        topic = "hold" if event in {"held", "released"} else event
        if (topic, system) in seen:
            continue
        seen.add((topic, system))
        if event == "held":
            found.held[system] = seq
        if event == "declared":
            declaration = declared_by(seq, record)
            if declaration is not None:
                found.declarations[system] = declaration
        if event in {"held", "declared"}:
            found.said.append((seq, record))
    for seq, record in backwards(layout, "policy"):
        if record.get("event") == "activated":
            found.said.append((seq, record))
            break
    return found


def held_systems(place: Place) -> dict[str, list[str]]:
    """Return, by system, the logs of a ledger that say it is held: one that does is enough."""
    found: dict[str, list[str]] = {}
    for name in place.logs():
        for system in in_force(place.layout(name)).held:
            found.setdefault(system, []).append(name)
    return found
