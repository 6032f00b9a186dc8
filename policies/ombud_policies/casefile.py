# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read policy tests: YAML files of cases, strictly, so that a mistyped case is an error, not a passing test.

YAML here is the safe subset without anchors, repeated keys, guessed dates or guessed booleans. Decimals
are written `!decimal "12.50"` and entities `!entity 'Agent::"a"'`; a bare `12.50` is refused, because a float
is not a Cedar type. The format is described with an example in the README of this room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from ombud_policies.errors import Problem
from ombud_policies.question import CAPTURES, Question, Uid


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case demands of a verdict; None where it does not care."""

    verdict: str
    policies: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    capture: str | None = None
    redact: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One question and what policy must say of it; `approved` asks again with an approval.

    `approval` None stands for one by all groups that the first verdict names.
    """

    file: str
    line: int
    name: str
    question: Question
    expected: Expected
    approval: Mapping[str, Any] | None = None
    approved: Expected | None = None


class _Refusal(Exception):
    """A case that cannot be read."""


def read_cases(file: str, content: bytes, report: Callable[[Problem], None]) -> Iterator[Case]:
    """Yield the cases of one file; report those that cannot be read, with their line."""
    try:
        root = yaml.compose(content.decode(), Loader=_Loader)
        whole = _construct(root)
        listed, lines = _listed(root, whole)
        defaults = _mapping(whole.get("defaults", {}), "defaults", _REQUEST)
    except UnicodeDecodeError:
        report(Problem(file, "is not UTF-8; save it as UTF-8"))
        return
    except RecursionError:
        report(Problem(file, "is nested too deeply"))
        return
    except (yaml.YAMLError, _Refusal) as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or str(error)
        report(Problem(file, message, mark.line + 1 if mark else None))
        return
    names: set[str] = set()
    for item, line in zip(listed, lines, strict=True):
        try:
            case = _case(file, line, item, defaults)
            if case.name in names:
                raise _Refusal(f"the name {case.name!r} is taken by another case of this file")
        except _Refusal as error:
            report(Problem(file, str(error), line))
        else:
            names.add(case.name)
            yield case


_REQUEST = ("principal", "action", "resource", "context")
_CASE = ("name", *_REQUEST, "expect", "approved")
_EXPECT = ("verdict", "policies", "groups", "capture", "redact")


def _listed(root: Any, whole: Any) -> tuple[list[Any], list[int]]:
    _mapping(whole, "the file", ("defaults", "cases"))
    listed = whole.get("cases")
    if not isinstance(listed, list):
        raise _Refusal("the file must have a list of 'cases'")
    nodes = next(value.value for key, value in root.value if key.value == "cases")
    return listed, [node.start_mark.line + 1 for node in nodes]


def _case(file: str, line: int, item: Any, defaults: Mapping[str, Any]) -> Case:
    written = _mapping(item, "a case", _CASE)
    name = _text(written.get("name"), "name")
    request = {key: _merged(defaults.get(key), written.get(key)) for key in _REQUEST}
    question = Question(
        _entity(request["principal"], "principal"),
        _text(request["action"], "action"),
        _entity(request["resource"], "resource"),
        _mapping(request["context"] or {}, "context"),
    )
    expected = _expected(written.get("expect"), "expect")
    if "approved" not in written:
        return Case(file, line, name, question, expected)
    again = _mapping(written["approved"], "approved", ("approval", "expect"))
    approval = _mapping(again["approval"], "approval") if "approval" in again else None
    return Case(
        file, line, name, question, expected, approval, _expected(again.get("expect"), "approved.expect")
    )


def _expected(value: Any, where: str) -> Expected:
    written = _mapping(value, where, _EXPECT)
    verdict = written.get("verdict")
    if verdict not in ("allow", "deny", "review"):
        raise _Refusal(f"{where}.verdict must be allow, deny or review, not {verdict!r}")
    capture = written.get("capture")
    if capture not in (None, *CAPTURES):
        raise _Refusal(f"{where}.capture must be one of {', '.join(CAPTURES)}, not {capture!r}")
    redact = written.get("redact")
    if "policies" not in written:
        raise _Refusal(f"{where}.policies is missing; list the @ids that decide ([] for a default deny)")
    groups = written.get("groups", [] if verdict != "review" else None)
    if groups is None:
        raise _Refusal(f"{where}.groups is missing; list the groups a review must have")
    return Expected(
        verdict,
        tuple(sorted(_texts(written["policies"], f"{where}.policies"))),
        tuple(sorted(_texts(groups, f"{where}.groups"))),
        capture,
        None if redact is None else frozenset(_texts(redact, f"{where}.redact")),
    )


def _merged(default: Any, written: Any) -> Any:
    """Lay a case over the defaults: mappings key by key, anything else as a whole; null takes a key away."""
    if written is None:
        return default
    if not isinstance(default, Mapping) or not isinstance(written, Mapping):
        return written
    merged = dict(default)
    for key, value in written.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(default.get(key), value)
    return merged


def _mapping(value: Any, where: str, known: tuple[str, ...] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _Refusal(f"{where} must be a mapping with text keys")
    strangers = sorted(set(value) - set(known)) if known is not None else []
    if known is not None and strangers:
        raise _Refusal(f"{where} has unknown {', '.join(strangers)}; it may have {', '.join(known)}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise _Refusal(f"{where} must be a text, not {value!r}")
    return value


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Refusal(f"{where} must be a list of texts, not {value!r}")
    return value


def _entity(value: Any, where: str) -> Uid:
    if isinstance(value, Uid):
        return value
    try:
        return Uid.parse(_text(value, where))
    except ValueError as error:
        raise _Refusal(f"{where}: {error}") from error


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases (they can multiply), repeated keys and YAML 1.1's guesses."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read; use 'defaults'", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=True)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key is written twice", node.start_mark)
        return mapping


def _construct(root: yaml.Node | None) -> Any:
    if root is None:
        raise _Refusal("the file is empty")
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _decimal(loader: yaml.SafeLoader, node: yaml.Node) -> Decimal:
    text = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else ""
    try:
        return Decimal(str(text))
    except InvalidOperation:
        message = f'{text!r} is not a decimal; write !decimal "12.50"'
        raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from None


def _uid(loader: yaml.SafeLoader, node: yaml.Node) -> Uid:
    text = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else ""
    try:
        return Uid.parse(str(text))
    except ValueError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


def _no_float(_loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    message = f'{node.value} is ambiguous; write !decimal "{node.value}", or quote it if it is a text'
    raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"true|false", "tf"),
    ("tag:yaml.org,2002:int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("tag:yaml.org,2002:null", r"null|~|", "n~"),
    ("!float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9.]+[eE][-+]?[0-9]+|\.inf|\.nan)", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        _tag, re.compile(rf"^(?:{_pattern})$"), [*_first, *([""] if "null" in _tag else [])]
    )
_Loader.add_constructor("!decimal", _decimal)
_Loader.add_constructor("!entity", _uid)
_Loader.add_constructor("!float", _no_float)
