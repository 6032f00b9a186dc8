# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of report: what each is called, what it may be asked, and the function that builds it.

A kind is a module with a constant `KIND`, and one line in `BUILDERS` below, in alphabetical order:

```python
KIND = Kind(
    name="drift",
    title="Drift",
    about="How inputs and answers of a system moved against a reference window.",
    build=build,
    options=(
        Option("reference_from", "moment", "Begin of the reference window; else the window before."),
        Option("least_rows", "integer", "Rows below which no figure is given.", default=50, least=1),
    ),
)

def build(reading: Reading, options: Options) -> tuple[Section, ...]:
    ...
```

`build` is a pure function of the ledger as `reading` shows it and of `options`: no clock, no random numbers
but from a seed that is an option, no file but those an option of type `file` names. The same entries give
the same sections, byte for byte. It holds every option of the kind, defaults filled in, of the type
declared: `text` and `moment` are str, `integer` int, `number` float, `flag` bool, with `many` a tuple of
these; `file` is a `Given`. What is optional and was not given, and has no default, is None.

The frame (`make`) adds all else: title, system, window, basis, the notices about gaps and erasures, the
sources that `reading.ask` noted. The command line and the page take names, help and types from here:
`reference_from` is `--reference-from`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from ombud_reports.errors import OptionInvalid
from ombud_reports.reading import Reading
from ombud_reports.result import Section

BUILDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ai-act": "ombud_reports.ai_act.document",
        "card": "ombud_reports.card",
        "incident": "ombud_reports.incident",
        "explain": "ombud_reports.explain",
        "bias": "ombud_reports.bias",
        "drift": "ombud_reports.drift",
        "operations": "ombud_reports.operations",
    }
)
"""By name, the module whose `KIND` it is; imported when it is asked for."""

OptionType = Literal["text", "integer", "number", "flag", "moment", "file"]


@dataclass(frozen=True, slots=True)
class Given:
    """A file that was given with a report, and the SHA-256 of its bytes, in hex: what the report names."""

    path: Path
    digest: str


Single = str | int | float | bool | Given | None
Options = Mapping[str, Single | tuple[Single, ...]]


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a kind may be asked, beside system and window."""

    name: str
    type: OptionType
    about: str
    default: str | int | float | bool | None = None
    required: bool = False
    many: bool = False
    """Whether it may be given several times; the value is then a tuple, empty if it was not given."""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of report."""

    name: str
    title: str
    about: str
    build: Callable[[Reading, Options], tuple[Section, ...]]
    options: tuple[Option, ...] = ()
    document: bool = False
    """Whether it is written as PDF as well."""


def names() -> tuple[str, ...]:
    """Return the names of all kinds, sorted."""
    return tuple(sorted(BUILDERS))


def kind_of(name: str) -> Kind:
    """Return a kind by its name. Raises OptionInvalid."""
    if name not in BUILDERS:
        raise OptionInvalid(f"kind: is {name[:80]!r}, must be one of {', '.join(names())}")
    kind = import_module(BUILDERS[name]).KIND
    assert isinstance(kind, Kind)  # noqa: S101 - the table is ours
    return kind
