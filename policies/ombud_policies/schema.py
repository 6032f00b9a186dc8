# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Read from a Cedar schema who may do what to which, and the type of each action's context.

Cedar checks a request against its schema only when the schema is passed with the call, which costs as much
as the decision itself. The engine instead checks the part of a question that policies can see, with the
types read here. Only Cedar's own rendering is read (`str(cedarpy.Schema)`), never the author's text, so
comments, annotations and layout do not matter; a construct that is not understood is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from cedarpy import Schema

PRIMITIVE = frozenset({"Bool", "Long", "String"})
EXTENSION = frozenset({"datetime", "decimal", "duration", "ipaddr"})

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*|::|[{}\[\]<>:;,?=()@]'
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A primitive or extension type: Bool, Long, String, decimal, ipaddr, datetime, duration."""

    name: str


@dataclass(frozen=True, slots=True)
class EntityType:
    """An entity type; `ids` lists the only identities of an enumerated one."""

    name: str
    ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SetType:
    """A set of one element type."""

    element: Type


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record: attribute name to (type, required)."""

    attributes: Mapping[str, tuple[Type, bool]]


Type: TypeAlias = Scalar | EntityType | SetType | RecordType


@dataclass(frozen=True, slots=True)
class ActionType:
    """What one action applies to, and the action groups above it (itself included)."""

    principals: Mapping[str, EntityType]
    resources: Mapping[str, EntityType]
    context: RecordType
    parents: frozenset[str] = field(default_factory=frozenset)


def read_schema(schema: Schema) -> dict[str, ActionType]:
    """Return every action that applies to something; raise ValueError for what is not understood."""
    return _Reader(str(schema)).actions()


class _Reader:
    """Recursive descent over Cedar's rendering (grammar: Cedar Language Guide, "Schema grammar")."""

    def __init__(self, text: str) -> None:
        tokens = _TOKEN.findall(text)
        if "".join(tokens) != _without_space(text):
            raise ValueError("the schema has a construct that is not understood")
        self._tokens = _without_annotations(tokens)
        self._at = 0
        self._common: dict[str, int] = {}
        self._entities: dict[str, frozenset[str] | None] = {}
        self._actions: list[tuple[list[str], int]] = []

    def actions(self) -> dict[str, ActionType]:
        self._index()
        declared: dict[str, tuple[frozenset[str], ActionType | None]] = {}
        for names, at in self._actions:
            self._at = at
            parents, action = self._action()
            declared.update(dict.fromkeys(names, (parents, action)))
        return {
            name: ActionType(a.principals, a.resources, a.context, _closure(name, declared))
            for name, (_, a) in declared.items()
            if a is not None
        }

    def _index(self) -> None:
        """First pass: note where each declaration stands, so that order does not matter."""
        while self._at < len(self._tokens):
            match self._next():
                case "entity":
                    names = self._names()
                    ids = self._enum() if self._take("enum") else None
                    self._entities.update(dict.fromkeys(names, ids))
                case "type":
                    name = self._next()
                    self._expect("=")
                    self._common[name] = self._at
                case "action":
                    names = self._names()
                    self._actions.append((names, self._at))
                case "namespace":
                    raise ValueError("namespaces are not supported; declare entities and actions without one")
                case other:
                    raise ValueError(f"the schema has {other!r} where a declaration was expected")
            while self._next() != ";":
                pass

    def _action(self) -> tuple[frozenset[str], ActionType | None]:
        parents = frozenset(self._uids()) if self._take("in") else frozenset()
        if not self._take("appliesTo"):
            return parents, None
        self._expect("{")
        principals: list[str] = []
        resources: list[str] = []
        context = RecordType({})
        while not self._take("}"):
            key = self._next()
            self._expect(":")
            if key == "principal":
                principals = self._list()
            elif key == "resource":
                resources = self._list()
            else:
                found = self._type()
                if not isinstance(found, RecordType):
                    raise ValueError("an action's context must be a record")
                context = found
            self._take(",")
        return parents, ActionType(
            {name: self._entity(name) for name in principals},
            {name: self._entity(name) for name in resources},
            context,
        )

    def _type(self) -> Type:
        if self._take("{"):
            attributes: dict[str, tuple[Type, bool]] = {}
            while not self._take("}"):
                name = _unquoted(self._next())
                required = not self._take("?")
                self._expect(":")
                attributes[name] = (self._type(), required)
                self._take(",")
            return RecordType(attributes)
        name = self._next()
        if name == "Set":
            self._expect("<")
            element = self._type()
            self._expect(">")
            return SetType(element)
        return self._named(name)

    def _named(self, name: str) -> Type:
        """Resolve a name in Cedar's order: common type, entity type, then built-in."""
        plain = name.removeprefix("__cedar::")
        if plain == name and name in self._common:
            back, self._at = self._at, self._common[name]
            found = self._type()
            self._at = back
            return found
        if plain == name and name in self._entities:
            return self._entity(name)
        if plain in PRIMITIVE | EXTENSION:
            return Scalar(plain)
        raise ValueError(f"the schema names {name!r}, which is not understood")

    def _entity(self, name: str) -> EntityType:
        if name not in self._entities:
            raise ValueError(f"the schema names entity type {name!r}, which it does not declare")
        return EntityType(name, self._entities[name])

    def _enum(self) -> frozenset[str]:
        return frozenset(_unquoted(name) for name in self._list())

    def _names(self) -> list[str]:
        names = [_unquoted(self._next())]
        while self._take(","):
            names.append(_unquoted(self._next()))
        return names

    def _list(self) -> list[str]:
        if not self._take("["):
            return [self._next()]
        names: list[str] = []
        while not self._take("]"):
            names.append(self._next())
            self._take(",")
        return names

    def _uids(self) -> list[str]:
        """Read `[Action::"a", Action::"b"]` as the bare action names."""
        names: list[str] = []
        self._expect("[")
        while not self._take("]"):
            self._expect("Action")
            self._expect("::")
            names.append(_unquoted(self._next()))
            self._take(",")
        return names

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise ValueError("the schema ends in the middle of a declaration")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self, token: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] == token

    def _take(self, token: str) -> bool:
        if not self._peek(token):
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise ValueError(f"the schema lacks {token!r} where it was expected")


def _unquoted(token: str) -> str:
    if not token.startswith('"'):
        return token
    escaped = re.sub(r"\\u\{([0-9a-fA-F]+)\}", lambda m: json.dumps(chr(int(m[1], 16)))[1:-1], token)
    text = json.loads(escaped.replace("\\'", "'").replace("\\0", "\\u0000"))
    assert isinstance(text, str)  # noqa: S101 - json of a quoted token
    return text


def _without_space(text: str) -> str:
    return "".join(
        part if part.startswith('"') else re.sub(r"\s+", "", part) for part in _PARTS.findall(text)
    )


def _without_annotations(tokens: list[str]) -> list[str]:
    """Drop `@name` and `@name("value")`, which may stand before any declaration or attribute (RFC 48)."""
    kept: list[str] = []
    at = 0
    while at < len(tokens):
        if tokens[at] != "@":
            kept.append(tokens[at])
            at += 1
        else:
            at += 5 if tokens[at + 2 : at + 3] == ["("] else 2
    return kept


_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[^"]+|"')


def _closure(name: str, declared: Mapping[str, tuple[frozenset[str], ActionType | None]]) -> frozenset[str]:
    seen = {name}
    todo = [name]
    while todo:
        for parent in declared[todo.pop()][0] - seen:
            seen.add(parent)
            todo.append(parent)
    return frozenset(seen)
