# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no linter knows: licence headers, faces, foreign names, links."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
ROOMS: Final = {
    "ombud": ROOT / "adapters/ombud",
    "ombud_cli": ROOT / "cli/ombud_cli",
    "ombud_gateway": ROOT / "gateway/ombud_gateway",
    "ombud_ledger": ROOT / "ledger/ombud_ledger",
    "ombud_policies": ROOT / "policies/ombud_policies",
    "ombud_reports": ROOT / "reports/ombud_reports",
}
GENERATED: Final = re.compile(r"^adapters/ombud/v1/.*_pb2(_grpc)?\.pyi?$")

LICENSED: Final = {".py", ".proto", ".cedar", ".cedarschema", ".sql", ".sh"}
HEADER: Final = ("SPDX-FileCopyrightText: 2026 The Ombud authors", "SPDX-License-Identifier: Apache-2.0")

FOREIGN: Final = re.compile(r"\b(tritonclient|triton|kserve|envoy|mlflow|slack|nats)\b", re.IGNORECASE)
FOREIGNERS: Final = (
    "adapters/",
    "cli/ombud_cli/demo/",
    "gateway/ombud_gateway/doors/",
    "gateway/ombud_gateway/upstreams/",
)
# The composition root chooses the doors and upstreams, so it alone may name them; it holds no rule.
COMPOSITION_ROOT: Final = "ombud_cli"


@cache
def files() -> tuple[str, ...]:
    """Every file of the project that git does not ignore, as a path from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()))


def test_every_source_file_says_its_licence() -> None:
    """The two SPDX lines open every source file, after a `#!` line at most."""
    without = [
        name
        for name in files()
        if (Path(name).suffix in LICENSED or name == "Makefile" or name.startswith(".ci/"))
        and not GENERATED.match(name)
        and not licensed((ROOT / name).read_text())
    ]
    assert without == []


def licensed(text: str) -> bool:
    """Tell whether a file opens with the header, whatever marks a comment in its language."""
    lines = [line for line in text.splitlines()[:3] if not line.startswith("#!")]
    return tuple(line.lstrip("#/-*; ") for line in lines[:2]) == HEADER


def test_foreign_products_are_named_at_the_edges_only() -> None:
    """A product of others is named in doors, upstreams and adapters, never in what judges or remembers."""
    named = [
        f"{name}:{number}: {found[0]}"
        for name in files()
        if name.endswith(".py") and name.split("/")[0] in ("gateway", "policies", "ledger", "reports")
        if not name.startswith(FOREIGNERS)
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if (found := FOREIGN.search(line))
    ]
    assert named == []


def test_rooms_use_each_other_through_their_faces() -> None:
    """A room imports from another only what that package's `__all__` names, or the wire types."""
    past = [
        f"{path.relative_to(ROOT)}:{line}: {wanted}"
        for room, folder in ROOMS.items()
        for path in sorted(folder.rglob("*.py"))
        for line, module, name in imports(path)
        if (other := module.split(".")[0]) in ROOMS and other != room
        if not through_a_face(room, module, name)
        if (wanted := f"{module}.{name}" if name else module)
    ]
    assert past == []


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, module and imported name (none for `import module`) of each import, lazy ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, node.module, alias.name) for alias in node.names)


def through_a_face(room: str, module: str, name: str) -> bool:
    """Tell whether one import from another room is allowed."""
    if module.startswith("ombud.v1"):
        return True
    if room == COMPOSITION_ROOT and module.split(".", maxsplit=1)[0] == "ombud_gateway":
        # The gateway is put together from its parts here and nowhere else.
        return not name.startswith("_")
    return module in ROOMS and (not name or name in face(module))


@cache
def face(room: str) -> frozenset[str]:
    """Names in the `__all__` of a room's package."""
    for node in ast.parse((ROOMS[room] / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in a Markdown file names a file that exists."""
    broken = [
        f"{name}: {target}"
        for name in files()
        if name.endswith(".md")
        for target in re.findall(
            r"\]\(([^)#\s]+)", re.sub(r"```.*?```", "", (ROOT / name).read_text(), flags=re.DOTALL)
        )
        if "://" not in target and not target.startswith("mailto:")
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []
