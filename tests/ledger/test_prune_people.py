# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Pruning and erasing in one log: neither gets in the other's way, whichever comes first or is cut short."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import retained, samples
from ledger.test_erase import ANN, BOB, NAME, bytes_under, shreds
from ledger.test_prune_faults import Armed, refuse_deletion
from ombud_ledger import Ledger, LedgerError, Vault, query, verify
from ombud_ledger.durable import act_now
from ombud_ledger.layout import SealedFile, log_layout
from ombud_ledger.place import Place
from ombud_ledger.vault.about import count_payloads, facts_about

OVER = "2027-02-01"
"""Facts and payloads of 2026-01-01 are over by then, entries are not."""


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


def opened(root: Path, day: str, vault: Vault | None, armed: Armed | None = None, log: str = "r-0") -> Ledger:
    """Open the log as of a day."""
    return samples.open_log(root, start=retained.us(day), vault=vault, durable=armed or act_now, log=log)


def record(root: Path, vault: Vault) -> None:
    """Record a segment about two people on the first of 2026, and an open tail."""
    ledger = opened(root, "2026-01-01", vault)
    retained.declare(ledger)
    samples.about(ledger, vault, ANN, 1, NAME)
    samples.about(ledger, vault, BOB, 2, "Bob")
    ledger.seal_blocking()
    ledger.close()


def names(root: Path, part: str) -> list[str]:
    """Return the sealed files of a part."""
    return [name for name in retained.parquet(root) if name.startswith(f"{part}/")]


def test_payload_files_go_by_their_own_period(tmp_path: Path, vault: Vault) -> None:
    """A payload file goes once the systems in it keep payloads no longer; what is left verifies and opens."""
    root = tmp_path / "ledger"
    record(root, vault)
    (payloads,) = names(root, "payloads")
    ledger = opened(root, "2026-04-01", vault)
    staying = {each.file.name: each.why for each in ledger.prune_blocking(by="t").plan.staying}
    assert staying[payloads] == "until 2026-04-01: credit keeps payloads 90d"
    ledger.close()
    retained.prune(root, "2026-04-02")
    assert (names(root, "payloads"), len(names(root, "facts"))) == ([], 1)
    account = verify(root, vault=vault)
    assert (account.exit_code, account.logs[0].pruned_files) == (0, [payloads]), account.all_findings()
    ledger = opened(root, "2026-04-03", vault)
    (entry,) = ledger.export(ANN).entries
    assert entry.facts is not None
    assert (entry.facts["reason"], entry.payload) == (NAME, None)
    ledger.close()


def test_what_an_erasure_rewrote_is_pruned_as_it_is(tmp_path: Path, vault: Vault) -> None:
    """The prune entry names the digest that the shred entry gave, not the one that was sealed."""
    root = tmp_path / "ledger"
    record(root, vault)
    ledger = opened(root, "2026-02-01", vault)
    assert ledger.erase(ANN).complete
    (facts,) = ledger.prune_blocking(by="t").plan.staying[:1]
    assert facts.why == "until 2027-01-01: credit keeps facts 12m"
    ledger.close()
    retained.prune(root, OVER)
    with query.connect(root) as sql:
        ((files,),) = sql.execute("SELECT record->>'$.files' FROM prunes").fetchall()
    assert f'"{shreds(root)[0]["new"]}"' in files
    assert (names(root, "facts"), len(names(root, "entries"))) == ([], 1)
    samples.assert_sound(root)


def test_an_erasure_that_was_not_carried_out_comes_first(tmp_path: Path, vault: Vault) -> None:
    """A file that was to be rewritten, and was not, is no forgery: it stays until that is done, then goes."""
    root = tmp_path / "ledger"
    record(root, vault)
    armed = Armed()
    ledger = opened(root, "2026-02-01", vault, armed)

    def refuse_rename(step: str, act: object) -> None:
        if step.startswith("erase.") and "rename" in step:
            raise OSError(5, "Input/output error")
        act_now(step, act)  # type: ignore[arg-type]

    armed.by = refuse_rename
    with pytest.raises(LedgerError):
        ledger.erase(ANN)
    ledger.close()
    ledger = opened(root, OVER, None)
    staying = ledger.prune_blocking(by="t").plan.staying
    assert [each.why for each in staying if each.part == "facts"] == [
        "an erasure was logged but not carried out in it: open the log with its vault"
    ]
    ledger.close()
    opened(root, OVER, vault).close()
    retained.prune(root, OVER)
    assert names(root, "facts") == []
    samples.assert_sound(root)


def test_an_erasure_finishes_a_prune_that_was_cut_short(tmp_path: Path, vault: Vault) -> None:
    """What a prune entry names keeps its bytes until it is deleted: that comes first, then the blanking."""
    root = tmp_path / "ledger"
    record(root, vault)
    armed = Armed()
    ledger = opened(root, OVER, vault, armed)
    samples.about(ledger, vault, ANN, 3, NAME)
    armed.by = refuse_deletion
    with pytest.raises(LedgerError):
        ledger.prune_blocking(by="t")
    armed.by = act_now
    erasure = ledger.erase(ANN)
    assert (erasure.complete, erasure.rows, erasure.payloads) == (True, 1, 1)
    ledger.close()
    assert NAME.encode() not in bytes_under(root)
    account = verify(root, vault=vault)
    assert (account.exit_code, len(account.logs[0].pruned_files)) == (0, 2), account.all_findings()


def test_what_a_hold_kept_from_being_pruned_is_erased(tmp_path: Path, vault: Vault) -> None:
    """A file may be named by a prune entry, kept by a hold, blanked by an erasure, and pruned in the end."""
    root = tmp_path / "ledger"
    record(root, vault)
    armed = Armed()
    ledger = opened(root, OVER, vault, armed)
    armed.by = refuse_deletion
    with pytest.raises(LedgerError):
        ledger.prune_blocking(by="t")
    armed.by = act_now
    ledger.append_blocking("system", {"event": "held", "system": "credit", "by": "t"})
    assert ledger.erase(ANN).rows == 1
    assert len(names(root, "facts")) == 1
    samples.assert_sound(root)
    ledger.append_blocking("system", {"event": "released", "system": "credit", "by": "t"})
    assert ledger.prune_blocking(by="t").left == ()
    ledger.close()
    assert names(root, "facts") == names(root, "payloads") == []
    samples.assert_sound(root)


def test_facts_pruned_meanwhile_in_another_log(tmp_path: Path, vault: Vault) -> None:
    """An erasure waits for facts in other logs; once these are pruned there, it is complete."""
    root = tmp_path / "ledger"
    record(root, vault)
    ledger = opened(root, OVER, vault, log="r-1")
    assert not ledger.erase(ANN).complete
    retained.prune(root, OVER)
    assert ledger.erase(ANN).complete
    ledger.close()
    samples.assert_sound(root)
    # A file that was listed, and is gone when it is looked into, has nothing about anybody.
    layout = log_layout(root, "r-0")
    gone = SealedFile(0, 1, "facts/0/gone.parquet", layout.folder / "facts" / "0" / "gone.parquet")
    assert list(facts_about(gone, ["0a" * 16])) == []
    assert count_payloads(Place(root), "r-0", ["0a" * 16]) == 0
