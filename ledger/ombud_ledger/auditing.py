# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The SQL with which an auditor checks a log's sealed entries in a stock DuckDB, without Ombud."""

from importlib.resources import files
from typing import Final

from ombud_ledger.columns import COLUMNS, Projected

_DRIFT: Final = """\
-- SPDX-FileCopyrightText: 2026 The Ombud authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Lists the sealed entries of one log whose typed columns are not what their records say, and which columns.
-- Run it in the log's folder (logs/<log>) with a stock DuckDB. No row is good news: what SQL reads of the
-- columns is then what was hashed (FORMAT.md, "Entries file").
SELECT seq, drifted
FROM (
    SELECT seq, concat_ws(', ',
        {columns}
    ) AS drifted
    FROM read_parquet('entries/*.parquet')
)
WHERE drifted <> ''
ORDER BY seq;
"""


def chain_sql() -> str:
    """Return the statement that lists the entries whose chain value does not follow."""
    return _packaged("chain.sql")


def root_sql() -> str:
    """Return the statements that compute the Merkle root at a size."""
    return _packaged("root.sql")


def drift_sql() -> str:
    """Return the statement that lists the entries whose typed columns differ from the record."""
    return _DRIFT.format(columns=",\n        ".join(_differs(column) for column in COLUMNS))


def audit_sql() -> str:
    """Return all of them."""
    return f"{chain_sql()}\n{root_sql()}\n{drift_sql()}"


def _packaged(name: str) -> str:
    return (files("ombud_ledger") / "sql" / name).read_text(encoding="utf-8")


def _differs(column: Projected) -> str:
    return f"""CASE WHEN "{column.name}" IS DISTINCT FROM {_of_record(column)} THEN '{column.name}' END"""


def _of_record(column: Projected) -> str:
    path = "$" + "".join(f'."{key}"' for key in column.path)
    kind, text = f"json_type(record, '{path}')", f"record->>'{path}'"
    if column.type == "varchar":
        return f"CASE {kind} WHEN 'VARCHAR' THEN {text} END"
    if column.type == "boolean":
        return f"CASE {kind} WHEN 'BOOLEAN' THEN ({text})::BOOLEAN END"
    if column.type == "varchar[]":
        parts = f"list_distinct(json_type(record, '{path}[*]'))"
        texts = f"from_json(record->'{path}', '[\"VARCHAR\"]')"
        return f"CASE WHEN {kind} = 'ARRAY' AND {parts} IN (['VARCHAR'], []) THEN {texts} END"
    number = f"CASE WHEN {kind} IN ('BIGINT', 'UBIGINT') THEN ({text})::BIGINT END"
    return f"make_timestamp({number})" if column.type == "timestamp" else number
