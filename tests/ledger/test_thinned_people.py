# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed files that lie on other storage alone: erasures reach them, and prunes."""

from pathlib import Path

import pytest

from ledger import retained, samples, storage
from ledger.elsewhere import AT_ONCE, LOG, VKEY, FailsAt, assert_sound, folder_place, thin
from ledger.test_erase import ANN, BOB, NAME, bytes_under
from ombud_ledger import (
    LedgerUnavailable,
    LedgerUnreadable,
    Vault,
    pruning,
    remote,
    transparency,
    verify,
)
from ombud_ledger.remote import RemoteAddress, Thinned
from ombud_ledger.remote.store import Remote


def about_people(place: Path | Thinned, vault: Vault, start: int) -> None:
    """Record a segment about two people."""
    ledger = samples.open_log(place, signers=[samples.KEY], vault=vault)
    samples.about(ledger, vault, ANN, start, f"{NAME} called, {start}")
    samples.about(ledger, vault, BOB, start + 1, "Bob wrote")
    ledger.seal_blocking()
    ledger.close()


def test_people_are_found_and_erased_there(tmp_path: Path, there: RemoteAddress, vault: Vault) -> None:
    """What lies elsewhere about a person is handed out, and blanked; then no byte there tells of them."""
    root = tmp_path / "ledger"
    for start in (0, 10, 20):
        about_people(root, vault, start)
    thin(root, there)
    place = Thinned(root, there)
    account = verify(place, vault=vault)
    assert account.exit_code == 0, account.all_findings()
    ledger = samples.open_log(place, signers=[samples.KEY], vault=vault)
    told = list(ledger.export(ANN).entries)
    assert [each.facts["reason"] for each in told if each.facts] == [
        f"{NAME} called, {n}" for n in (0, 10, 20)
    ]
    assert all(each.payload for each in told)
    erasure = ledger.erase(ANN)
    assert (erasure.complete, erasure.rows, len(erasure.files), erasure.payloads) == (True, 3, 3, 3)
    assert any(there.url in each for each in erasure.remains)
    ledger.close()
    assert NAME.encode() not in bytes_under(root)
    assert_sound(place)
    # The files there are replaced, and then let go here again.
    pushed = thin(root, there)
    assert (pushed.absent, pushed.thinned) == ([], 2)
    copy = tmp_path / "downloaded"
    for name in storage.names(there):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(storage.read(there, name))
    assert NAME.encode() not in bytes_under(copy)
    assert b"Bob wrote" in bytes_under(copy)
    for each in (place, there, copy):
        account = verify(each, vault=vault, vkeys=[VKEY])
        assert (account.exit_code, account.logs[0].erased) == (0, 3), account.all_findings()


@pytest.mark.parametrize("step", ["erase.stage", "erase.rename", "erase.purge"])
@pytest.mark.parametrize("stored", [False, True])
def test_an_erasure_that_fails_at_any_step(tmp_path: Path, vault: Vault, step: str, stored: bool) -> None:
    """Whichever durable step fails, the next opening ends the erasure, here and there."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    for start in (0, 10):
        about_people(root, vault, start)
    thin(root, there)
    place, failing = Thinned(root, there), FailsAt(step, stored=stored)
    ledger = samples.open_log(place, signers=[samples.KEY], vault=vault, durable=failing)
    with pytest.raises(LedgerUnavailable):
        ledger.erase(ANN)
    ledger.close()
    assert failing.name is None
    thin(root, there)  # what a round does meanwhile
    samples.open_log(place, signers=[samples.KEY], vault=vault).close()
    thin(root, there)
    assert NAME.encode() not in bytes_under(root) + bytes_under(tmp_path / "remote")
    account = verify(place, vault=vault, vkeys=[VKEY])
    assert (account.exit_code, account.logs[0].erased) == (0, 2), account.all_findings()


def test_an_erasure_that_waits_fetches_once(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waits for another log, files elsewhere without facts about the person are not read again."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    for start in (0, 10):
        about_people(root, vault, start)
    other = samples.open_log(root, log="r-1", origin="acme.example/test/r/2", vault=vault)
    samples.about(other, vault, ANN, 1, NAME)
    other.close()
    list(remote.push(root, there, keep_local=AT_ONCE))
    ledger = samples.open_log(Thinned(root, there), signers=[samples.KEY], vault=vault)
    asked: list[str] = []
    real = Remote.fetch

    def fetch(self: Remote, name: str, target: Path) -> str | None:
        asked.append(name)
        return real(self, name, target)

    monkeypatch.setattr(Remote, "fetch", fetch)
    assert not ledger.erase(ANN).complete
    asked.clear()
    assert ledger._upkeep.eraser is not None
    assert ledger._upkeep.eraser.resume()
    assert asked == []
    ledger.close()


def test_what_is_over_goes_there_too(tmp_path: Path) -> None:
    """Pruned files that lie elsewhere alone: the log says so, the stubs go, then the files there."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    retained.record(root, signers=[samples.KEY])
    thin(root, there)
    place = Thinned(root, there)
    plan = pruning.would_prune(place, "r-0", now=retained.us(retained.LATER))
    retained.prune(place, signers=[samples.KEY])
    left = sorted(str(path.relative_to(root / LOG)) for path in (root / LOG).glob("*/**/*.away"))
    gone = {each.file.name for each in plan.going}
    assert gone
    assert not gone & {name.replace(".away", ".parquet") for name in left}
    assert {name.removeprefix(f"{LOG}/") for name in storage.names(there)} >= gone  # until the next round
    assert_sound(place)
    pushed = thin(root, there)
    assert (pushed.removed >= len(gone), pushed.absent) == (True, [])
    assert not gone & {name.removeprefix(f"{LOG}/") for name in storage.names(there)}
    assert_sound(place)
    assert_sound(there)
    receipt = transparency.published(place).receipt
    with pytest.raises(LedgerUnreadable, match="was pruned by declaration"):
        receipt(3)


def test_a_young_segment_is_not_fetched_to_be_judged(tmp_path: Path) -> None:
    """A plan reads nothing elsewhere of segments that no period can be over for."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    retained.record(root)
    thin(root, there)
    (tmp_path / "remote").rename(tmp_path / "unplugged")
    plan = pruning.would_prune(Thinned(root, there), "r-0", now=retained.us("2023-03-20"))
    assert (plan.going, {each.why for each in plan.staying if "at least" in each.why} != set()) == ((), True)
