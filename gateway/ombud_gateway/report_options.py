# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a report is asked beside system and window, as callers write it; read for policy and for making it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ombud_gateway.errors import Invalid

_LONGEST: Final = 65_536


def read_options(text: str) -> dict[str, Any]:
    """Return a report's own options by name, from a JSON object; none of an empty text. Raises Invalid."""
    if len(text) > _LONGEST:
        raise Invalid("MALFORMED", f"options_json has {len(text)} characters, must have at most {_LONGEST}")
    try:
        options = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid("MALFORMED", "options_json is no JSON") from error
    if not isinstance(options, dict):
        raise Invalid("MALFORMED", "options_json is no JSON object")
    return options


def asks_texts(options: Mapping[str, Any]) -> bool:
    """Whether what people wrote is to be in the report.

    Anything but a plain no counts as a yes, so that no way to write one passes policy unseen.
    """
    return options.get("texts") not in (None, False, "false")
