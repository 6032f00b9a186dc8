# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Check the files of a bundle and turn them into its parts, reporting everything wrong at once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cedarpy import Entities, Schema, validate_policies

from ombud_policies.errors import Problem
from ombud_policies.files import ENTITIES, SCHEMA, check_files
from ombud_policies.hierarchy import Hierarchy, read_hierarchy
from ombud_policies.reach import context_reach
from ombud_policies.schema import ActionType, RecordType, Scalar, SetType, read_schema
from ombud_policies.source import Policy, parse_policies

MOST_POLICIES = 50_000
MOST_MISFITS = 20
APPROVAL = RecordType(
    {
        "approvers": (Scalar("Long"), True),
        "groups": (SetType(Scalar("String")), True),
        "review": (Scalar("String"), True),
    }
)
"""The one type that `context.approval` may have."""

_Report = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bundle is made of once its files are sound."""

    policies: tuple[Policy, ...]
    schema: Schema
    actions: Mapping[str, ActionType]
    entities: Entities
    hierarchy: Hierarchy


def check_parts(files: Mapping[str, bytes]) -> tuple[Parts | None, tuple[Problem, ...]]:
    """Return the parts, or None, and every problem found.

    1. Names, sizes and encoding. 2. Schema. 3. Each policy alone. 4. All policies against the schema,
    strictly. 5. Entities against the schema. 6. That what is curable can be cured.
    """
    problems: list[Problem] = []
    report = problems.append
    # 1. Names, sizes and encoding.
    check_files(files, report)
    texts = {
        name: text for name in sorted(files) if (text := _decoded(name, files[name], report)) is not None
    }
    if problems:
        return None, tuple(problems)
    # 2. Schema.
    schema, actions = _schema(texts[SCHEMA], report)
    # 3. Each policy alone.
    policies = _policies(texts, report)
    if schema is None:
        return None, tuple(problems)
    # 4. All policies against the schema.
    _validate(policies, schema, texts[SCHEMA], report)
    # 5. Entities.
    entities = _entities(texts[ENTITIES], schema, report)
    # 6. Curability.
    _curable(policies, actions, report)
    if problems or entities is None:
        return None, tuple(problems)
    return Parts(policies, schema, actions, entities, read_hierarchy(entities)), ()


def _decoded(name: str, content: bytes, report: _Report) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        report(Problem(name, "is not UTF-8; save it as UTF-8", content.count(b"\n", 0, error.start) + 1))
        return None


def _schema(text: str, report: _Report) -> tuple[Schema | None, Mapping[str, ActionType]]:
    try:
        schema = Schema.from_str(text)
        actions = read_schema(schema)
    except ValueError as error:
        report(Problem(SCHEMA, f"Cedar cannot use this schema: {error}"))
        return None, {}
    for name, action in sorted(actions.items()):
        declared = action.context.attributes.get("approval")
        if declared is not None and declared != (APPROVAL, False):
            wanted = "approval?: {review: String, groups: Set<String>, approvers: Long}"
            report(Problem(SCHEMA, f"action {name!r} must declare its approval as {wanted}"))
    return schema, actions


def _policies(texts: Mapping[str, str], report: _Report) -> tuple[Policy, ...]:
    seen: dict[str, Policy] = {}
    for name in sorted(texts):
        if not name.endswith(".cedar"):
            continue
        for policy in parse_policies(name, texts[name], report):
            first = seen.setdefault(policy.id, policy)
            if first is not policy:
                message = f"this @id is taken by {first.file}:{first.line}; give each policy its own"
                report(Problem(name, message, policy.line, policy.id))
            if len(seen) > MOST_POLICIES:
                report(Problem(name, f"a bundle has at most {MOST_POLICIES} policies", policy.line))
                return ()
    return tuple(seen.values())


def _validate(policies: tuple[Policy, ...], schema: Schema, schema_text: str, report: _Report) -> None:
    result = validate_policies("\n".join(policy.text for policy in policies), schema)
    for error in result.errors:
        place = re.fullmatch(r"policy(\d+)", error.policy_id)
        message = re.sub(r"^for policy `policy\d+`, ", "", error.error) + _suggestion(
            error.error, schema_text
        )
        if place is None or int(place[1]) >= len(policies):
            report(Problem(SCHEMA, message))
        else:
            policy = policies[int(place[1])]
            report(Problem(policy.file, message, policy.line, policy.id))
    if not result.validation_passed and not result.errors:
        report(Problem(SCHEMA, "Cedar's validation failed without saying why"))


def _suggestion(message: str, schema_text: str) -> str:
    """Name what the schema has that is spelled like what the message complains of."""
    vocabulary = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", schema_text))
    for quoted in re.findall(r"`([^`]+)`", message.partition(", ")[2]):
        for word in reversed(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", quoted)):
            close = difflib.get_close_matches(word, sorted(vocabulary - {word}), 1, 0.75)
            if word not in vocabulary and close:
                return f"; did you mean `{close[0]}`?"
    return ""


def _entities(text: str, schema: Schema, report: _Report) -> Entities | None:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as error:
        report(Problem(ENTITIES, f"is not JSON: {error}", getattr(error, "lineno", None)))
        return None
    try:
        return Entities.from_json_str(text, schema)
    except ValueError as error:
        found = list(_misfits(listed, text, schema)) if isinstance(listed, list) else []
        for problem in found or [Problem(ENTITIES, f"Cedar cannot use these entities: {error}")]:
            report(problem)
        return None


def _misfits(listed: list[Any], text: str, schema: Schema) -> list[Problem]:
    """Find the entities that do not fit by themselves; Cedar's message names none."""
    problems: list[Problem] = []
    for item in listed:
        try:
            Entities.from_json_str(json.dumps([item]), schema)
        except ValueError as error:
            if len(problems) == MOST_MISFITS:
                break
            uid = item.get("uid") if isinstance(item, dict) else None
            named = uid.get("id") if isinstance(uid, dict) else None
            at = text.find(json.dumps(named)) if isinstance(named, str) else -1
            line = text.count("\n", 0, at) + 1 if at >= 0 else None
            message = f"entity {json.dumps(uid)}: {error}; check its type, attributes and parents' types"
            problems.append(Problem(ENTITIES, message, line))
    return problems


def _curable(policies: tuple[Policy, ...], actions: Mapping[str, ActionType], report: _Report) -> None:
    for policy in policies:
        if policy.curable and "approval" not in context_reach([policy.tree]).below:
            group = policy.obligations.groups[0]
            cure = f'context has approval && context.approval.groups.contains("{group}")'
            message = f"@review on a forbid that no approval can cure; add unless {{ {cure} }}"
            report(Problem(policy.file, message, policy.line, policy.id))
