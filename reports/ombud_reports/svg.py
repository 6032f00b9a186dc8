# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A drawing as inline SVG: no script, no style of its own, every text escaped. Colours come from the page."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from ombud_reports.drawing import COLOURS, WIDTH, Area, Dot, Drawing, Line, Mark, Words


def to_svg(drawing: Drawing, alt: str) -> str:
    """Return the SVG element; `alt` says in words what it shows."""
    inside = "".join(_mark(mark) for mark in drawing.marks)
    box = f"0 0 {WIDTH:g} {drawing.height:g}"
    return (
        f'<svg role="img" viewBox="{box}" aria-label={quoteattr(legible(alt))}>'
        f"<title>{escape(legible(alt))}</title>{inside}</svg>"
    )


def legible(text: str) -> str:
    """Show control characters, which XML and HTML do not allow, and those that turn a text around."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def _mark(mark: Mark) -> str:
    match mark:
        case Line():
            return f'<polyline class="{mark.role}{_colour(mark.series)}" points="{_points(mark.points)}"/>'
        case Area():
            return f'<polygon class="{mark.role}{_colour(mark.series)}" points="{_points(mark.points)}"/>'
        case Dot():
            return f'<circle class="dot{_colour(mark.series)}" cx="{mark.x:g}" cy="{mark.y:g}" r="2.6"/>'
        case Words():
            place = f'x="{mark.x:g}" y="{mark.y:g}" text-anchor="{mark.anchor}"'
            return f'<text class="{mark.role}" {place}>{escape(legible(mark.text))}</text>'


def _colour(series: int) -> str:
    return f" c{series % COLOURS}"


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
