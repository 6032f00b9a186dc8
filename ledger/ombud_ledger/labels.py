# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as the ledger keeps them: which contract types a label's value, and the views that show it.

A label's value is about a person, so it lies in facts. One of four contracts types it, the same for every
system: so the values of all labels lie in files of their own, never among the facts of calls.
"""

import hashlib
from types import MappingProxyType
from typing import Final

KINDS: Final = ("observed", "historical", "expert")
SELECTIONS: Final = ("all", "approved_only", "denied_only", "sample", "appealed", "unknown")
"""How labelled cases can have been chosen."""

CONTRACTS: Final = MappingProxyType(
    {
        kind: f'{{"columns":[{{"name":"value_{kind}","type":"{kind}"}}],"format":"ombud-label/1"}}'.encode()
        for kind in ("boolean", "bigint", "double", "varchar")
    }
)
"""By type of column, the contract object that types such a value; its column is `value_<type>`."""
DIGESTS: Final = MappingProxyType(
    {kind: hashlib.sha256(contract).hexdigest() for kind, contract in CONTRACTS.items()}
)
CONTRACTS16: Final = frozenset(digest[:16] for digest in DIGESTS.values())
"""What the folders and views of these contracts are named by."""

VALUES: Final = "label_values"
NEWEST: Final = "newest_labels"
ABOUT: Final = MappingProxyType(
    {
        "value_boolean": "value of a label of a boolean output; NULL for other types",
        "value_bigint": "value of a label of an integer output; NULL for other types",
        "value_double": "value of a label of a decimal output; NULL for other types",
        "value_varchar": "value of a label of a text output; NULL for other types",
        "gone": "whether the label's value is erased or pruned",
        "labels": "how many labels of this kind the decision has had, this one among them",
    }
)
"""What the columns of these two views are."""

_NOTHING: Final = (
    "SELECT '' AS log, 0::BIGINT AS seq, NULL::BOOLEAN AS value_boolean, NULL::BIGINT AS value_bigint,"
    " NULL::DOUBLE AS value_double, NULL::VARCHAR AS value_varchar WHERE false"
)


def values_view(contracts16: list[str]) -> str:
    """Return the SELECT of `label_values`: one row for each label whose value is still there."""
    parts = [
        f"SELECT * EXCLUDE (facts) FROM facts_{contract} WHERE facts IS NOT NULL"  # noqa: S608
        for contract in contracts16
    ]
    return " UNION ALL BY NAME ".join([_NOTHING, *parts])


_KEPT: Final = ("log", "seq", "ts", "contract", "selection", "observed_at", "actor")
# In time, then in the log. One aggregate a column: DuckDB leaves out those that a statement does not use.
_ORDER: Final = "epoch_us(ts)::HUGEINT * 9007199254740992 + seq"
_PICKED: Final = ", ".join(f'arg_max_null("{name}", {_ORDER}) AS "{name}"' for name in _KEPT)
NEWEST_VIEW: Final = f"""
SELECT n.*, v.seq IS NULL AS gone, v.value_boolean, v.value_bigint, v.value_double, v.value_varchar
FROM (
    SELECT system, decision, label_kind, count(*) AS labels, {_PICKED}
    FROM labels GROUP BY system, decision, label_kind
) n
LEFT JOIN {VALUES} v ON v.log = n.log AND v.seq = n.seq
"""  # noqa: S608
"""The SELECT of `newest_labels`: of each decision and kind of label, the newest; the others are history."""
