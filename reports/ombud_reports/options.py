# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a kind of report is asked: values held to what the kind declares, defaults filled in. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from ombud_reports.errors import OptionInvalid
from ombud_reports.kinds import Given, Kind, Option, Options, Single
from ombud_reports.result import Recorded, Scalar

_WHAT = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "moment": "a time in ISO 8601, as in 2026-01-31 (UTC if not said)",
    "file": "a file",
}
_LONGEST = 4_096


def complete(kind: Kind, given: Mapping[str, object]) -> Options:
    """Return every option of a kind, from values as Python, JSON or a command line give them.

    A text is read as the option's type says. Raises OptionInvalid for a name that the kind does not know, a
    value of another type or out of bounds, or one that is missing.
    """
    known = {option.name: option for option in kind.options}
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise OptionInvalid(f"{name[:80]}: is no option of {kind.name}, must be one of: {listed}")
    return {name: _value(option, given.get(name)) for name, option in known.items()}


def recorded(options: Options) -> dict[str, Recorded]:
    """Return options as a report keeps them: of a file, its digest."""
    return {
        name: tuple(map(_plain, value)) if isinstance(value, tuple) else _plain(value)
        for name, value in options.items()
    }


def parse_moment(text: str, name: str) -> datetime:
    """Read a time in ISO 8601, UTC if not said. Raises OptionInvalid."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise OptionInvalid(f"{name}: is {text[:80]!r}, must be {_WHAT['moment']}") from error
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _plain(value: Single) -> Scalar:
    return f"sha256:{value.digest}" if isinstance(value, Given) else value


def _value(option: Option, value: object) -> Single | tuple[Single, ...]:
    if option.many:
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        found = tuple(_one(option, each) for each in values if each is not None)
        if option.required and not found:
            raise OptionInvalid(f"{option.name}: is not given, must be, at least once: {option.about}")
        return found
    if value is None or value == ():
        if option.required:
            raise OptionInvalid(f"{option.name}: is not given, must be: {option.about}")
        return option.default
    return _one(option, value)


def _one(option: Option, value: object) -> Single:
    try:
        found = _typed(option, value)
    except (TypeError, ValueError, OverflowError) as error:
        what = _WHAT[option.type]
        raise OptionInvalid(f"{option.name}: is {str(value)[:80]!r}, must be {what}") from error
    if option.choices and found not in option.choices:
        listed = ", ".join(option.choices)
        raise OptionInvalid(f"{option.name}: is {str(value)[:80]!r}, must be one of {listed}")
    if isinstance(found, int | float) and not isinstance(found, bool):
        if option.least is not None and found < option.least:
            raise OptionInvalid(f"{option.name}: is {found}, must be at least {option.least:g}")
        if option.most is not None and found > option.most:
            raise OptionInvalid(f"{option.name}: is {found}, must be at most {option.most:g}")
    return found


def _typed(option: Option, value: object) -> Single:
    found = _READERS[option.type](value)
    if option.type == "moment":
        found = parse_moment(str(found), option.name).isoformat()
    return found


def _file(value: object) -> Given:
    if not isinstance(value, Given):
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if value not in (True, False, "true", "false"):
        raise ValueError
    return value in (True, "true")


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value.encode()) > _LONGEST:  # a lone surrogate is no text either
        raise ValueError
    return value


_READERS: Mapping[str, Callable[[object], Single]] = {
    "file": _file,
    "flag": _flag,
    "integer": _integer,
    "moment": _text,
    "number": _number,
    "text": _text,
}
