# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Small SQLite files that know what they are: made on first use, refused where they are something else."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ombud_ledger.errors import LedgerUnreadable


def prepare(
    db: sqlite3.Connection,
    path: Path,
    what: str,
    *,
    application_id: int,
    version: int,
    made_by: Sequence[str],
) -> None:
    """Make the tables of an empty file, for its owner alone; of another demand that it is `what` it must be.

    Raises LedgerUnreadable, sqlite3.Error.
    """
    db.execute("BEGIN IMMEDIATE")
    (found,) = db.execute("PRAGMA application_id").fetchone()
    (of_version,) = db.execute("PRAGMA user_version").fetchone()
    if (found, of_version) == (0, 0) and not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
        db.execute(f"PRAGMA application_id={application_id}")
        db.execute(f"PRAGMA user_version={version}")
        for statement in made_by:
            db.execute(statement)
    elif (found, of_version) != (application_id, version):
        raise LedgerUnreadable(f"{path.name}: not {what} of version {version}")
    db.execute("COMMIT")
    path.chmod(0o600)
