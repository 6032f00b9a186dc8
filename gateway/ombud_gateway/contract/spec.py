# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The contract part of a system file, as written."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ombud_gateway.contract.json_path import parse_path

FieldType = Literal["decimal", "integer", "boolean", "string"]
Role = Literal["feature", "label", "score", "confidence", "subject", "protected"]

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

# Words of Cedar's grammar, and the ledger's own columns beside which a field's column stands.
_CEDAR_WORDS = {"else", "false", "has", "if", "in", "is", "like", "then", "true"}
_LEDGER_WORDS = {
    "chain",
    "contract",
    "facts",
    "id",
    "kind",
    "log",
    "record",
    "rows",
    "salt",
    "seq",
    "system",
    "ts",
}
RESERVED_NAMES = frozenset(_CEDAR_WORDS | _LEDGER_WORDS)
"""Names that no field can have."""

LONGEST_SUBJECT = 1_024
"""Most UTF-8 bytes of what identifies a person; a vault takes no more."""

# Escaped in canonical JSON, text can double; the ledger keeps at most 256 KiB of facts.
_MOST_TEXT = 96 * 1024


class FieldSpec(BaseModel):
    """One typed value of a call: where it stands in the tensors, and what it may be.

    `position` counts elements of the row; `json` is a path inside the BYTES element there. `range` is
    inclusive and read as the tensor's own datatype would hold it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: FieldName
    type: FieldType
    tensor: str = Field(default="", max_length=256)
    position: int | None = Field(default=None, ge=0, le=1 << 20)
    json_path: str | None = Field(default=None, alias="json", max_length=256)
    digits: int | None = Field(default=None, ge=0, le=4)
    unit: str | None = Field(default=None, min_length=1, max_length=32)
    range: Annotated[tuple[int | float, int | float], Field(strict=False)] | None = None
    values: Annotated[tuple[int | str, ...], Field(strict=False, min_length=1, max_length=256)] | None = None
    max_bytes: int | None = Field(default=None, ge=1, le=65_536)
    optional: bool = False
    role: Role = "feature"

    @property
    def source(self) -> str:
        """The tensor that carries the field: by default the one of its name."""
        return self.tensor or self.name

    @property
    def decimal_digits(self) -> int:
        """Digits after the point that policy sees of a decimal."""
        return 4 if self.digits is None else self.digits

    @property
    def text_bytes(self) -> int:
        """Most UTF-8 bytes of a string field; 0 for other types."""
        if self.type != "string":
            return 0
        return self.max_bytes or (LONGEST_SUBJECT if self.role == "subject" else 4_096)

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError("must not be a word of Cedar or a column of the ledger")
        return name

    @field_validator("json_path")
    @classmethod
    def _path(cls, path: str | None) -> str | None:
        if path is not None:
            parse_path(path)
        return path

    @field_validator("range")
    @classmethod
    def _ordered(cls, pair: tuple[float, float] | None) -> tuple[float, float] | None:
        if pair is not None and not (all(abs(bound) < 1e300 for bound in pair) and pair[0] <= pair[1]):
            raise ValueError("must be two finite numbers, the lower one first")
        return pair

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        kind, values = self.type, self.values
        wrong = [
            (self.digits is not None and kind != "decimal", "digits is for type decimal"),
            (self.range is not None and kind not in ("decimal", "integer"), "range is for numbers"),
            (self.max_bytes is not None and kind != "string", "max_bytes is for type string"),
            (values is not None and kind not in ("integer", "string"), "values is for integer and string"),
            (values is not None and self.range is not None, "values and range exclude each other"),
            (
                any(isinstance(value, str) != (kind == "string") for value in values or ()),
                "values must be of the type",
            ),
            (self.json_path is not None and not self.tensor, "json needs the tensor that holds the document"),
            (self.role == "confidence" and kind != "decimal", "confidence must be a decimal"),
            (
                self.role == "subject" and kind not in ("string", "integer"),
                "subject must be a string or an integer",
            ),
            (
                self.role == "subject" and self.text_bytes > LONGEST_SUBJECT,
                f"max_bytes of a subject is at most {LONGEST_SUBJECT}",
            ),
        ]
        for holds, message in wrong:
            if holds:
                raise ValueError(message)
        return self


class ContractSpec(BaseModel):
    """What goes into a system's models and comes out of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    inputs: Annotated[tuple[FieldSpec, ...], Field(strict=False, max_length=256)] = ()
    outputs: Annotated[tuple[FieldSpec, ...], Field(strict=False, max_length=64)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [field.name for field in (*self.inputs, *self.outputs)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each name once over inputs and outputs; twice: {', '.join(twice)}")
        _check_roles("inputs", self.inputs, never=("label", "score", "confidence"))
        _check_roles("outputs", self.outputs, never=("subject", "protected"))
        for fields in (self.inputs, self.outputs):
            _check_places(fields)
        if sum(field.text_bytes for field in (*self.inputs, *self.outputs)) > _MOST_TEXT:
            raise ValueError(f"string fields can hold at most {_MOST_TEXT} bytes together")
        return self


def _check_roles(side: str, fields: tuple[FieldSpec, ...], *, never: tuple[Role, ...]) -> None:
    if wrong := [field.name for field in fields if field.role in never]:
        raise ValueError(f"{side} cannot have role {' or '.join(never)}: {', '.join(wrong)}")
    for role in ("subject", "label", "confidence"):
        if sum(field.role == role for field in fields) > 1:
            raise ValueError(f"at most one field of {side} can have role {role}")


def _check_places(fields: tuple[FieldSpec, ...]) -> None:
    """Several fields of one tensor need places of their own, or which element is which would be a guess."""
    places: dict[str, list[FieldSpec]] = {}
    for field in fields:
        places.setdefault(field.source, []).append(field)
    for tensor, group in places.items():
        plain = [field for field in group if field.json_path is None]
        if len(group) > 1 and any(field.position is None for field in plain):
            raise ValueError(f"each of the fields in tensor {tensor!r} needs its position")
        if len({field.position for field in plain}) != len(plain):
            raise ValueError(f"fields in tensor {tensor!r} need different positions")
