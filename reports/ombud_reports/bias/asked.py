# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a report on bias is asked: attributes, what is favourable, on which legal basis; and how to count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ombud_reports.bias.joined import Joined
from ombud_reports.contract import Contract, Field
from ombud_reports.errors import OptionInvalid
from ombud_reports.identifiers import quoted
from ombud_reports.kinds import Option, Options
from ombud_reports.monitoring import Monitoring
from ombud_reports.rows import ATTEMPTS, highest_attempt

MOST_GROUPS: Final = 200
"""Groups of one attribute or intersection; more are no groups."""

OPTIONS: Final = (
    Option(
        "legal_basis",
        "text",
        "on which basis the attributes are processed: EU AI Act Article 4a, or GDPR Articles 6 and "
        "9, or other law",
        required=True,
    ),
    Option("access", "text", "who may see the attributes, where they are kept, until when", required=True),
    Option(
        "attribute",
        "text",
        "an attribute: its name, or name:cut,cut,... for a number; by default the contract's protected ones "
        "and all of the joined file",
        many=True,
    ),
    Option("intersection", "text", "attributes taken together, as in sex,race", many=True),
    Option("joined", "file", "CSV or Parquet with decision_id or correlation_id, and attributes"),
    Option(
        "favourable",
        "text",
        "a value of the label that is good for the person; by default what the system file says, else true",
        many=True,
    ),
    Option("unit", "text", "what counts once", default="calls", choices=("calls", "cases")),
    ATTEMPTS,
    Option("replicates", "integer", "draws of the bootstrap", default=10_000, least=100, most=1_000_000),
    Option("seed", "integer", "seed of the draws", default=7, least=0, most=(1 << 53) - 1),
    Option("level", "number", "level of all intervals", default=0.95, least=0.5, most=0.999),
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """What people are grouped by: a column of the contract, or of the joined file; numbers by cuts."""

    name: str
    joined: bool
    cuts: tuple[float, ...] = ()

    def sql(self, at: int) -> tuple[str, dict[str, str]]:
        """Return the expression of a row's group, as text, and its parameters."""
        column = f"{'j' if self.joined else 'c'}.{quoted(self.name)}"
        if not self.cuts:
            return f"CAST({column} AS VARCHAR)", {}
        names = self.groups()
        cases, parameters = [], {f"cut_{at}_last": names[-1]}
        for number, cut in enumerate(self.cuts):
            key = f"cut_{at}_{number}"
            parameters |= {key: repr(cut), f"{key}_name": names[number]}
            cases.append(f"WHEN TRY_CAST({column} AS DOUBLE) < ${key}::DOUBLE THEN ${key}_name")
        last = f"WHEN TRY_CAST({column} AS DOUBLE) IS NOT NULL THEN $cut_{at}_last"
        return f"CASE {' '.join(cases)} {last} END", parameters

    def groups(self) -> tuple[str, ...]:
        """Return the groups that cuts make, in order; empty where values are groups."""
        if not self.cuts:
            return ()
        pairs = zip(self.cuts, self.cuts[1:], strict=False)
        middle = (f"{low:g} to below {high:g}" for low, high in pairs)
        return (f"below {self.cuts[0]:g}", *middle, f"{self.cuts[-1]:g} and above")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one report, read against contract and joined file."""

    label: Field
    favourable: tuple[str, ...]
    assumed: bool
    """Whether what is favourable was said by nobody."""
    attributes: tuple[Attribute, ...]
    sets: tuple[tuple[int, ...], ...]
    """Each attribute, then each intersection, as places in `attributes`."""
    cases: bool
    highest_attempt: int
    replicates: int
    seed: int
    level: float

    @property
    def joins(self) -> bool:
        """Whether any attribute is of the joined file."""
        return any(each.joined for each in self.attributes)


def read(options: Options, contract: Contract, joined: Joined | None, limits: Monitoring) -> Asked:
    """Read the options. Raises OptionInvalid."""
    labels = contract.of_role("label")
    if not labels:
        raise OptionInvalid(
            "system: its contract has no output with role label, must have one to compare answers by"
        )
    favourable, assumed = _favourable(options, labels[0], limits)
    texts = _texts(options, "attribute")
    attributes = [_attribute(text, contract, joined) for text in texts]
    if not texts:
        attributes = [Attribute(each.name, False) for each in contract.of_role("protected")]
        attributes += [Attribute(name, True) for name in (joined.attributes if joined else ())]
    sets = []
    for text in _texts(options, "intersection"):
        names = tuple(part.strip() for part in text.split(","))
        if len(set(names)) < 2:
            raise OptionInvalid(
                f"intersection: is {text[:80]!r}, must name two attributes or more, as in sex,race"
            )
        for name in names:
            if name not in [each.name for each in attributes]:
                attributes.append(_attribute(name, contract, joined))
        places = [each.name for each in attributes]
        sets.append(tuple(places.index(name) for name in names))
    if not attributes:
        raise OptionInvalid(
            "attribute: none is given, and the contract has none with role protected; give "
            "--attribute, or --joined"
        )
    if len({each.name for each in attributes}) < len(attributes):
        raise OptionInvalid(
            "attribute: a name stands twice, must be of the contract or of the file, not both"
        )
    numbers = {name: options[name] for name in ("replicates", "seed", "level")}
    return Asked(
        labels[0],
        favourable,
        assumed,
        tuple(attributes),
        (*((at,) for at in range(len(attributes))), *sets),
        options["unit"] == "cases",
        highest_attempt(options),
        int(numbers["replicates"]),  # type: ignore[arg-type]  # of the option's type
        int(numbers["seed"]),  # type: ignore[arg-type]
        float(numbers["level"]),  # type: ignore[arg-type]
    )


def _favourable(options: Options, label: Field, limits: Monitoring) -> tuple[tuple[str, ...], bool]:
    given = _texts(options, "favourable") or limits.favourable
    if given:
        return given, False
    if label.type == "boolean":
        return ("true",), True
    raise OptionInvalid(
        f"favourable: is not given, must name values of {label.name} that are good for the person, "
        f"here or in "
        "the system file's monitoring"
    )


def _attribute(text: str, contract: Contract, joined: Joined | None) -> Attribute:
    name, _, cuts = text.partition(":")
    in_file = joined is not None and name in joined.attributes
    field = contract.get(name)
    if field is None and not in_file:
        known = [each.name for each in contract.fields] + list(joined.attributes if joined else ())
        raise OptionInvalid(f"attribute: is {name[:80]!r}, must be one of {', '.join(known)[:400]}")
    if not cuts:
        if field is not None and not in_file and field.type == "decimal":
            raise OptionInvalid(
                f"attribute: {name} is a decimal, must be cut into groups, as in {name}:25,40,60"
            )
        return Attribute(name, in_file)
    try:
        ends = tuple(float(part) for part in cuts.split(","))
    except ValueError as error:
        raise OptionInvalid(
            f"attribute: cuts are {cuts[:80]!r}, must be numbers, as in {name}:25,40,60"
        ) from error
    if not all(map(math.isfinite, ends)) or list(ends) != sorted(set(ends)) or len(ends) > MOST_GROUPS:
        raise OptionInvalid(f"attribute: cuts are {cuts[:80]!r}, must be finite and ascend")
    return Attribute(name, in_file, ends)


def _texts(options: Options, name: str) -> tuple[str, ...]:
    found = options[name]
    assert isinstance(found, tuple)  # noqa: S101 - the option may be given many times
    return tuple(str(each) for each in found)
