# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger of many decisions for the benchmarks of reports: 13 features, 4 groups, the second half shifted.

One segment is recorded and sealed as a gateway would; the others are it again, later, with features of their
own. Chain values and records are not made anew, which no report looks at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.ledger_sample import RECORD, open_log
from ombud_ledger import Facts

SEGMENT: Final = 65_536
DAYS: Final = 60
BEGIN: Final = 1_780_272_000_000_000
"""2026-06-01, microseconds: the first thirty days are the reference."""
DAY: Final = 86_400_000_000
MIDDLE, END = BEGIN + 30 * DAY, BEGIN + DAYS * DAY
NUMBERS: Final = tuple(f"number_{at}" for at in range(9))
CATEGORIES: Final = ("region", "product", "group")
FLAGS: Final = ("self_employed",)
FEATURES: Final = (*NUMBERS, *CATEGORIES, *FLAGS)
OUTPUTS: Final = ("approve", "confidence")
GROUPS: Final = ("a", "b", "c", "d")
_TYPES: Final = {
    **dict.fromkeys(NUMBERS, "double"),
    **dict.fromkeys(CATEGORIES, "varchar"),
    **dict.fromkeys(FLAGS, "boolean"),
    "approve": "boolean",
    "confidence": "double",
}
_SPOKEN: Final = {"double": "decimal", "varchar": "string", "boolean": "boolean"}
_ROLES: Final = {"group": "protected", "approve": "label", "confidence": "confidence"}
_VALUES: Final = {
    "region": [f"region-{at}" for at in range(8)],
    "product": ["home", "car", "study"],
    "group": list(GROUPS),
}
_SHIFTED: Final = {0: 0.3, 1: 0.05}
"""By number, by how many standard deviations it moves after the middle."""


def contract() -> bytes:
    """Return the contract object as a gateway keeps it."""

    def spec(name: str) -> dict[str, Any]:
        said = {"name": name, "type": _SPOKEN[_TYPES[name]], "optional": False, "tensor": name}
        values = {"values": _VALUES[name]} if name in _VALUES else {}
        return {**said, **values, "role": _ROLES.get(name, "feature")}

    document = {
        "format": "ombud-contract/1",
        "columns": [{"name": name, "type": _TYPES[name]} for name in (*FEATURES, *OUTPUTS)],
        "inputs": [spec(name) for name in FEATURES],
        "outputs": [spec(name) for name in OUTPUTS],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def features(
    rows: int, shifted: np.ndarray[Any, np.dtype[np.bool_]], chance: np.random.Generator
) -> pa.Table:
    """Return features and outputs; `shifted` says of each row whether it comes after the middle."""
    columns: dict[str, Any] = {}
    for at, name in enumerate(NUMBERS):
        values = chance.lognormal(0, 0.5, rows) if at % 3 == 2 else chance.normal(0, 1, rows)
        columns[name] = values + shifted * _SHIFTED.get(at, 0.0)
    columns["region"] = _draw(_VALUES["region"], rows, chance)
    columns["product"] = _draw(_VALUES["product"], rows, chance)
    group = chance.choice(len(GROUPS), rows, p=(0.6, 0.25, 0.1, 0.05))
    columns["group"] = _texts(GROUPS, group)
    columns["self_employed"] = chance.random(rows) < 0.13 + 0.02 * shifted
    columns["approve"] = chance.random(rows) < 0.7 - 0.05 * group
    columns["confidence"] = chance.beta(6, 2, rows)
    return pa.table({name: pa.array(columns[name]) for name in (*FEATURES, *OUTPUTS)})


def _draw(values: list[str], rows: int, chance: np.random.Generator) -> pa.Array:
    return _texts(values, chance.integers(0, len(values), rows))


def _texts(values: Any, codes: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(list(values))).cast(
        pa.string()
    )


def write_ledger(root: Path, decisions: int) -> None:
    """Write a ledger of about so many decisions, spread evenly over DAYS days."""
    ledger, _ = open_log(root)
    document = contract()
    digest = ledger.put_object(document)
    ledger.append_blocking(
        "system", {"event": "declared", "system": "credit", "contract": digest, "digest": "0" * 64}
    )
    one = {name: {"double": "1.0", "varchar": "a", "boolean": True}[kind] for name, kind in _TYPES.items()}
    body = {**RECORD, "contract": digest}
    ledger.append_blocking("decision", body, Facts(digest, one))
    ledger.seal_blocking()
    log = root / "logs" / ledger.log
    ledger.close()
    for path in log.glob("hot/*"):
        path.unlink()
    (sealed,) = log.glob("entries/*.parquet")
    (kept,) = log.glob(f"facts/{digest[:16]}/*.parquet")
    entries, facts = pq.read_table(sealed, partitioning=None), pq.read_table(kept, partitioning=None)
    row = next(at for at in range(len(entries)) if entries["kind"][at].as_py() == "decision")
    head = entries.slice(0, row)
    start = len(head)
    chance = np.random.default_rng(1)
    segments = -(-decisions // SEGMENT)
    per = -(-decisions // segments)
    step = DAYS * DAY / (per * segments)
    # The rows alike, once: what differs is set segment by segment.
    alike, kept_alike = _repeated(entries.slice(row, 1), per), _repeated(facts, per)
    for number in range(segments):
        at = np.arange(number * per, (number + 1) * per)
        seq, ts = pa.array(start + at), pa.array((BEGIN + at * step).astype("int64"))
        ids = pc.binary_join_element_wise("decision", pc.cast(seq, pa.string()), "-")
        changed = {
            "seq": seq,
            "ts": ts.cast(pa.timestamp("us")),
            "id": ids,
            "correlation_id": pc.binary_join_element_wise("case", pc.cast(seq, pa.string()), "-"),
        }
        some = _with(alike, changed)
        if not number:
            some = pa.concat_tables([head, some])
        first, last = some["seq"][0].as_py(), some["seq"][-1].as_py()
        drawn = features(per, BEGIN + at * step >= MIDDLE, chance)
        those = _with(kept_alike, {"seq": seq, **{name: drawn[name] for name in drawn.column_names}})
        for table, path in ((some, sealed), (those, kept)):
            target = path.with_name(f"{first:012d}-{last:012d}.parquet.new")
            pq.write_table(table, target, compression="zstd", row_group_size=16_384, write_page_checksum=True)
    for path in (sealed, kept):
        path.unlink()
        for new in path.parent.glob("*.new"):
            new.rename(new.with_suffix(""))


def _repeated(row: pa.Table, times: int) -> pa.Table:
    return row.take(pa.array(np.zeros(times, "int64")))


def _with(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), values.cast(table.schema.field(at).type))
    return table
