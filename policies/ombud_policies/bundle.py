# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle: policies, schema, entities and tests, checked before anything can use them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from cedarpy import Entities, Schema, pst

from ombud_policies.cases import run_tests
from ombud_policies.checking import check_parts
from ombud_policies.errors import BundleInvalid
from ombud_policies.files import ENTITIES, pack, read_folder, unpack
from ombud_policies.hierarchy import Hierarchy
from ombud_policies.schema import ActionType
from ombud_policies.source import Policy


@dataclass(frozen=True, eq=False)
class Bundle:
    """A valid bundle. Made only by `load`, `from_files` and `from_bytes`, which report all problems."""

    files: Mapping[str, bytes]
    policies: tuple[Policy, ...]
    schema: Schema
    actions: Mapping[str, ActionType]
    entities: Entities
    hierarchy: Hierarchy

    @classmethod
    def load(cls, folder: Path | str) -> Bundle:
        """Read and check a folder; raise BundleInvalid with everything wrong in it."""
        return cls.from_files(read_folder(Path(folder)))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Bundle:
        """Check files given by name, such as an upload's; raise BundleInvalid with everything wrong."""
        parts, problems = check_parts(files)
        if parts is None:
            raise BundleInvalid(problems)
        bundle = cls(
            MappingProxyType(dict(sorted(files.items()))),
            parts.policies,
            parts.schema,
            MappingProxyType(dict(parts.actions)),
            parts.entities,
            parts.hierarchy,
        )
        failed = run_tests(bundle).problems
        if failed:
            raise BundleInvalid(failed)
        return bundle

    @classmethod
    def from_bytes(cls, packed: bytes) -> Bundle:
        """Check a packed bundle; raise BundleInvalid for damage and for everything `from_files` finds."""
        return cls.from_files(unpack(packed))

    def to_bytes(self) -> bytes:
        """Return the packed form, whose SHA-256 is the digest."""
        return pack(self.files)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the packed, sorted files, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @cached_property
    def entities_digest(self) -> str:
        """SHA-256 of `entities.json` as it is in `files`, in hex."""
        return hashlib.sha256(self.files[ENTITIES]).hexdigest()

    @cached_property
    def policy_ids(self) -> tuple[str, ...]:
        """The @ids of all policies, sorted."""
        return tuple(sorted(policy.id for policy in self.policies))

    @cached_property
    def full_captures(self) -> tuple[str, ...]:
        """The @ids of permits with `@capture("full")`, sorted: without a vault they cannot be in force."""
        return tuple(sorted(policy.id for policy in self.policies if policy.obligations.capture == "full"))

    @cached_property
    def permits_anonymous(self) -> bool:
        """Whether some permit names the entity type Anonymous in its principal scope."""
        return any(_names_anonymous(policy.tree) for policy in self.policies)


def _names_anonymous(tree: pst.Template) -> bool:
    scope = tree.principal
    if tree.effect != "permit":
        return False
    if isinstance(scope, (pst.ScopeIs, pst.ScopeIsIn)):
        return str(scope.entity_type) == "Anonymous"
    if isinstance(scope, (pst.ScopeEq, pst.ScopeIn)) and isinstance(scope.entity, pst.EntityUid):
        return str(scope.entity.type) == "Anonymous"
    return False
