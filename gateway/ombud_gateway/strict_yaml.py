# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""YAML as data and nothing else: no tags, no aliases, no duplicate keys."""

from __future__ import annotations

from typing import Any

import yaml

_LARGEST = 1 << 20


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, minus what lets a small file mean something else than it shows."""

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


def read_yaml(text: str) -> Any:
    """Return the one document in `text`; raise `yaml.YAMLError` saying where it is not plain YAML."""
    if len(text) > _LARGEST:
        raise yaml.YAMLError(f"longer than {_LARGEST} characters")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except RecursionError as error:
        raise yaml.YAMLError("nested too deeply") from error
