# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The entities of a bundle as plain data: who is in which group, transitively."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cedarpy import Entities

from ombud_policies.question import Uid


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Direct parents of each known entity; an entity is its own ancestor, as in Cedar's `in`."""

    parents: Mapping[Uid, frozenset[Uid]]

    def __contains__(self, uid: object) -> bool:
        return uid in self.parents

    def ancestors(self, uid: Uid) -> frozenset[Uid]:
        """Return the entity and all that it is in."""
        seen = {uid}
        todo = [uid]
        while todo:
            for parent in self.parents.get(todo.pop(), frozenset()) - seen:
                seen.add(parent)
                todo.append(parent)
        return frozenset(seen)


def read_hierarchy(entities: Entities) -> Hierarchy:
    """Read Cedar's rendering, not the author's text: slices are cut by what Cedar decides by."""
    listed: Iterable[Mapping[str, Any]] = json.loads(str(entities))
    return Hierarchy({_uid(item["uid"]): frozenset(map(_uid, item["parents"])) for item in listed})


def _uid(written: Mapping[str, str]) -> Uid:
    return Uid(written["type"], written["id"])
