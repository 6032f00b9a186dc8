# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find which parts of the context a set of policies can reach.

Each value in a context costs time at the seam to Cedar, a decimal most of all (measured: 12 us). What no
policy of a slice can read cannot change its answer, so it need not cross. The walk is over Cedar's own
trees: only a chain of attributes that starts at `context` narrows what is reachable; any other use of a node
reaches all below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass

from cedarpy import pst


@dataclass(slots=True)
class Reach:
    """One node of the context: read as a whole, or only by the attributes named in `below`.

    A node that is neither, and has nothing below, is one whose presence alone is asked (`has`).
    """

    whole: bool = False
    below: dict[str, Reach] = field(default_factory=dict)

    def under(self, path: Iterable[str]) -> Reach:
        """Return the node at `path`, adding what is missing on the way."""
        node = self
        for name in path:
            node = node.below.setdefault(name, Reach())
        return node


def context_reach(policies: Iterable[pst.Template]) -> Reach:
    """Return the tree of context attributes that the clauses of these policies can reach."""
    root = Reach()
    for policy in policies:
        for clause in policy.clauses:
            _walk(clause.expr, root)
    return root


def _walk(node: object, root: Reach) -> None:
    path = context_path(node)
    if path is not None:
        root.under(path).whole = True
        return
    if isinstance(node, pst.HasAttr):
        base = context_path(node.base)
        if base is not None:
            root.under((*base, *node.attrs))
            return
    for child in children(node):
        _walk(child, root)


def context_path(node: object) -> tuple[str, ...] | None:
    """Return the attributes from `context` to this node, or None if it is no such chain."""
    attributes: list[str] = []
    while isinstance(node, pst.GetAttr):
        attributes.append(node.attr)
        node = node.base
    if isinstance(node, pst.Var) and node.name == "context":
        return tuple(reversed(attributes))
    return None


def children(node: object) -> list[object]:
    """Return every value directly inside a tree node, whatever kinds of node Cedar may add later."""
    if isinstance(node, (tuple, list)):
        return list(node)
    if isinstance(node, dict):
        return list(node.values())
    if is_dataclass(node):
        return [getattr(node, item.name) for item in fields(node)]
    return []
