# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON, strict: the one byte string for a value, every other refused (FORMAT.md, "Record").

A subset of RFC 8785: objects, arrays, strings, true, false, integers within 2^53-1. No null, no floats.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, NoReturn

import orjson

from ombud_ledger.errors import RecordInvalid

MAX_RECORD: Final = 16 * 1024
MAX_FACTS: Final = 256 * 1024
MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 16
MAX_KEY: Final = 64

JSON = Any  # bool | int | str | list[JSON] | dict[str, JSON]

_KEYS_MEMO: Final = 64  # longer lists of keys are not remembered
_FLAT: Final = frozenset({str, int, bool})
_PLAIN: Final = _FLAT | {dict, list}
KEY: Final = re.compile(r"[a-z0-9_]{1,64}")


def encode(value: Mapping[str, JSON], *, limit: int, longest: int | None = None) -> bytes:
    """Return the canonical bytes of an object, validating every part of it on the way.

    `limit` bounds the bytes of the whole, `longest` the characters of any one string.
    Raises RecordInvalid naming the key at fault, never its value, which may be personal.
    """
    longest = limit if longest is None else longest
    # orjson prints what is plainly of the subset; whatever is not goes the exact way, which alone refuses.
    if type(value) is dict and (shape := _plain_shape(value)) is not None:
        try:
            data = orjson.dumps(value, None, orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
        except TypeError:  # an integer beyond 2^53-1, or a lone surrogate
            data = b""
        # Besides any one string the bytes hold the outer keys: what is left bounds the string.
        if data and len(data) <= limit and len(data) - shape.key_bytes <= longest:
            return data
        if data and len(data) <= limit and _longest(value) <= longest:
            return data
    return encode_exactly(value, limit=limit, longest=longest)


def encode_exactly(value: Mapping[str, JSON], *, limit: int, longest: int) -> bytes:
    """Do what `encode` does, part by part in plain Python: the definition, and the one that refuses."""
    try:
        data = _object(value, 1, longest).encode()
    except UnicodeEncodeError as error:
        raise RecordInvalid("a string holds a lone surrogate: not Unicode text") from error
    except TypeError as error:
        raise RecordInvalid("keys must be strings of [a-z0-9_]") from error
    if len(data) > limit:
        raise RecordInvalid(f"{len(data)} bytes: at most {limit} allowed")
    return data


def parse(data: bytes, *, limit: int) -> dict[str, JSON]:
    """Return the object whose canonical encoding `data` is; raise RecordInvalid if there is none."""
    # 1. Size first, so that nothing below works on unbounded input.
    if len(data) > limit:
        raise RecordInvalid(f"{len(data)} bytes: at most {limit} allowed")
    # 2. UTF-8, JSON, without what the subset leaves out.
    try:
        value = _decoder().decode(data.decode())
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RecordInvalid(f"not JSON of the subset: {error}") from error
    if type(value) is not dict:
        raise RecordInvalid("not a JSON object")
    # 3. Printing it again must give the same bytes: refuses spaces, order, escapes, duplicates, -0, long
    #    forms.
    if encode_exactly(value, limit=limit, longest=limit) != data:
        raise RecordInvalid("not canonical: printing it again gives other bytes")
    return value


class _Shape(NamedTuple):
    """What the keys of an object and the types of its values tell: all but what is nested in it."""

    objects: tuple[str, ...]
    arrays: tuple[str, ...]
    key_bytes: int


def _plain_shape(value: dict[str, JSON], depth: int = 1) -> _Shape | None:
    """Return the shape of an object that is plainly of the subset, lengths and ranges apart; else None."""
    look = _shape_memo if len(value) <= _KEYS_MEMO else _shape
    shape = look(tuple(value), tuple(map(type, value.values())))
    if shape is None or depth > MAX_DEPTH:
        return None
    for key in shape.objects:
        if _plain_shape(value[key], depth + 1) is None:
            return None
    if shape.arrays and depth >= MAX_DEPTH:
        return None
    for key in shape.arrays:
        if not _FLAT.issuperset(map(type, value[key])):
            return None  # objects and arrays in arrays are rare: the exact way
    return shape


def _shape(keys: tuple[str, ...], types: tuple[type, ...]) -> _Shape | None:
    if not _PLAIN.issuperset(types) or not all(type(key) is str and KEY.fullmatch(key) for key in keys):
        return None
    typed = list(zip(keys, types, strict=True))
    return _Shape(
        tuple(key for key, kind in typed if kind is dict),
        tuple(key for key, kind in typed if kind is list),
        sum(map(len, keys)),
    )


_shape_memo = lru_cache(maxsize=1_024)(_shape)


def _longest(value: dict[str, JSON] | list[JSON]) -> int:
    """Return the characters of the longest string in a plain value."""
    parts = value.values() if type(value) is dict else value
    longest = max(map(len, [part for part in parts if type(part) is str]), default=0)
    inner = [_longest(part) for part in parts if type(part) is dict or type(part) is list]
    return max(longest, *inner) if inner else longest


def _object(value: Mapping[str, JSON], depth: int, longest: int) -> str:
    if depth > MAX_DEPTH:
        raise RecordInvalid(f"nested deeper than {MAX_DEPTH}")
    parts: list[str] = []
    add = parts.append
    for key in sorted(value):
        item = value[key]
        kind = type(item)
        if kind is str:
            if len(item) > longest:
                raise RecordInvalid(f"{key}: string of {len(item)} characters, at most {longest} allowed")
            add(_key(key) + encode_basestring(item))
        elif kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                raise RecordInvalid(f"{key}: integer beyond 2^53-1")
            add(f"{_key(key)}{item}")
        else:
            add(_key(key) + _value(key, item, depth, longest))
    text = "".join(parts)
    return "{" + text[1:] + "}"


def _value(key: str, item: JSON, depth: int, longest: int) -> str:
    kind = type(item)
    if kind is str:
        if len(item) > longest:
            raise RecordInvalid(f"{key}: string of {len(item)} characters, at most {longest} allowed")
        text: str = encode_basestring(item)
        return text
    if kind is int:
        if not -MAX_INTEGER <= item <= MAX_INTEGER:
            raise RecordInvalid(f"{key}: integer beyond 2^53-1")
        return str(item)
    if kind is bool:
        return "true" if item else "false"
    if kind is dict:
        return _object(item, depth + 1, longest)
    if kind is list or kind is tuple:
        if depth >= MAX_DEPTH:
            raise RecordInvalid(f"nested deeper than {MAX_DEPTH}")
        return "[" + ",".join([_value(key, part, depth + 1, longest) for part in item]) + "]"
    raise RecordInvalid(f"{key}: {kind.__name__} is not of the subset (no null, no floats)")


@lru_cache(maxsize=4096)
def _key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise RecordInvalid(f"key {key[:80]!r}: must be 1 to {MAX_KEY} of [a-z0-9_]")
    return f',"{key}":'


@lru_cache(maxsize=1)
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:32]} is not an integer")
