# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Policies of a bundle that is kept by its digest, read to be shown."""

from __future__ import annotations

import pytest

from ombud_policies import Bundle, BundleInvalid, kept_policies, starter_bundle


def test_policies_are_shown_as_they_were() -> None:
    """File, line and text are the author's; effect, description and groups are told."""
    bundle = Bundle.load(starter_bundle("credit"))

    found = kept_policies(bundle.to_bytes())

    assert tuple(sorted(found)) == bundle.policy_ids
    one = found["low-confidence"]
    text = bundle.files[one.file].decode()
    assert text.splitlines()[one.line - 1] == '@id("low-confidence")'
    assert one.text in text
    assert (one.effect, one.groups) == ("forbid", ("underwriters",))
    assert one.description.startswith("An answer the model is less than 70 % sure of")


def test_a_damaged_bundle_is_refused() -> None:
    """What is shown as a policy must be one that was kept."""
    packed = Bundle.load(starter_bundle("credit")).to_bytes()

    with pytest.raises(BundleInvalid):
        kept_policies(packed[:-1])
