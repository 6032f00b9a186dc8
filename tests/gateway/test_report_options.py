# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What policy sees of a report's options."""

import json

import pytest

from ombud_gateway.errors import Invalid
from ombud_gateway.report_options import asks_texts, read_options


@pytest.mark.parametrize("value", [True, "true", 1, 1.0, "yes", [], [True], {}])
def test_texts_are_asked_for_by_whatever_is_no_plain_no(value: object) -> None:
    """A spelling that the report takes for a yes never reaches policy as a no."""
    assert asks_texts(read_options(json.dumps({"texts": value})))


@pytest.mark.parametrize("text", ["", "{}", '{"texts": null}', '{"texts": false}', '{"texts": "false"}'])
def test_texts_are_not_asked_for_by_default(text: str) -> None:
    """Only by the option of that name."""
    assert not asks_texts(read_options(text))


@pytest.mark.parametrize("text", ["{", "[]", "1", '{"a": "' + "x" * 65_536 + '"}'])
def test_options_are_a_json_object_of_bounded_size(text: str) -> None:
    """Anything else is refused before policy is asked."""
    with pytest.raises(Invalid) as refused:
        read_options(text)
    assert refused.value.reason == "MALFORMED"
