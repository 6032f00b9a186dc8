# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The systems a gateway governs: one file each, and which model belongs to which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ombud_gateway.ai_act import AiActSpec, disagreements
from ombud_gateway.contract import Contract, ContractSpec
from ombud_gateway.model_card import CardSpec
from ombud_gateway.monitoring import MonitoringSpec
from ombud_gateway.problems import ConfigInvalid, Problem, problems_of
from ombud_gateway.retention import Declared, RetentionSpec, conflicts
from ombud_gateway.slos import Slos
from ombud_gateway.strict_yaml import read_yaml

Risk = Literal["high", "limited", "minimal"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Line = Annotated[str, Field(min_length=1, max_length=2_000)]


class ModelEntry(BaseModel):
    """A model of a system: its name at the upstream, what a call costs, and the digest of its artifact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, max_length=200)
    upstream: Name
    cost_micros: int | None = Field(default=None, ge=0, le=10**12)
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    artifact_digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _cost_has_currency(self) -> Self:
        if (self.cost_micros is None) != (self.currency is None):
            raise ValueError("cost_micros and currency must be given together")
        return self


class SystemSpec(BaseModel):
    """A system file as written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    system: Name
    purpose: Line
    owner: Line
    risk: Risk
    retention: Declared
    models: Annotated[tuple[ModelEntry, ...], Field(strict=False, min_length=1, max_length=256)]
    contract: ContractSpec = ContractSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    slos: Slos = Slos()
    ai_act: AiActSpec | None = None
    card: CardSpec | None = None


@dataclass(frozen=True, slots=True)
class System:
    """One AI system, with its contract compiled."""

    name: str
    purpose: str
    owner: str
    risk: Risk
    retention: RetentionSpec
    models: tuple[ModelEntry, ...]
    contract: Contract
    source: bytes
    """The file it was read from, as it is kept in the ledger."""

    def model(self, name: str) -> ModelEntry | None:
        """Return the entry of one of its models."""
        return next((model for model in self.models if model.name == name), None)


class Systems:
    """All systems of a gateway, by name and by model."""

    def __init__(self, systems: Iterable[System]) -> None:
        self._by_name = {system.name: system for system in systems}
        self._by_model = {
            model.name: (system, model) for system in self._by_name.values() for model in system.models
        }

    def of_model(self, model: str) -> tuple[System, ModelEntry] | None:
        """Return the system and entry of a model; None if no system has it."""
        return self._by_model.get(model)

    def get(self, name: str) -> System | None:
        """Return a system by name."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[System]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)


def parse_system(text: str, *, file: Path | str) -> System:
    """Read one system file; raise `ConfigInvalid` with everything that is wrong in it."""
    try:
        content: Any = read_yaml(text)
        spec = SystemSpec.model_validate(content)
    except yaml.YAMLError as error:
        raise ConfigInvalid([Problem(str(file), "", "", f"must be plain YAML: {error}")]) from error
    except ValidationError as error:
        raise ConfigInvalid(problems_of(file, error)) from error
    found = list(conflicts(spec.retention, risk=spec.risk))
    if spec.ai_act is not None:
        found += disagreements(spec.ai_act, risk=spec.risk)
    problems = [Problem(str(file), field, repr(value), expected) for field, value, expected in found]
    if problems:
        raise ConfigInvalid(problems)
    return System(
        spec.system,
        spec.purpose,
        spec.owner,
        spec.risk,
        spec.retention,
        spec.models,
        Contract(spec.contract),
        text.encode(),
    )


def load_systems(folder: Path, *, upstreams: Iterable[str] | None = None) -> Systems:
    """Read every `*.yaml` of a folder; raise `ConfigInvalid` with the problems of all of them.

    With `upstreams`, a model's upstream must be one of those names.
    """
    problems: list[Problem] = []
    found: list[tuple[Path, System]] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found.append((path, parse_system(path.read_text(encoding="utf-8"), file=path)))
        except ConfigInvalid as error:
            problems += error.problems
        except (OSError, UnicodeError) as error:
            problems.append(Problem(str(path), "", "", f"must be readable UTF-8: {error}"))
    if not found and not problems:
        problems.append(Problem(str(folder), "", "", "must hold at least one system file (*.yaml)"))
    problems += _clashes(found)
    if upstreams is not None:
        problems += _unknown_upstreams(found, frozenset(upstreams))
    if problems:
        raise ConfigInvalid(problems)
    return Systems(system for _, system in found)


def _clashes(found: Iterable[tuple[Path, System]]) -> Iterator[Problem]:
    """A system or a model that two files claim: which contract and policies rule would be a guess."""
    systems: dict[str, Path] = {}
    models: dict[str, Path] = {}
    for path, system in found:
        if system.name in systems:
            expected = f"must not be the name of another system ({systems[system.name]})"
            yield Problem(str(path), "system", repr(system.name), expected)
        systems.setdefault(system.name, path)
        for index, model in enumerate(system.models):
            if model.name in models:
                expected = f"must not belong to another system or stand twice ({models[model.name]})"
                yield Problem(str(path), f"models[{index}].name", repr(model.name), expected)
            models.setdefault(model.name, path)


def _unknown_upstreams(found: Iterable[tuple[Path, System]], known: frozenset[str]) -> Iterator[Problem]:
    for path, system in found:
        for index, model in enumerate(system.models):
            if model.upstream not in known:
                expected = f"must be a configured upstream: {', '.join(sorted(known)) or 'none is'}"
                yield Problem(str(path), f"models[{index}].upstream", repr(model.upstream), expected)
