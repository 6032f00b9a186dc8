# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The lock: complete, hashed, free of addresses, and within the bounds that pyproject.toml promises."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = (ROOT / "requirements.lock").read_text()
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
WIRE: Final = ROOT / "adapters/ombud/v1"


def entries() -> dict[str, str]:
    """Lock entries by package name: the pinned line, its hashes and what asked for it."""
    parts = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    return {canonicalize_name(part.split("==")[0]): part for part in parts if part.strip()}


def pin(entry: str) -> Version:
    """Read the version an entry pins."""
    return Version(entry.split("==")[1].split(maxsplit=1)[0])


def asked() -> dict[str, Requirement]:
    """What the project asks for directly: base, extras and developers' tools, and the build backend."""
    project = PROJECT["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in requirements if canonicalize_name(r.name) != "ombud"}


def test_every_requirement_is_locked_within_its_bounds() -> None:
    """Each direct requirement is pinned at a version its bounds allow."""
    locked = entries()
    wrong = [
        str(requirement)
        for name, requirement in asked().items()
        if name not in locked or not requirement.specifier.contains(pin(locked[name]), prereleases=True)
    ]
    assert wrong == []


def test_nothing_is_locked_that_nobody_asks_for() -> None:
    """The entries that the lock says the project asked for are those it still asks for."""
    direct = {name for name, entry in entries().items() if "ombud (pyproject.toml" in entry}
    assert sorted(asked()) == sorted(direct)


def test_every_entry_has_hashes_and_none_an_address() -> None:
    """What is installed is exactly what was locked, from wherever it is fetched."""
    unhashed = [
        name for name, entry in entries().items() if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)
    ]
    assert unhashed == []
    assert re.findall(r"://|^--|\bfile:| @ ", LOCK, flags=re.MULTILINE) == []


def test_every_runtime_requirement_has_an_upper_bound() -> None:
    """What an installed Ombud runs on is bounded from both sides."""
    project = PROJECT["project"]
    lines = [
        *project["dependencies"],
        *(x for extra in project["optional-dependencies"].values() for x in extra),
    ]
    requirements = [Requirement(line) for line in lines]
    loose = [
        str(r)
        for r in requirements
        if r.name != "ombud" and {"<", ">="} != {bound.operator for bound in r.specifier}
    ]
    assert loose == []


def test_every_import_is_declared_where_its_room_is_installed() -> None:
    """No room leans on a package that only comes along with another one, or with another extra."""
    extras = {
        "adapters": "",
        "ledger": "audit, hsm",  # the latter where a key in a token is opened, and nowhere else
        "reports": "reports",
        "policies": "server",
        "gateway": "server",
    }
    owners = packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for room in (*extras, "cli", "tests", "benchmarks")
        for path in sorted((ROOT / room).rglob("*.py"))
        for module in imported(path)
        if module in owners and not module.startswith("ombud")
        if {canonicalize_name(owner) for owner in owners[module]}.isdisjoint(
            declared(extras.get(room, "all, dev"))
        )
    }
    assert undeclared == set()


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level names a file imports, lazily too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def declared(extras: str) -> frozenset[str]:
    """Names that the base install and these extras ask for directly, extras of extras included."""
    project = PROJECT["project"]
    lines = list(project["dependencies"])
    for extra in filter(None, extras.split(", ")):
        lines += project["optional-dependencies"].get(extra) or PROJECT["dependency-groups"][extra]
    names: set[str] = set()
    for requirement in map(Requirement, lines):
        names |= (
            declared(", ".join(requirement.extras)) if requirement.name == "ombud" else {requirement.name}
        )
    return frozenset(map(canonicalize_name, names))


def test_wire_types_run_on_the_lowest_versions_allowed() -> None:
    """Generated code refuses runtimes older than its generator; the lower bounds must not promise them."""
    pb2 = (WIRE / "review_pb2.py").read_text()
    grpc = (WIRE / "review_pb2_grpc.py").read_text()
    needed = {
        "protobuf": re.findall(r"Protobuf Python Version: (\S+)", pb2),
        "grpcio": re.findall(r"GRPC_GENERATED_VERSION = '(\S+)'", grpc),
    }
    lowest = {
        name: [bound.version for bound in asked()[name].specifier if bound.operator == ">="]
        for name in needed
    }
    assert needed == lowest
