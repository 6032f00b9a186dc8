# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Draft a system file from what a model server says of a model, for `ombud init`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ombud_gateway.contract.spec import RESERVED_NAMES
from ombud_gateway.contract.tensor import FLOATS
from ombud_gateway.systems import System, parse_system

_MOST_ELEMENTS = 32
_MOST_FIELDS = 64
_MOST_TEXTS = 16
_HEAD = """\
# Drafted from the metadata of model {model}. Read it as a proposal:
# - say in purpose and owner what the system is for and who answers for it, and set risk
#   (EU AI Act: high, limited or minimal);
# - give each number the unit and the range the model was made for: what lies outside is refused;
# - give roles: label, score, confidence among the outputs; subject, protected among the inputs.
system: {system}
purpose: "TODO: what this system decides or recommends, and about whom"
owner: "TODO: who answers for it"
risk: limited
# How long each part is kept, and why: as `ombud init` was told, all alike. Facts hold what was asked and
# answered, payloads the calls' bytes; both may go sooner than entries, never later.
retention:
  entries: {{period: {keep}, reason: {reason}}}
  facts: {{period: {keep}, reason: {reason}}}
  payloads: {{period: {keep}, reason: {reason}}}
models:
  - name: {quoted}
    upstream: {upstream}
contract:
"""


@dataclass(frozen=True, slots=True)
class DeclaredTensor:
    """A tensor as a model's metadata declares it; -1 stands for a dimension of any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False


def draft_system(
    model: str,
    upstream: str,
    *,
    inputs: Sequence[DeclaredTensor],
    outputs: Sequence[DeclaredTensor],
    keep: str,
    reason: str,
    batched: bool = False,
) -> tuple[System, str]:
    """Return a system and the text of its file. `batched`: the first dimension of every shape counts rows.

    `keep` is the period for which all of its records are kept, as the file spells it, `reason` why so long.
    Tensors of more than 32 elements, of variable size, or not of one row are left out, each with a comment.
    """
    system = _name(model, (), longest=48)
    text = _HEAD.format(
        model=_commented(model),
        system=system,
        quoted=_quoted(model),
        upstream=upstream,
        keep=_quoted(keep),
        reason=_quoted(reason),
    )
    taken: dict[str, str] = {}
    for side, tensors in (("inputs", inputs), ("outputs", outputs)):
        lines = [line for tensor in tensors for line in _fields(tensor, taken, batched=batched)]
        empty = not any(line.startswith("    - ") for line in lines)
        text += "\n".join([f"  {side}: []" if empty else f"  {side}:", *lines]) + "\n"
    return parse_system(text, file=f"{system}.yaml"), text


def _fields(tensor: DeclaredTensor, taken: dict[str, str], *, batched: bool) -> Iterator[str]:
    declared = f"tensor {_commented(tensor.name)}, {_commented(tensor.datatype)} {list(tensor.shape)}"
    kind = _type(tensor.datatype)
    row = _row(tensor.shape, batched=batched)
    if kind is None:
        yield f"    # left out: {declared}: of no known datatype"
    elif row is None:
        yield f"    # left out: {declared}: its first dimension does not count rows"
    elif min(row, default=1) < 0:
        yield f"    # left out: {declared}: of variable size"
    elif not 1 <= math.prod(row) <= _MOST_ELEMENTS:
        yield f"    # left out: {declared}: more than {_MOST_ELEMENTS} elements, or none"
    elif len(taken) + math.prod(row) > _MOST_FIELDS:
        yield f"    # left out: {declared}: {_MOST_FIELDS} fields are enough for a draft"
    elif kind == "string" and list(taken.values()).count(kind) + math.prod(row) > _MOST_TEXTS:
        yield f"    # left out: {declared}: {_MOST_TEXTS} texts are enough for a draft"
    else:
        for position in range(math.prod(row)):
            yield _field(tensor, kind, position if math.prod(row) > 1 else None, taken)


def _field(tensor: DeclaredTensor, kind: str, position: int | None, taken: dict[str, str]) -> str:
    name = _name(tensor.name if position is None else f"{tensor.name}_{position}", taken, longest=64)
    taken[name] = kind
    parts = [f"name: {name}", f"type: {kind}"]
    if name != tensor.name:
        parts.append(f"tensor: {_quoted(tensor.name)}")
    if position is not None:
        parts.append(f"position: {position}")
    if tensor.optional:
        parts.append("optional: true")
    note = "  # range unknown" if kind in ("decimal", "integer") else ""
    return f"    - {{{', '.join(parts)}}}{note}"


def _row(shape: tuple[int, ...], *, batched: bool) -> tuple[int, ...] | None:
    """Return the dimensions of one row; None where the contract could not tell rows from columns."""
    if batched or (len(shape) > 1 and shape[0] in (-1, 1)):
        return shape[1:]
    return shape if len(shape) < 2 else None


def _type(datatype: str) -> str | None:
    if datatype in FLOATS:
        return "decimal"
    if re.fullmatch(r"U?INT(8|16|32|64)", datatype):
        return "integer"
    return {"BOOL": "boolean", "BYTES": "string"}.get(datatype)


def _name(text: str, taken: Collection[str], *, longest: int) -> str:
    """Make a name of a field or system out of any text, unlike those taken."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[: longest - 8]
    if not re.match(r"[a-z]", name) or name in RESERVED_NAMES or name == "null":  # YAML has no text null
        name = f"x_{name}".rstrip("_")
    unlike, number = name, 2
    while unlike in taken:
        unlike, number = f"{name}_{number}", number + 1
    return unlike


def _commented(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:80])


def _quoted(text: str) -> str:
    """Write text as a double-quoted YAML scalar: as in JSON, with unprintable characters escaped too."""
    return "".join(
        char if char.isprintable() else f"\\U{ord(char):08x}" for char in json.dumps(text, ensure_ascii=False)
    )
