# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read a policy's annotations: the obligations that Cedar carries and does not interpret.

Annotations never change what Cedar answers (Cedar Language Guide, "Annotations"), so a mistyped one would
silently do nothing. Every unknown annotation and every value out of place is therefore a problem at load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ombud_policies.question import CAPTURES, DEFAULT_CAPTURE, Capture

KNOWN = ("capture", "description", "id", "redact", "review")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Obligations:
    """What one policy's annotations ask: who may cure it, and what its permit lets the record keep.

    `capture` is None for a forbid, which lets nothing be kept and so has no say in it.
    """

    groups: tuple[str, ...] = ()
    capture: Capture | None = None
    redact: frozenset[str] = frozenset()


def read_annotations(
    effect: str, annotations: Mapping[str, str], report: Callable[[str], None]
) -> tuple[str | None, Obligations]:
    """Return the policy's @id (None when unusable) and obligations; call `report` for each problem."""
    for name in sorted(set(annotations) - set(KNOWN)):
        report(f"unknown annotation @{name}; known are {', '.join('@' + known for known in KNOWN)}")
    policy_id = annotations.get("id")
    if policy_id is None:
        report('no @id; write @id("a-short-name") above the policy')
    elif not _ID.fullmatch(policy_id):
        report(f"@id {policy_id!r} must be 1 to 64 of letters, digits, '.', '_' and '-', the first no sign")
        policy_id = None
    return policy_id, Obligations(
        groups=_names("review", "forbid", effect, annotations, report),
        capture=_capture(effect, annotations, report),
        redact=frozenset(_names("redact", "permit", effect, annotations, report)),
    )


def _names(
    key: str, belongs_on: str, effect: str, annotations: Mapping[str, str], report: Callable[[str], None]
) -> tuple[str, ...]:
    text = annotations.get(key)
    if text is None:
        return ()
    if effect != belongs_on:
        report(f"@{key} belongs on a {belongs_on}; remove it from this {effect}")
        return ()
    names = [name.strip() for name in text.split(",")]
    if not all(_NAME.fullmatch(name) for name in names):
        report(
            f'@{key} {text!r} must be one name or several separated by commas, such as @{key}("first,second")'
        )
        return ()
    return tuple(sorted(set(names)))


def _capture(effect: str, annotations: Mapping[str, str], report: Callable[[str], None]) -> Capture | None:
    text = annotations.get("capture")
    if text is None:
        return DEFAULT_CAPTURE if effect == "permit" else None
    if effect != "permit":
        report("@capture belongs on a permit; remove it from this forbid")
        return None
    if text not in CAPTURES:
        report(f"@capture {text!r} must be one of {', '.join(CAPTURES)}")
        return None
    return text
