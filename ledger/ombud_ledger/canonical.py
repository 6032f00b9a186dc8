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
from typing import Any, Final, NoReturn

import orjson

from ombud_ledger.errors import RecordInvalid

MAX_RECORD: Final = 16 * 1024
MAX_FACTS: Final = 256 * 1024
MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 16
MAX_KEY: Final = 64

JSON = Any  # bool | int | str | list[JSON] | dict[str, JSON]

_KEYS_MEMO: Final = 64  # longer lists of keys are not remembered
KEY: Final = re.compile(r"[a-z0-9_]{1,64}")


def encode(value: Mapping[str, JSON], *, limit: int, longest: int | None = None) -> bytes:
    """Return the canonical bytes of an object, validating every part of it on the way.

    `limit` bounds the bytes of the whole, `longest` the characters of any one string.
    Raises RecordInvalid naming the key at fault, never its value, which may be personal.
    """
    longest = limit if longest is None else longest
    # orjson prints what is plainly of the subset; whatever is not goes the exact way, which alone refuses.
    if type(value) is dict and _is_plain(value, 1, longest):
        try:
            data = orjson.dumps(value, None, orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
        except TypeError:  # an integer beyond 2^53-1, or a lone surrogate
            data = b""
        if data and len(data) <= limit:
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


def _is_plain(value: dict[str, JSON], depth: int, longest: int) -> bool:
    keys = tuple(value)
    if depth > MAX_DEPTH or not (_are_keys_memo(keys) if len(keys) <= _KEYS_MEMO else _are_keys(keys)):
        return False
    for item in value.values():
        kind = type(item)
        if kind is str:
            if len(item) > longest:
                return False
        elif kind is int or kind is bool:
            continue
        elif kind is dict:
            if not _is_plain(item, depth + 1, longest):
                return False
        # Objects and arrays in arrays are rare: the exact way.
        elif kind is not list or depth == MAX_DEPTH or not _is_flat(item, longest):
            return False
    return True


def _is_flat(items: list[JSON], longest: int) -> bool:
    for item in items:
        kind = type(item)
        if kind is str:
            if len(item) > longest:
                return False
        elif kind is not int and kind is not bool:
            return False
    return True


def _are_keys(keys: tuple[str, ...]) -> bool:
    return all(type(key) is str and KEY.fullmatch(key) for key in keys)


_are_keys_memo = lru_cache(maxsize=1_024)(_are_keys)


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
