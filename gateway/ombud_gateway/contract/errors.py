# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Why a call does not fit its contract."""

from __future__ import annotations

from ombud_gateway.errors import Invalid

_LONGEST_VALUE = 80


def shown(value: object) -> str:
    """Return a value as the caller sees it in a message: quoted if text, and cut when long."""
    text = repr(value[:_LONGEST_VALUE]) if isinstance(value, str | bytes) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


class TensorInvalid(Invalid):
    """Tensors that no reader could agree on: counts, sizes, datatypes or names that contradict each other."""

    def __init__(self, message: str) -> None:
        super().__init__("MALFORMED", message)


class Breach(Invalid):
    """A value that the contract does not allow.

    `message`, for the caller, names field, value and bound. `str()`, for logs, and `breach`, for the record,
    leave the value out: it may be personal, and neither of them can be erased. A value that is text is passed
    through `shown` by who raises, so that it is told from words such as absent.
    """

    def __init__(self, field: str, value: object, bound: str) -> None:
        self.field = field
        self.value = value if isinstance(value, str) else shown(value)
        self.bound = bound
        super().__init__(
            "CONTRACT",
            f"contract breach: field {field!r} is {self.value}, must be {bound}",
            breach={"field": field, "bound": bound},
        )

    def __str__(self) -> str:
        return f"contract breach: field {self.field!r} must be {self.bound}"
