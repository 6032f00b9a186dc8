# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""How a system's model behaves over a sample of its decisions: which features weigh, how, and in which
version."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from ombud_reports.explain.attribution import Floats
from ombud_reports.explain.behaviour import CALLS, LEVEL, Z, calls, how, limits
from ombud_reports.explain.contract import Field, Value, names, shown
from ombud_reports.explain.run import SystemExplained
from ombud_reports.explain.transcript import Transcript
from ombud_reports.reading import Reading
from ombud_reports.result import Block, Chart, Figure, Interval, Notice, Section, Series, Table, Text

_BINS: Final = 4
_LEAST: Final = 5


def sections(
    reading: Reading,
    explained: SystemExplained,
    answers: Transcript,
    other: SystemExplained | None,
    against: Transcript | None,
) -> tuple[Section, ...]:
    """Lay out what answers about a sample say."""
    found = [
        Section("Which features weigh", tuple(_weights(explained, answers))),
        Section("How they weigh", tuple(_dependence(explained))),
    ]
    if other is not None and against is not None:
        found.append(
            Section("Against another version", tuple(_stability(explained, answers, other, against)))
        )
    return (*found, calls(reading, answers))


def _weights(explained: SystemExplained, answers: Transcript) -> Iterator[Block]:
    found, features = explained.attribution, explained.contract.features
    target = explained.target.words(explained.contract)
    yield from limits(target, found, len(answers.background))
    sizes = np.abs(found.values)
    means = sizes.mean(axis=0)
    order = _largest_first(means, features)
    rows, low, high = [], [], []
    for at in order:
        mean = float(means[at])
        error = float(sizes[:, at].std(ddof=1) / math.sqrt(len(sizes))) if len(sizes) > 1 else math.nan
        bounds = (max(mean - Z * error, 0.0), mean + Z * error)
        # How much permutations blur a value inflates its size; it is told beside, not subtracted.
        blur = float(np.sqrt((found.errors[:, at] ** 2).mean()))
        method = "normal, over the cases of the sample"
        said = f"mean over {len(sizes)} cases of the size of: {how(target, found)}"
        interval = Interval(*bounds, LEVEL, method) if len(sizes) > 1 else None
        rows.append(
            (
                features[at].name,
                Figure(f"weight.{features[at].name}", mean, "", CALLS, said, interval),
                Figure(
                    f"blur.{features[at].name}", blur, "", CALLS, "root mean square of the standard errors"
                ),
            )
        )
        low.append(bounds[0])
        high.append(bounds[1])
    yield Table(
        "Mean size of attributions", ("feature", "mean size", "sampling error of one value"), tuple(rows)
    )
    labels = tuple(features[at].name for at in order)
    series = Series("mean size", tuple(float(means[at]) for at in order), tuple(low), tuple(high))
    alt = (
        f"Mean size of attributions to {target} by feature, largest first; the table gives the same figures."
    )
    yield Chart("Mean size of attributions", alt, "intervals", labels, (series,))
    worst = float(np.abs(found.gaps).max())
    yield Table(
        "The values add up",
        ("what", "figure"),
        (
            ("Cases explained", Figure("sample", len(sizes), "cases", CALLS)),
            ("Mean answer of the background", Figure("base", found.base, "", CALLS)),
            (
                "Largest remainder of additivity",
                Figure("additivity.gap", worst, "", CALLS, "0 but for rounding"),
            ),
            ("Distinct rows the model was asked about", Figure("asked", found.asked, "rows", CALLS)),
        ),
    )


def _dependence(explained: SystemExplained) -> Iterator[Block]:
    found, features = explained.attribution, explained.contract.features
    yield Text(
        "Mean attribution by the value of the feature: numbers in four bins of about equally many cases, "
        f"others by value. Bins with fewer than {_LEAST} cases have no figure."
    )
    rows: list[tuple[str | Figure, ...]] = []
    for at in _largest_first(np.abs(found.values).mean(axis=0), features):
        for place, (label, held) in enumerate(_bins(features[at], explained.cases[:, at].tolist())):
            name = f"dependence.{features[at].name}.{place}"
            values = found.values[held, at]
            few = f"too few: {len(values)} of at least {_LEAST}" if len(values) < _LEAST else ""
            mean = None if few else float(values.mean())
            interval = None
            if not few:
                error = float(values.std(ddof=1)) / math.sqrt(len(values))
                interval = Interval(
                    float(values.mean()) - Z * error, float(values.mean()) + Z * error, LEVEL, "normal"
                )
            figure = Figure(name, mean, "", CALLS, "mean attribution of the cases in the bin", interval, few)
            rows.append((features[at].name, label, str(len(values)), figure))
    yield Table("Attribution by value", ("feature", "value", "cases", "mean attribution"), tuple(rows))


def _stability(
    explained: SystemExplained, answers: Transcript, other: SystemExplained, against: Transcript
) -> Iterator[Block]:
    if names(explained.contract.features) != names(other.contract.features):
        yield Notice("The other version has other features, so that their order cannot be compared.", "gap")
        return
    if answers.window != against.window or _but_version(answers) != _but_version(against):
        yield Notice(
            "The two were asked over other windows, samples or seeds: differences may stem from that alone.",
            "warning",
        )
    first, second = (np.abs(each.attribution.values).mean(axis=0) for each in (explained, other))
    rho = spearman(first, second)
    said = "Spearman rank correlation of the mean sizes of attributions, ties by mean rank"
    absent = "" if rho is not None else "all features weigh the same in one of them"
    rows: list[tuple[str | Figure, ...]] = [
        ("version", answers.model.version, against.model.version),
        ("rank correlation", "", Figure("stability.rank", rho, "", CALLS, said, absent=absent)),
    ]
    for at in _largest_first(first, explained.contract.features):
        name = explained.contract.features[at].name
        rows.append((name, f"{first[at]:.6g}", Figure(f"stability.{name}", float(second[at]), "", CALLS)))
    yield Table("Mean size of attributions in both", ("what", "this version", "the other"), tuple(rows))


def _but_version(answers: Transcript) -> dict[str, int | str]:
    return {**answers.options, "version": ""}


def spearman(first: Floats, second: Floats) -> float | None:
    """Return the rank correlation; None where one of the two is constant."""
    ranks = [_ranks(each) for each in (first, second)]
    spread = [float(each.std()) for each in ranks]
    if not all(spread):
        return None
    centred = [each - each.mean() for each in ranks]
    return float((centred[0] * centred[1]).mean() / (spread[0] * spread[1]))


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1, ties sharing their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = (ends - (counts - 1) / 2)[inverse]
    return means


def _bins(field: Field, values: Sequence[Value]) -> list[tuple[str, list[int]]]:
    """Return bins by label, each with the cases in it."""
    known = [value for value in values if isinstance(value, int | float) and field.number]
    found: dict[Any, list[int]] = {}
    edges = (
        sorted({float(np.quantile(known, step / _BINS, method="inverted_cdf")) for step in range(1, _BINS)})
        if known
        else []
    )
    for at, value in enumerate(values):
        numeric = isinstance(value, int | float) and field.number
        key = (
            sum(float(value) > edge for edge in edges)
            if numeric and value is not None
            else shown(value, field)
        )
        found.setdefault(key, []).append(at)
    return [
        (_label(key, edges, field) if isinstance(key, int) else key, held)
        for key, held in sorted(found.items(), key=lambda pair: (isinstance(pair[0], str), pair[0]))
    ]


def _label(bin_: int, edges: Sequence[float], field: Field) -> str:
    low = f"above {edges[bin_ - 1]:.6g}" if bin_ else ""
    high = f"to {edges[bin_]:.6g}" if bin_ < len(edges) else ""
    unit = f" {field.unit}" if field.unit and field.unit != "code" else ""
    return (", ".join(filter(None, (low, high))) or "all") + unit


def _largest_first(sizes: Floats, features: Sequence[Field]) -> list[int]:
    return sorted(range(len(features)), key=lambda at: (-float(sizes[at]), features[at].name))
