# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""YAML as data and nothing else: no tags, no aliases, no duplicate keys.

Plain scalars are read as YAML 1.2's core schema does. Under PyYAML's own 1.1 rules `no` is false, `010` is
eight, `1:30` is ninety and `1e3` is text.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_LARGEST = 1 << 20


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, minus what lets a file mean something else than it shows."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as the base class has it

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases are not allowed", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(None, None, "merge keys are not allowed", key.start_mark)
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise yaml.MarkedYAMLError(None, None, f"duplicate key {name!r}", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", list("-+0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def read_yaml(text: str) -> Any:
    """Return the one document in `text`; raise `yaml.YAMLError` saying where it is not plain YAML."""
    if len(text) > _LARGEST:
        raise yaml.YAMLError(f"longer than {_LARGEST} characters")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except (RecursionError, ValueError) as error:  # bottomless nesting; an integer of thousands of digits
        raise yaml.YAMLError("nested too deeply, or a number too long") from error
