# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a caller's SQL may be: one SELECT over the views, judged by the tree that DuckDB parses it into.

DuckDB's own lock keeps files of others shut, but the sealed files have to be open to it, and DuckDB knows no
way to open a file for reading alone. So a statement is refused before it runs if anything in it could write,
or could reach a file past the views.
"""

import json
import re
from collections.abc import Iterator, Set
from typing import Any, Final

import duckdb

from ombud_ledger.errors import QueryRefused

# Since DuckDB 2 a CTE may be INSERT, UPDATE, DELETE or COPY TO, and the statement is still a SELECT.
_READS: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
# No function that opens files; none that runs SQL out of a string, which would not be looked at here.
_TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"}
)

_UNDER_VIEWS: Final = re.compile(
    r"(hot|sealed)_[0-9]+", re.IGNORECASE
)  # what they are made of, salts and all


def check_statement(db: duckdb.DuckDBPyConnection, sql: str) -> frozenset[str]:
    """Demand that `sql` is one SELECT that only reads the views; return the names of its parameters.

    Raises QueryRefused; duckdb.Error for what is no SQL.
    """
    # 1. One statement, a SELECT. A NUL may end a text for one reader of it and not for another.
    if "\x00" in sql:
        raise QueryRefused("a statement cannot hold the character NUL")
    statements = db.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(each.type.name for each in statements) or "nothing"
        raise QueryRefused(f"only one SELECT statement can be run here, not: {kinds}")
    # 2. As a tree. What cannot be shown as one is not run.
    ((found,),) = db.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    try:
        tree = json.loads(found)
    except RecursionError as error:
        raise QueryRefused("this SELECT is nested too deep to be looked into") from error
    if tree.get("error", True):
        raise QueryRefused(
            f"this SELECT cannot be looked into: {tree.get('error_message', 'it has no tree')}"
        )
    # 3. Nothing in it writes, or reads anything but views.
    for node in _nodes(tree):
        _check(node)
    return frozenset(statements[0].named_parameters)


def check_names(given: Set[str], named: Set[str], *, option: str = "") -> None:
    """Demand a value for each of a statement's parameters, and no other; raise QueryRefused.

    `option` is what a caller gives one with, as in `-p NAME=VALUE`.
    """
    where, how = (f"{option}: ", f"{option} ") if option else ("", "")
    missing, unused = sorted(named - given), sorted(given - named)
    if missing:
        raise QueryRefused(f"{where}${missing[0]} has no value, must be given as {how}{missing[0]}=VALUE")
    if unused:
        known = ", ".join(f"${name}" for name in sorted(named)) or "none"
        raise QueryRefused(f"{where}${unused[0]} is not in the SQL, must be one of its parameters: {known}")


def _check(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READS:
        raise QueryRefused(f"only one SELECT statement can be run here, without: {kind.split('_')[0]}")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"]["function_name"]).lower()
        if name not in _TABLE_FUNCTIONS:
            allowed = ", ".join(sorted(_TABLE_FUNCTIONS))
            raise QueryRefused(f"{name}() cannot be read from here: views can, and {allowed}")
    if kind == "BASE_TABLE":
        name = str(node["table_name"])
        if "/" in name or "\\" in name or name.lower().endswith((".parquet", ".csv", ".json")):
            raise QueryRefused(f"{name[:80]!r} is no view: files cannot be read from here")
        if _UNDER_VIEWS.fullmatch(name):
            raise QueryRefused(f"{name!r} is no view: it holds what they leave out")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    left = [tree]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            yield each
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
