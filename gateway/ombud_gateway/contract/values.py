# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Turn an element into the value policy sees and the value facts keep, or raise a breach.

Policy sees decimals of the declared digits, rounded half to even from the exact binary value. Facts keep the
exact value: floats as the shortest string that reads back to the same double, integers beyond 2^53 - 1 (which
canonical JSON cannot hold) as digits.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from ombud_gateway.contract.errors import Breach, shown
from ombud_gateway.contract.spec import FieldSpec
from ombud_gateway.contract.tensor import FLOATS

ContextValue = bool | int | str | Decimal
FactValue = bool | int | str
Converter = Callable[[Any], tuple[ContextValue, FactValue]]

JSON = "JSON"
"""Stands for a datatype where the element is a parsed JSON value."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # all but tab, line feed and carriage return
_TRUTHS = {"true": True, "false": False, "True": True, "False": False, "1": True, "0": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_EXACT = Context(prec=40)
_INT64 = (-(1 << 63), (1 << 63) - 1)
_SAFE = (1 << 53) - 1
_CEDAR_LARGEST = Decimal("922337203685477.5807")
# Largest doubles that round to one of Cedar's decimals: .5 is below .5807, but at 0 digits it rounds to 478.
_DOUBLE_LARGEST = 922337203685477.5
_WHOLE_LARGEST = math.nextafter(_DOUBLE_LARGEST, 0.0)


def converter(field: FieldSpec, datatype: str) -> Converter | None:
    """Return the converter for a field whose tensor has `datatype`; None where the two do not go together."""
    number = datatype == JSON or datatype in FLOATS or "INT" in datatype
    if field.type == "decimal" and number:
        return _decimal(field, datatype)
    if field.type == "integer" and number:
        return _integer(field, datatype)
    if field.type == "boolean" and (number or datatype == "BOOL"):
        return _boolean(field, only_bool=datatype == JSON)
    if field.type == "string" and datatype in ("BYTES", JSON):
        return _string(field)
    return None


def read_text(field: FieldSpec, told: bool | int | float | str) -> Any:
    """Return a value told as text in the field's type, as JSON would have it; raise a breach."""
    if not isinstance(told, str) or field.type == "string":
        return told
    if field.type == "boolean":
        if told not in _TRUTHS:
            raise Breach(field.name, shown(told), "true or false")
        return _TRUTHS[told]
    pattern, expected = (_WHOLE, "a whole number") if field.type == "integer" else (_DECIMAL, "a number")
    if not pattern.fullmatch(told):
        raise Breach(field.name, shown(told), expected)
    return int(told) if field.type == "integer" else float(told)


def _decimal(field: FieldSpec, datatype: str) -> Converter:
    digits = field.decimal_digits
    largest = _DOUBLE_LARGEST if digits else _WHOLE_LARGEST
    low, high = _held_range(field, datatype, -largest, largest)
    # CPython formats a float from its exact binary value, rounding half to even (David Gay's dtoa): the same
    # decimal as Decimal(x).quantize(..., ROUND_HALF_EVEN) in two thirds of the time. A test holds them equal.
    rounded = f".{digits}f"
    zero = Decimal(format(0.0, rounded))

    def convert_float(element: Any) -> tuple[ContextValue, FactValue]:
        if not low <= element <= high:  # NaN is in no range
            raise _out_of_range(field, element)
        # `or zero`: policy knows one zero, not Decimal("-0.0000").
        return Decimal(format(element, rounded)) or zero, repr(element)

    def convert_whole(element: Any) -> tuple[ContextValue, FactValue]:
        if not low <= element <= high:
            raise _out_of_range(field, element)
        exact = repr(float(element)) if -_SAFE <= element <= _SAFE else str(element)
        return _EXACT.quantize(Decimal(element), zero), exact

    def convert_json(element: Any) -> tuple[ContextValue, FactValue]:
        _want_number(field, element)
        return (convert_float if isinstance(element, float) else convert_whole)(element)

    return convert_json if datatype == JSON else convert_float if datatype in FLOATS else convert_whole


def _integer(field: FieldSpec, datatype: str) -> Converter:
    low, high = _held_range(field, datatype, *_INT64)
    as_int = "INT" in datatype
    allowed = frozenset(field.values) if field.values is not None else None

    def convert(element: Any) -> tuple[ContextValue, FactValue]:
        if not as_int:
            _want_number(field, element)
        if not low <= element <= high:
            raise _out_of_range(field, element)
        number = int(element)
        if number != element:
            raise Breach(field.name, shown(element), "a whole number")
        if allowed is not None and number not in allowed:
            raise Breach(field.name, number, _one_of(field))
        return number, number if -_SAFE <= number <= _SAFE else str(number)

    return convert


def _boolean(field: FieldSpec, *, only_bool: bool) -> Converter:
    def convert(element: Any) -> tuple[ContextValue, FactValue]:
        # Other bytes than 0 and 1 in a BOOL tensor are true to one reader and undefined to the next.
        if element not in (0, 1) or (only_bool and not isinstance(element, bool)):
            raise Breach(field.name, shown(element), "true or false")
        truth = bool(element)
        return truth, truth

    return convert


def _string(field: FieldSpec) -> Converter:
    largest = field.text_bytes
    allowed = frozenset(field.values) if field.values is not None else None

    def convert(element: Any) -> tuple[ContextValue, FactValue]:
        try:
            raw = element.encode() if isinstance(element, str) else element
            text = raw.decode()
        except (UnicodeError, AttributeError):
            raise Breach(field.name, shown(element), "text in UTF-8") from None
        if _CONTROL.search(text):
            raise Breach(field.name, shown(text), "text without control characters")
        if len(raw) > largest:
            raise Breach(field.name, f"{len(raw)} bytes long", f"at most {largest} bytes")
        if allowed is not None and text not in allowed:
            raise Breach(field.name, shown(text), _one_of(field))
        return text, text

    return convert


def _want_number(field: FieldSpec, element: Any) -> None:
    if isinstance(element, bool) or not isinstance(element, int | float):
        raise Breach(field.name, shown(element), "a number")


def _held_range(field: FieldSpec, datatype: str, low: float, high: float) -> tuple[float, float]:
    if field.range is None:
        return low, high
    return max(low, _held(field.range[0], datatype)), min(high, _held(field.range[1], datatype))


def _held(bound: float, datatype: str) -> float:
    """Return a bound as the datatype would hold it: 0.1 in FP32 is the float32 next to 0.1."""
    code = {"FP16": "<e", "FP32": "<f", "FP64": "<d", "BF16": "<f"}.get(datatype)
    if code is None:
        return bound
    try:
        raw = struct.pack(code, float(bound))
    except (OverflowError, struct.error):  # beyond what the datatype can hold: every finite value is inside
        return bound
    if datatype == "BF16":
        bits: int = struct.unpack("<I", raw)[0]
        raw = struct.pack("<I", (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    held: float = struct.unpack(code, raw)[0]
    return held


def _out_of_range(field: FieldSpec, element: float) -> Breach:
    if not math.isfinite(element):
        return Breach(field.name, element, "a finite number")
    if field.range is not None:
        return Breach(field.name, element, f"within {field.range[0]} to {field.range[1]}")
    if field.type == "integer":
        return Breach(field.name, element, "a 64-bit integer")
    return Breach(field.name, element, f"within -{_CEDAR_LARGEST} to {_CEDAR_LARGEST}")


def _one_of(field: FieldSpec) -> str:
    values = field.values or ()
    shown = ", ".join(map(str, values[:8]))
    return f"one of {shown}" + (f" ({len(values)} in all)" if len(values) > 8 else "")
