# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Cut Cedar text into located policies and parse each alone, so that a problem names file, line and policy.

Cedar's own parse errors carry no position through cedarpy, and one bad policy hides all others. In Cedar a
`;` outside strings and comments ends a policy and occurs nowhere else (grammar: `Policy ::= ... ';'`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cedarpy import policies_to_pst, pst

from ombud_policies.annotations import Obligations, read_annotations
from ombud_policies.errors import Problem

_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|;|\s+|[^\s";/]+|/|"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Policy:
    """One parsed policy: its place, its tree (whose Cedar id is its @id), its text and its obligations."""

    id: str
    file: str
    line: int
    text: str
    tree: pst.Template
    obligations: Obligations

    @property
    def curable(self) -> bool:
        """Whether a human's approval may cure this forbid."""
        return bool(self.obligations.groups)


def split_policies(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line of its first token, text) for each policy, the text without trailing material."""
    start, line, counted = -1, 1, 0
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if start < 0 and not piece.isspace() and not piece.startswith("//"):
            start = match.start()
            line, counted = line + text.count("\n", counted, start), start
        if piece == ";":
            yield line, text[start : match.end()]
            start = -1
    if start >= 0:
        yield line, text[start:]


def parse_policies(file: str, text: str, report: Callable[[Problem], None]) -> Iterator[Policy]:
    """Yield every policy of one file that parses and has an @id; report what is wrong with the others."""
    for line, policy_text in split_policies(text):
        try:
            nodes = policies_to_pst(policy_text)
        except ValueError as error:
            message = f"Cedar cannot read this policy: {error}; check brackets, quotes and the final ';'"
            report(Problem(file, message, line))
            continue
        if nodes.templates:
            report(
                Problem(file, "templates are not used; replace ?principal or ?resource by an entity", line)
            )
            continue
        (template,) = nodes.static_policies.values()
        named = template.annotations.get("id")

        def complain(message: str, line: int = line, named: str | None = named) -> None:
            report(Problem(file, message, line, named))

        policy_id, obligations = read_annotations(template.effect, template.annotations, complain)
        if policy_id is not None:
            yield Policy(policy_id, file, line, policy_text, _renamed(template, policy_id), obligations)


def _renamed(tree: pst.Template, policy_id: str) -> pst.Template:
    """Give the tree its @id as Cedar id, so that Cedar's answers name policies as people do."""
    return pst.Template(
        id=policy_id,
        effect=tree.effect,
        principal=tree.principal,
        action=tree.action,
        resource=tree.resource,
        clauses=tree.clauses,
        annotations=tree.annotations,
    )
