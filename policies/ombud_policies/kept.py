# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read policies of a bundle that the ledger keeps, as they were: to be shown, not to decide by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ombud_policies.errors import BundleInvalid, Problem
from ombud_policies.files import unpack
from ombud_policies.source import parse_policies


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """One policy as its author wrote it: where, its text, and what its annotations say of it."""

    id: str
    file: str
    line: int
    text: str
    effect: str
    description: str
    groups: tuple[str, ...]
    """Groups whose approval cures this forbid."""


def kept_policies(packed: bytes) -> Mapping[str, KeptPolicy]:
    """Return the policies of a packed bundle by @id; its tests are not run, its schema is not asked.

    Raises BundleInvalid for a damaged bundle.
    """
    found: dict[str, KeptPolicy] = {}
    problems: list[Problem] = []
    for file, content in unpack(packed).items():
        if file.endswith(".cedar"):
            for policy in parse_policies(file, content.decode(), problems.append):
                found[policy.id] = KeptPolicy(
                    policy.id,
                    policy.file,
                    policy.line,
                    policy.text,
                    str(policy.tree.effect),
                    policy.tree.annotations.get("description") or "",
                    policy.obligations.groups,
                )
    if problems:
        raise BundleInvalid(tuple(problems))
    return found
