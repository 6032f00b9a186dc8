# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Types are read from Cedar's rendering of a schema; what is not understood is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cedarpy import Schema

from ombud_policies import draft_schema, starter_bundle
from ombud_policies.schema import ActionType, EntityType, RecordType, Scalar, SetType, read_schema

TEXT = """
@doc("a; } {") entity Group;
entity Agent in [Group] = { "team"?: String, @doc level: Long } tags Set<Long>;
entity Kind enum ["a; b", "c\\"d"];
type Inner = { d: Deep, "odd \\n key"?: decimal };
type Deep = { k: Kind, s: Set<Set<Long>> };
action all;
action "some calls" in [all];
@doc("x") action infer, "in fer" in ["some calls"] appliesTo {
  principal: Agent, resource: [Agent, Kind],
  context: { inner: Inner, at?: datetime, from: ipaddr, b: __cedar::Bool }
};
action bare appliesTo { principal: Agent, resource: Agent };
action named appliesTo { principal: Agent, resource: Agent, context: Deep };
"""
AGENT = EntityType("Agent")
KIND = EntityType("Kind", frozenset({"a; b", 'c"d'}))
DEEP = RecordType({"k": (KIND, True), "s": (SetType(SetType(Scalar("Long"))), True)})
CONTEXT = RecordType(
    {
        "at": (Scalar("datetime"), False),
        "b": (Scalar("Bool"), True),
        "from": (Scalar("ipaddr"), True),
        "inner": (RecordType({"d": (DEEP, True), "odd \n key": (Scalar("decimal"), False)}), True),
    }
)


def test_actions_and_types_are_read() -> None:
    """Common types, optional attributes, groups of groups, odd names and annotations are understood."""
    above = frozenset({"all", "some calls"})
    both = {"Agent": AGENT, "Kind": KIND}
    expected = {
        name: ActionType({"Agent": AGENT}, both, CONTEXT, above | {name}) for name in ("infer", "in fer")
    } | {
        "bare": ActionType({"Agent": AGENT}, {"Agent": AGENT}, RecordType({}), frozenset({"bare"})),
        "named": ActionType({"Agent": AGENT}, {"Agent": AGENT}, DEEP, frozenset({"named"})),
    }
    assert expected == read_schema(Schema.from_str(TEXT))


def test_reading_needs_no_particular_layout() -> None:
    """What is read is Cedar's rendering, so that a rendered schema reads the same."""
    schema = Schema.from_str(TEXT)
    assert read_schema(schema) == read_schema(Schema.from_str(str(schema)))


@pytest.mark.parametrize("text", ["namespace N { entity A; }", "namespace N {}\nentity A;"])
def test_namespaces_are_refused(text: str) -> None:
    """The gateway's vocabulary has none."""
    with pytest.raises(ValueError, match="namespaces"):
        read_schema(Schema.from_str(text))


def test_credits_schema_is_drafted_from_its_contract() -> None:
    """What the demonstration's policies read is what its contract types."""
    contract = yaml.safe_load((Path(__file__).parents[2] / "systems" / "credit.yaml").read_text())["contract"]
    names = {"decimal": "decimal", "integer": "Long", "boolean": "Bool", "string": "String"}
    features, answers = (
        {
            field["name"]: names[field["type"]] + "?" * field.get("optional", False)
            for field in contract[side]
            if field.get("role") not in {"subject", "protected"}
        }
        for side in ("inputs", "outputs")
    )
    written = (starter_bundle("credit") / "schema.cedarschema").read_text()
    assert written.endswith(draft_schema(features, answers))


def test_observes_schema_is_a_draft_without_features() -> None:
    """`ombud init` replaces it by one with the features of a model."""
    assert (starter_bundle("observe") / "schema.cedarschema").read_text().endswith(draft_schema({}, {}))
