# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Decisions looked up by id: in which log, about whom, with which labels, and what became of their facts."""

from pathlib import Path

from ombud_ledger import Facts, Ledger, Options, Vault, cases, labels

CONTRACT = b'{"columns":[{"name":"approve","type":"boolean"}]}'
QUIET = Options(seal_automatically=False)


def call(ledger: Ledger, name: str, subject: str | None = None, *, facts: bool = True) -> None:
    """Record one call of the system credit."""
    held = Facts(ledger.put_object(CONTRACT), {"approve": True}, subject=subject) if facts else None
    ledger.append_blocking("decision", {"id": name, "system": "credit", "action": "infer"}, held)


def label(ledger: Ledger, name: str, value: bool, subject: str | None = None) -> None:
    """Record one label."""
    facts = Facts(ledger.put_object(labels.CONTRACTS["boolean"]), {"value_boolean": value}, subject=subject)
    ledger.append_blocking("label", {"decision": name, "label_kind": "observed", "selection": "all"}, facts)


def test_decisions_are_found_in_every_log_sealed_and_hot(tmp_path: Path) -> None:
    """With subject and labels, the oldest first, and what became of facts; what is not there is not found."""
    vault = Vault.create(tmp_path / "vault", tmp_path / "keys")
    root = tmp_path / "ledger"
    one = Ledger.open(root, log="r-0", origin="a/b/r/0", options=QUIET, vault=vault)
    two = Ledger.open(root, log="r-1", origin="a/b/r/1", options=QUIET, vault=vault)
    anna, bert = vault.pseudonym("anna"), vault.pseudonym("bert")
    call(one, "d-1", anna)
    call(one, "d-2", facts=False)
    call(one, "d-3", bert)
    label(one, "d-1", True, anna)
    one.append_blocking("review", {"id": "d-9", "event": "opened"})
    one.seal_blocking()
    call(one, "d-4", anna)
    label(two, "d-1", False, anna)
    one.erase("bert")
    wanted = ["d-1", "d-2", "d-3", "d-4", "d-9", "nobody's"]
    found = cases.look_up(root, wanted)
    told = [
        (case.id, case.log, case.system, case.subject, case.facts) for case in sorted(found.calls.values())
    ]
    for ledger in (one, two):
        ledger.close()
    for facts in (root / "logs/r-0/facts").rglob("*.parquet"):
        facts.unlink()
    pruned = cases.look_up(root, wanted).calls["d-1"].facts
    vault.close()
    assert told == [
        ("d-1", "r-0", "credit", anna, "kept"),
        ("d-2", "r-0", "credit", None, "none"),
        ("d-3", "r-0", "credit", None, "erased"),
        ("d-4", "r-0", "credit", anna, "kept"),
    ]
    assert list(found.labels) == [("d-1", "observed")]
    assert [(each.log, each.value) for each in found.labels["d-1", "observed"]] == [
        ("r-0", True),
        ("r-1", False),
    ]
    assert pruned == "pruned"


def test_nothing_is_read_for_nobody(tmp_path: Path) -> None:
    """No ids, nothing found."""
    assert cases.look_up(tmp_path, []) == cases.Cases()
