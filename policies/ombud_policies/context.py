# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Write the reachable part of a context as Cedar's JSON, checking it against the schema on the way.

A plan is compiled once per slice from what its policies reach and what the schema declares there. Cedar's
JSON gives a meaning to the keys `__entity` and `__extn`; since a plan writes only declared attributes of
declared types, no value from a caller can take on another type (Cedar docs, "Entities and context syntax").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import Any, TypeAlias

from ombud_policies.errors import ContextInvalid
from ombud_policies.question import Uid
from ombud_policies.reach import Reach
from ombud_policies.scaling import Path, Scaled, alike, ten_thousandths
from ombud_policies.schema import EntityType, RecordType, Scalar, SetType, Type

Encode: TypeAlias = Callable[[Any], str]
"""Write one value; raise ContextInvalid when it is not of its declared type."""

_LONGEST_DECIMAL = Decimal("922337203685477.5807")
_EXTENSIONS = {"datetime": "datetime", "duration": "duration", "ipaddr": "ip"}


def compile_context(schema: RecordType, reach: Reach, scaled: Scaled = MappingProxyType({})) -> Encode:
    """Return the encoder of an action's context, narrowed to what is reachable.

    Decimals at the paths in `scaled` are written as integers, counted in ten-thousandths; of those that are
    compared with literals alone, one stands for all that compare alike.
    """
    return _record(schema, reach, (), scaled)


def _value(kind: Type, reach: Reach, path: Path, scaled: Scaled) -> Encode:
    if isinstance(kind, RecordType):
        return _record(kind, reach, path, scaled)
    if not reach.whole and not reach.below:
        return _presence
    if path in scaled:
        return _ten_thousandths(_shown(path), scaled[path])
    match kind:
        case SetType(element):
            return _set(_value(element, Reach(whole=True), (*path, "[]"), scaled), _shown(path))
        case EntityType():
            return _entity(kind, _shown(path))
        case Scalar(name):
            return _scalar(name, _shown(path))


def _record(kind: RecordType, reach: Reach, path: Path, scaled: Scaled) -> Encode:
    plan = tuple(
        (
            name,
            encode_basestring_ascii(name) + ":",
            required,
            _value(inner, reach if reach.whole else reach.below[name], (*path, name), scaled),
        )
        for name, (inner, required) in sorted(kind.attributes.items())
        if reach.whole or name in reach.below
    )
    shown = _shown(path)
    declared = frozenset(kind.attributes) if reach.whole else None
    places = _places(kind)

    def encode_record(value: Any) -> str:
        if not isinstance(value, Mapping):
            place = places.get(value.type) if isinstance(value, Uid) else None
            if place is None:
                raise _mismatch(shown, "a record", value)
            value = {place: value}
        parts = []
        for name, key, required, encode in plan:
            if name in value:
                parts.append(key + encode(value[name]))
            elif required:
                raise ContextInvalid(f"{shown}.{name} is missing; the schema requires it")
        if declared is not None and len(parts) != len(value):
            strangers = ", ".join(sorted(str(name) for name in set(value) - declared))
            raise ContextInvalid(f"{shown} has attributes that the schema does not declare: {strangers}")
        return "{" + ",".join(parts) + "}"

    return encode_record


def _shown(path: Path) -> str:
    return ".".join(("context", *path))


def _places(kind: RecordType) -> dict[str, str]:
    """Return entity type -> attribute where a record stands for "an entity of one of these types".

    Cedar has no union types; a record of optional entities only is how a schema writes one, and a bare entity
    given for it goes to the attribute of its type.
    """
    places: dict[str, str] = {}
    for name, (inner, required) in kind.attributes.items():
        if required or not isinstance(inner, EntityType) or inner.name in places:
            return {}
        places[inner.name] = name
    return places


def _set(encode: Encode, path: str) -> Encode:
    def encode_set(value: Any) -> str:
        if not isinstance(value, (list, tuple)):
            raise _mismatch(path, "a list", value)
        return "[" + ",".join(map(encode, value)) + "]"

    return encode_set


def _entity(kind: EntityType, path: str) -> Encode:
    name, ids = kind.name, kind.ids
    head = '{"__entity":{"type":' + encode_basestring_ascii(name) + ',"id":'

    def encode_entity(value: Any) -> str:
        if not isinstance(value, Uid) or value.type != name or (ids is not None and value.id not in ids):
            raise _mismatch(path, f"an entity of type {name}", value)
        return head + encode_basestring_ascii(value.id) + "}}"

    return encode_entity


def _scalar(name: str, path: str) -> Encode:
    def encode_string(value: Any) -> str:
        if not isinstance(value, str):
            raise _mismatch(path, "a string", value)
        return encode_basestring_ascii(value)

    def encode_long(value: Any) -> str:
        if type(value) is not int or not -(2**63) <= value < 2**63:
            raise _mismatch(path, "a 64-bit integer", value)
        return repr(value)

    def encode_bool(value: Any) -> str:
        if value is True:
            return "true"
        if value is False:
            return "false"
        raise _mismatch(path, "a boolean", value)

    def encode_decimal(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise _mismatch(path, "a Decimal", value)
        return '{"__extn":{"fn":"decimal","arg":"' + decimal_text(value, path) + '"}}'

    def encode_extension(value: Any) -> str:
        if not isinstance(value, str):
            raise _mismatch(path, f"the text of a {name}", value)
        return '{"__extn":{"fn":"' + _EXTENSIONS[name] + '","arg":' + encode_basestring_ascii(value) + "}}"

    plain = {"String": encode_string, "Long": encode_long, "Bool": encode_bool, "decimal": encode_decimal}
    return plain.get(name, encode_extension)


def _ten_thousandths(path: str, literals: tuple[int, ...]) -> Encode:
    def encode_scaled(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise _mismatch(path, "a Decimal", value)
        count = ten_thousandths(decimal_text(value, path))
        return repr(alike(count, literals) if literals else count)

    return encode_scaled


def decimal_text(value: Decimal, path: str) -> str:
    """Return Cedar's spelling: a point and 1 to 4 digits after it; raise ContextInvalid for what has none."""
    if not value.is_finite() or abs(value) > _LONGEST_DECIMAL:
        raise ContextInvalid(f"{path} is not a decimal that Cedar can hold")
    text = f"{value:f}"
    point = text.find(".")
    if point < 0:
        return text + ".0"
    if len(text) - point > 5:
        raise ContextInvalid(f"{path} has more than 4 digits after the point; round it first")
    return text


def _presence(_value: Any) -> str:
    """Stand in for a value of which policies only ask whether it is there."""
    return "true"


def _mismatch(path: str, wanted: str, value: object) -> ContextInvalid:
    return ContextInvalid(f"{path} is of type {type(value).__name__}; the schema wants {wanted}")
