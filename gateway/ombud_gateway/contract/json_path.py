# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read JSON inside a BYTES element, strictly: what two parsers could read differently is refused."""

from __future__ import annotations

import json
import re
from typing import Any

_LARGEST_DOCUMENT = 1 << 20
_STEP = re.compile(r"(?:^|\.)([A-Za-z_][A-Za-z0-9_-]*)|\[(0|[1-9][0-9]{0,5})\]")

Path = tuple[str | int, ...]


class JsonError(ValueError):
    """The element is not one strict JSON document; the message says what would be."""


class _Absent:
    """Stands for a path that leads nowhere."""


ABSENT = _Absent()


def parse_path(text: str) -> Path:
    """Parse `applicant.debts[0].amount`; raise `ValueError` where it is anything else."""
    steps: list[str | int] = []
    end = 0
    for match in _STEP.finditer(text):
        if match.start() != end:
            break
        end = match.end()
        steps.append(match[1] if match[2] is None else int(match[2]))
    if not steps or end != len(text):
        raise ValueError("must be a path such as applicant.debts[0].amount")
    return tuple(steps)


def parse_document(raw: bytes) -> Any:
    """Parse one JSON document of at most 1 MiB.

    Refused: duplicate keys (parsers disagree on which one counts), NaN and infinities, text that is not
    UTF-8, nesting deeper than the parser's stack, integers of thousands of digits.
    """
    if len(raw) > _LARGEST_DOCUMENT:
        raise JsonError(f"a JSON document of at most {_LARGEST_DOCUMENT} bytes")
    try:
        return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise JsonError("a JSON document in UTF-8, without duplicate keys, NaN or infinities") from error


def follow(document: Any, path: Path) -> Any:
    """Return what `path` leads to, or `ABSENT`; JSON null is absent too."""
    at = document
    for step in path:
        if isinstance(step, str):
            if not isinstance(at, dict) or step not in at:
                return ABSENT
        elif not isinstance(at, list) or step >= len(at):
            return ABSENT
        at = at[step]
    return ABSENT if at is None else at


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _constant(name: str) -> Any:
    raise ValueError(name)
