# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An index of reports as one HTML page in their look: what each is, its files, how checking it went. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from ombud_reports.svg import legible


@dataclass(frozen=True, slots=True)
class Listed:
    """A report as an index lists it."""

    title: str
    about: str
    """What it answers."""
    made_by: str
    files: tuple[str, ...]
    """Names of its files, beside the index; the page first."""
    same: bool
    """Whether all that it says was computed again and is the same, and the ledger tells of it."""
    verdict: str
    """What `ombud report verify` said."""
    command: str
    """What makes it."""


def to_index(title: str, note: str, listed: Sequence[Listed], *, more: Sequence[str] = ()) -> bytes:
    """Return the page, UTF-8: `note` stands out at its top, `more` are paragraphs at its end."""
    page = files("ombud_reports") / "page"
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: legible(value) if type(value) is str else value,
    )
    template = environment.from_string((page / "index.html.j2").read_text(encoding="utf-8"))
    style = (page / "style.css").read_text(encoding="utf-8")
    return template.render(title=title, note=note, listed=listed, more=more, style=style).encode()
