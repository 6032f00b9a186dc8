# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What an evidence folder says to people, and the SQL that goes with it."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from ombud_ledger.auditing import chain_sql, drift_sql, root_sql
from ombud_ledger.exported import Export

_FACTS: Final = "CREATE VIEW facts"
_PAYLOADS: Final = (
    "| `logs/<log>/payloads/` | their requests and responses, encrypted: the operator's vault has the keys,"
    " and not here |\n"
)
_NO_PAYLOADS: Final = (
    "Requests and responses that the log keeps, encrypted, are left out of this export; the records hold what"
    " entries commit to of them.\n\n"
)


def sql_files(*, facts: bool) -> dict[str, str]:
    """Return the SQL of an evidence folder by file name."""
    views = _packaged("sql/views.sql")
    if not facts:
        views = views.partition(_FACTS)[0]
    return {"chain.sql": chain_sql(), "drift.sql": drift_sql(), "root.sql": root_sql(), "views.sql": views}


def readme(export: Mapping[str, Any], said: Export) -> str:
    """Return the README of what EXPORT.json describes; `said` is what a reader makes of it."""
    extent = [f"- log `{log}`, origin `{part.origin}`: {part.tell()}" for log, part in said.parts.items()]
    counts = [f"| {name or '(none)'} | {number} |" for name, number in export["entries_by_system"].items()]
    has_facts, has_payloads = export["facts"], export["payloads"]
    return _packaged("export_readme.md").format(
        system=export["system"],
        begin=export["from"] or "the beginning",
        end=export["to"] or "the end",
        by=export["by"],
        recipient=f" for {export['recipient']}" if export["recipient"] else "",
        facts="" if has_facts else " (left out of this export)",
        payloads=_PAYLOADS if has_payloads else "",
        no_payloads="" if has_payloads else _NO_PAYLOADS,
        facts_view=", `facts`" if has_facts else "",
        counts="\n".join(counts),
        extent="\n".join(extent),
    )


def _packaged(name: str) -> str:
    return files("ombud_ledger").joinpath(name).read_text(encoding="utf-8")
