# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger on other storage: payloads, and what erasures and prunes change there, too."""

import contextlib
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import retained, samples, storage
from ledger.elsewhere import (
    LOG,
    Failing,
    assert_sound,
    folder_place,
    local_names_match,
    push,
    remote_memory,
    remote_names,
)
from ombud_ledger import (
    LedgerBroken,
    LedgerUnavailable,
    Vault,
    query,
    verify,
)
from ombud_ledger.check_segment import check_segment
from ombud_ledger.remote import RemoteAddress
from ombud_ledger.segment_job import SegmentJob, SegmentResult


def keep_people(root: Path, vault: Vault) -> None:
    """Record what concerns Ann and Bob, with payloads, in a segment and in the tail."""
    ledger = samples.open_log(root, signers=[samples.KEY], vault=vault)
    for start in (0, 10):
        for number, subject in enumerate(("ann", "bob", "ann")):
            samples.about(ledger, vault, subject, start + number, f"{subject} called")
        if not start:
            ledger.seal_blocking()
    ledger.close()


def erase(root: Path, vault: Vault, subject: str) -> None:
    """Erase a person."""
    ledger = samples.open_log(root, signers=[samples.KEY], vault=vault)
    ledger.erase(subject)
    ledger.close()


def test_payloads_are_there_and_open(tmp_path: Path, place: RemoteAddress, vault: Vault) -> None:
    """Payloads, sealed and of the tail, are sent like facts, and open there with the keys."""
    root = tmp_path / "ledger"
    keep_people(root, vault)
    push(root, place)
    assert local_names_match(root, place)
    assert [name for name in storage.names(place) if "/payloads/" in name]
    assert verify(place, vault=vault) == verify(root, vault=vault)
    (payloads,) = (name for name in storage.names(place) if "/payloads/" in name)
    storage.bare(place).delete_file(payloads)
    assert [each.what for each in verify(place).all_findings()] == ["the payloads file is missing"]


def test_what_an_erasure_rewrote_follows(tmp_path: Path, place: RemoteAddress, vault: Vault) -> None:
    """A facts file without the erased person replaces the one with them, even if nothing is remembered."""
    root = tmp_path / "ledger"
    keep_people(root, vault)
    push(root, place)
    (rewritten,) = (name for name in storage.names(place) if "/facts/" in name)
    old = storage.read(place, rewritten)
    erase(root, vault, "ann")
    if place.on_s3:
        remote_memory(root, place).unlink()
    assert push(root, place).restored == []
    assert storage.read(place, rewritten) == (root / rewritten).read_bytes() != old
    assert_sound(place)
    account = verify(place, vault=vault)
    assert account == verify(root, vault=vault)
    assert account.exit_code == 0


def test_an_erasure_is_said_there_before_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: Vault
) -> None:
    """Wherever sending stops, the copy is sound or says that an erasure is not carried out: never broken."""
    root, base = tmp_path / "ledger", folder_place(tmp_path)
    keep_people(root, vault)
    push(root, base)
    shutil.copytree(root / LOG / "state", tmp_path / "state")
    erase(root, vault, "ann")
    told = []
    for at in itertools.count():
        place = RemoteAddress(f"file://{tmp_path}/{at}")
        shutil.copytree(base.base, place.base)
        (memory,) = (tmp_path / "state").glob("remote-*.sqlite")
        shutil.copy(memory, remote_memory(root, place))
        with monkeypatch.context() as patched:
            failing = Failing(patched, at, stored=False)
            with contextlib.suppress(LedgerUnavailable):
                push(root, place)
        account = verify(place)
        told += [each.what for each in account.all_findings()]
        assert account.exit_code in (0, 3)
        if "/pub/" in failing.put[-1]:
            break
    push(root, place)
    assert_sound(place)
    assert set(told) == {"an erasure was logged but not carried out: the file is the one before"}
    # New sealed files, the tail, and only then what was rewritten.
    kinds = [name.removeprefix(f"{LOG}/").split("/")[0] for name in failing.put]
    order = ["facts", "payloads", "entries", "hot", "facts", "pub"]
    assert [kind for kind, _ in itertools.groupby(kinds)] == order


def test_somebody_is_erased_while_the_copy_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: Vault
) -> None:
    """A facts file replaced after the tail was fetched is no damage: the copy is then read once more."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    keep_people(root, vault)
    push(root, place)
    read: list[str] = []

    def erased_first(job: SegmentJob, progress: Callable[[int], None] | None) -> SegmentResult:
        if not read:
            erase(root, vault, "ann")
            push(root, place)
        read.append(job.name)
        return check_segment(job, progress)

    monkeypatch.setattr("ombud_ledger.workers.check_segment", erased_first)
    assert verify(place).exit_code == 0
    assert len(read) > 1


def test_what_was_pruned_goes_there_too(tmp_path: Path) -> None:
    """Files pruned by declaration go, once the checkpoint that is there covers the entry that says so."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    retained.record(root, signers=[samples.KEY])
    push(root, place)
    before = [name for name in remote_names(place) if name.endswith(".parquet")]
    checkpoint = (root / LOG / "pub/checkpoint").read_bytes()
    retained.prune(root, signers=[samples.KEY])
    covering = (root / LOG / "pub/checkpoint").read_bytes()
    (root / LOG / "pub/checkpoint").write_bytes(checkpoint)  # as one who looked before it was covered
    assert push(root, place).removed == 0
    assert_sound(place)
    (root / LOG / "pub/checkpoint").write_bytes(covering)
    pushed = push(root, place)
    left = [name for name in remote_names(place) if name.endswith(".parquet")]
    assert left == [f"{LOG}/{name}" for name in retained.parquet(root)] != before
    assert (pushed.removed, pushed.absent) == (len(before) - len(left), [])
    assert_sound(place)
    assert verify(place) == verify(root)
    with query.connect(root, as_of=[covering]) as here, query.connect(place, as_of=[covering]) as there:
        sql = "SELECT * FROM entries ORDER BY ALL"
        assert (there.execute(sql).fetchall(), there.pruned) == (here.execute(sql).fetchall(), here.pruned)


def test_what_was_pruned_is_removed_only_with_the_bytes_of_the_log(tmp_path: Path) -> None:
    """Though nothing is remembered of it: what somebody else put under its name stays, and stops all."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    retained.record(root, signers=[samples.KEY])
    push(root, place)
    before = {name for name in remote_names(place) if name.endswith(".parquet")}
    retained.prune(root, signers=[samples.KEY])
    gone = sorted(before - {f"{LOG}/{name}" for name in retained.parquet(root)})
    remote_memory(root, place).unlink()
    own = storage.read(place, gone[-1])
    storage.write(place, gone[-1], b"of somebody else")
    for _ in range(2):
        with pytest.raises(LedgerBroken, match=f"{gone[-1]} was pruned here, and holds SHA-256"):
            push(root, place)
    assert set(gone) <= set(storage.names(place))
    assert storage.read(place, gone[-1]) == b"of somebody else"
    storage.write(place, gone[-1], own)
    assert push(root, place).removed == len(gone)
    assert set(gone).isdisjoint(storage.names(place))
    assert_sound(place)
