# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Labels in the ledger: history and what counts, values by type, apart from the facts of calls."""

import json
from pathlib import Path
from typing import Any

from ombud_ledger import Facts, Ledger, Options, Vault, labels, query, verify

CONTRACT = b'{"columns":[{"name":"approve","type":"boolean"}]}'
QUIET = Options(seal_automatically=False)


def open_ledger(root: Path, **more: Any) -> Ledger:
    """Open a log that seals only when told."""
    return Ledger.open(root / "ledger", log="r-0", origin="acme/test/r/1", options=QUIET, **more)


def call(ledger: Ledger, name: str, approve: bool, subject: str | None = None) -> None:
    """Record one answered call of the system credit."""
    facts = Facts(ledger.put_object(CONTRACT), {"approve": approve}, subject=subject)
    ledger.append_blocking("decision", {"id": name, "system": "credit", "action": "infer"}, facts)


def label(
    ledger: Ledger, name: str, value: Any, kind: str = "boolean", told: str = "observed", **more: Any
) -> None:
    """Record one label."""
    contract = ledger.put_object(labels.CONTRACTS[kind])
    facts = Facts(contract, {f"value_{kind}": value}, subject=more.pop("subject", None))
    body = {"decision": name, "label_kind": told, "selection": "all", "system": "credit", "by": "t", **more}
    ledger.append_blocking("label", body, facts)


def test_the_newest_label_of_a_decision_counts_and_history_stays(tmp_path: Path) -> None:
    """By decision and kind, sealed or hot; the value stands in the column of its type."""
    ledger = open_ledger(tmp_path)
    call(ledger, "d-1", True)
    call(ledger, "d-2", False)
    label(ledger, "d-1", False, observed_at=1_700_000_000_000_000)
    label(ledger, "d-1", True, told="historical")
    ledger.seal_blocking()
    label(ledger, "d-1", True)
    label(ledger, "d-2", "0.25", "double")
    ledger.close()
    with query.connect(tmp_path / "ledger") as sql:
        newest = sql.execute(
            "SELECT decision, label_kind, system, labels, gone, value_boolean, value_double, value_bigint,"
            " value_varchar FROM newest_labels ORDER BY ALL"
        ).fetchall()
        history = sql.execute("SELECT decision, label_kind, year(observed_at) FROM labels ORDER BY seq")
        told = history.fetchall()
        values = sql.execute("SELECT value_boolean, value_double FROM label_values ORDER BY seq").fetchall()
    assert newest == [
        ("d-1", "historical", "credit", 1, False, True, None, None, None),
        ("d-1", "observed", "credit", 2, False, True, None, None, None),
        ("d-2", "observed", "credit", 1, False, None, 0.25, None, None),
    ]
    assert told == [
        ("d-1", "observed", 2023),
        ("d-1", "historical", None),
        ("d-1", "observed", None),
        ("d-2", "observed", None),
    ]
    assert values == [(False, None), (True, None), (True, None), (None, 0.25)]
    assert verify(tmp_path / "ledger").exit_code == 0


def test_facts_of_a_system_hold_no_labels(tmp_path: Path) -> None:
    """The view of a system's facts has the columns and the rows of its calls alone."""
    ledger = open_ledger(tmp_path)
    call(ledger, "d-1", True)
    label(ledger, "d-1", False)
    ledger.close()
    with query.connect(tmp_path / "ledger") as sql:
        names = [row[0] for row in sql.execute("DESCRIBE facts_credit").fetchall()]
        counted = sql.execute("SELECT count(*) FROM facts_credit").fetchone()
    assert (names, counted) == (["log", "seq", "facts", "approve"], (1,))


def test_a_ledger_without_labels_has_the_views(tmp_path: Path) -> None:
    """A statement over labels runs before there are any."""
    open_ledger(tmp_path).close()
    with query.connect(tmp_path / "ledger") as sql:
        assert sql.execute("SELECT * FROM newest_labels").fetchall() == []
        assert sql.execute("SELECT * FROM label_values").fetchall() == []
        described = {view for view, *_ in sql.schema()}
    assert {"labels", "newest_labels", "label_values", "incidents", "requests"} <= described


def test_whoever_is_erased_takes_the_values_of_labels_along(tmp_path: Path) -> None:
    """The label stays, its value is gone and counted as gone; another person's stays; verify passes."""
    vault = Vault.create(tmp_path / "vault", tmp_path / "keys")
    ledger = open_ledger(tmp_path, vault=vault)
    for person, name in (("anna", "d-1"), ("bert", "d-2")):
        subject = vault.pseudonym(person)
        call(ledger, name, True, subject)
        label(ledger, name, False, subject=subject)
    ledger.erase("anna")
    ledger.close()
    vault.close()
    with query.connect(tmp_path / "ledger") as sql:
        found = sql.execute("SELECT decision, gone, value_boolean FROM newest_labels ORDER BY ALL").fetchall()
    assert found == [("d-1", True, None), ("d-2", False, False)]
    assert verify(tmp_path / "ledger").exit_code == 0


def test_the_contracts_are_those_of_the_format() -> None:
    """Their bytes stand in FORMAT.md, and are canonical."""
    text = (Path(__file__).parents[2] / "ledger/FORMAT.md").read_text(encoding="utf-8")
    for contract in labels.CONTRACTS.values():
        assert f"`{contract.decode()}`" in text
        printed = json.dumps(json.loads(contract), sort_keys=True, separators=(",", ":"))
        assert printed.encode() == contract
