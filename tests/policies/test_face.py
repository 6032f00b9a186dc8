# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The face of the room: what others may import."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ombud_policies
from ombud_policies import DraftInvalid, Uid, draft_schema


def test_face() -> None:
    """Adding to the face or taking from it is a decision, made here."""
    assert ombud_policies.__all__ == [
        "Bundle",
        "BundleInvalid",
        "CaseResult",
        "DraftInvalid",
        "Engine",
        "KeptPolicy",
        "PolicyError",
        "Problem",
        "Question",
        "TestReport",
        "Uid",
        "Value",
        "Verdict",
        "bundle_digest",
        "draft_observe",
        "draft_schema",
        "kept_policies",
        "run_folder_tests",
        "run_tests",
        "starter_bundle",
    ]


def test_readme_example_runs() -> None:
    """What the page shows works."""
    page = Path(__file__).parents[2] / "policies" / "README.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    exec(code, {})  # noqa: S102 - our own page


@pytest.mark.parametrize("uid", [Uid("Agent", "a"), Uid("Agent", 'q"\\'), Uid("A::B", "")])
def test_uids_are_read_as_printed(uid: Uid) -> None:
    """Printing and parsing are inverse."""
    assert uid == Uid.parse(str(uid))


@pytest.mark.parametrize("text", ["", "Agent", 'Agent::"a', 'Agent::"a"b"', '1::"a"', 'Agent::"\\n"'])
def test_what_is_no_uid_is_refused(text: str) -> None:
    """A mistyped entity is an error."""
    with pytest.raises(ValueError, match="is not an entity"):
        Uid.parse(text)


@pytest.mark.parametrize(
    "inputs", [{"a": "float"}, {"": "Long"}, {"a\nb": "Long"}, {"a": "Long??"}, {"a": "Set<Long>"}]
)
def test_features_that_cedar_cannot_hold_are_refused(inputs: dict[str, str]) -> None:
    """A drafted schema has known types and printable names."""
    with pytest.raises(DraftInvalid):
        draft_schema(inputs, {})
