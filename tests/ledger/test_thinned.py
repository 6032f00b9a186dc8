# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed files that lie on other storage alone: the log goes on, is read as one, and misses what is lost."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from ledger import retained, samples, storage
from ledger.elsewhere import AT_ONCE, LOG, VKEY, assert_sound, findings, folder_place, grow, thin, thinned
from ombud_ledger import (
    LedgerBroken,
    LedgerUnavailable,
    LedgerUnreadable,
    export,
    origins,
    pruning,
    query,
    query_apart,
    remote,
    sample,
    transparency,
)
from ombud_ledger.layout import log_layout
from ombud_ledger.remote import RemoteAddress, RemoteKeeper, Thinned


def test_a_thinned_log_goes_on(tmp_path: Path, there: RemoteAddress) -> None:
    """It is opened, appended to, sealed and thinned again; here with the rest, and there, it verifies."""
    root, whole = tmp_path / "ledger", tmp_path / "whole"
    place = thinned(root, there)
    assert [name.split("/")[0] for name in retained.parquet(root)] == ["entries", "facts", "facts"]
    (kept,) = [transparency.published(place).checkpoint().note.to_bytes()]
    grow(place, 20, 100)
    assert thin(root, there).thinned == 3
    assert_sound(place, checkpoints=[kept])
    assert_sound(there, checkpoints=[kept])
    assert thin(root, there).thinned == 0
    # What is fetched back into the folder counts before its stub, and is the ledger it was.
    shutil.copytree(root, whole)
    for name in storage.names(there):
        if name.endswith(".parquet"):
            (whole / name).parent.mkdir(parents=True, exist_ok=True)
            (whole / name).write_bytes(storage.read(there, name))
    assert_sound(whole, checkpoints=[kept])


def test_every_reader_reads_it(tmp_path: Path, there: RemoteAddress) -> None:
    """SQL, samples, receipts, entries, plans of a prune and exports are those of the whole ledger."""
    root, whole = tmp_path / "ledger", tmp_path / "whole"
    samples.build(root, sealed=(12, 30, 9), signers=[samples.KEY])
    shutil.copytree(root, whole)
    thin(root, there)
    place = Thinned(root, there)
    with query.connect(place) as ours, query.connect(whole) as theirs:
        for sql in ("SELECT * FROM entries ORDER BY ALL", "SELECT * FROM facts_credit ORDER BY ALL"):
            assert ours.execute(sql).fetchall() == theirs.execute(sql).fetchall()
        assert sample.draw(ours, 5, seed="s") == sample.draw(theirs, 5, seed="s")
        assert ours.heads() == theirs.heads()
    for seq in (0, 3, 30, 50):
        receipt = transparency.published(place).receipt(seq)
        assert receipt == transparency.published(whole).receipt(seq)
        receipt.verify([transparency.parse_vkey(VKEY)])
    note = transparency.published(whole).checkpoint().note.to_bytes()
    with query.connect(place, as_of=[note]) as opened:
        assert len(opened.as_of) == 1
    assert origins(place) == origins(whole)
    plans = [pruning.would_prune(each, "r-0", now=2**60) for each in (place, whole)]
    assert [each.why for each in plans[0].staying] == [each.why for each in plans[1].staying]
    ledger = samples.open_log(place, signers=[samples.KEY])
    assert ledger.entry(30) == samples_entry(whole, 30)
    assert ledger.latest("genesis") is not None
    out = tmp_path / "evidence"
    assert export.export([ledger], export.Wanted("credit"), out, by="os:tester") is not None
    ledger.close()
    assert_sound(out)
    assert not log_layout(root, "r-0").fetched.exists() or retained.parquet(root)


def samples_entry(root: Path, seq: int) -> tuple[int, bytes, bytes]:
    """Return an entry of a log that nobody writes."""
    ledger = samples.open_log(root, signers=[samples.KEY])
    try:
        return ledger.entry(seq)
    finally:
        ledger.close()


def test_sql_of_others_reads_it(tmp_path: Path, s3_port: int) -> None:
    """A query in a process of its own, as a gateway runs it, has all entries."""
    there = storage.address_at(s3_port, tmp_path, tmp_path.name)
    place = thinned(tmp_path / "ledger", there)

    async def ask() -> bytes:
        question = query_apart.Question("SELECT count(*), max(amount) FROM facts_credit")
        return b"".join([piece async for piece in query_apart.answer(place, question, query_apart.Limits())])

    with query.connect(there) as opened:
        expected = opened.execute("SELECT count(*), max(amount) FROM facts_credit").fetchall()
    assert query_apart.rows(asyncio.run(ask())) == expected


def test_opening_asks_nothing_of_the_storage(tmp_path: Path) -> None:
    """A log opens, appends and says what is in force while the other storage is away."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    retained.record(root)
    thin(root, there)
    (tmp_path / "remote").rename(tmp_path / "unplugged")
    for place in (Thinned(root, there), root):
        ledger = retained.at(place, retained.LATER)
        assert ledger.latest("system", {"event": "declared"}) is not None
        assert ledger.latest("policy") is not None
        ledger.append_blocking("decision", samples.decision(1))
        with pytest.raises(LedgerUnreadable):
            ledger.entry(5)
        ledger.close()


def test_a_bare_folder_says_what_is_wanting(tmp_path: Path) -> None:
    """Without the address, readers that need what is elsewhere say where it is, and what to add."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    thinned(root, there)
    wanted = rf"lies at {there.url} alone: say how that is reached, by --remote {there.url}"
    with pytest.raises(LedgerUnreadable, match=wanted):
        query.connect(root)
    with pytest.raises(LedgerUnreadable, match=wanted):
        transparency.published(root).receipt(3)
    code, what = findings(root)
    assert (code, f"--remote {there.url}" in what) == (2, True)
    assert remote.is_thinned(root)


def test_nothing_is_let_go_too_early(tmp_path: Path) -> None:
    """What is newer than the time said stays, and always the newest segment, where the log is opened."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    retained.record(root, signers=[samples.KEY])
    files = retained.parquet(root)
    clock = retained.us("2024-05-01")
    (pushed,) = remote.push(root, there, keep_local=remote.parse_keep_local("90d"), clock=lambda: clock)
    gone = [name for name in files if not (root / LOG / name).exists()]
    assert gone == [name for name in files if "/000000000000-" in name]
    assert pushed.thinned == len(gone) == 3
    thin(root, there)
    assert {name.rpartition("/")[2] for name in retained.parquet(root)} == {files[3].rpartition("/")[2]}
    for text in ("30", "d", "1w", "-1d", "1.5h", ""):
        with pytest.raises(ValueError, match="must be a whole number and h"):
            remote.parse_keep_local(text)


def test_a_copy_that_fails_its_last_check_keeps_the_file(tmp_path: Path) -> None:
    """A file that vanished or changed there since it was sent, or with no checkpoint there, stays here."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, sealed=(12, 9), signers=[samples.KEY])
    list(remote.push(root, there))
    files = retained.parquet(root)
    first = Thinned(root, there).layout("r-0").entries_files()[0].name
    for damage, error, thinned_out in (
        (lambda: storage.bare(there).delete_file(f"{LOG}/{first}"), None, 2),
        (lambda: storage.write(there, f"{LOG}/{first}", b"other"), LedgerBroken, 0),
        (lambda: storage.bare(there).delete_file(f"{LOG}/pub/checkpoint"), LedgerUnavailable, 0),
    ):
        with keeper_of(root, there) as keeper:
            keeper.round()
            damage()
            if error is None:
                assert keeper._push.thin(2**60) == thinned_out
            else:
                with pytest.raises(error):
                    keeper._push.thin(2**60)
        assert (root / LOG / first).exists()
        storage.write(there, f"{LOG}/{first}", (root / LOG / first).read_bytes())
    # A file here that is not what the log says of it is no copy of what is there: it stays.
    (root / LOG / first).write_bytes(b"other")
    with keeper_of(root, there) as keeper:
        keeper.round()
        assert keeper._push.thin(2**60) == 0
    assert len(retained.parquet(root)) == len(files) - 2


@contextmanager
def keeper_of(root: Path, there: RemoteAddress, *, keep_local: int | None = None) -> Iterator[RemoteKeeper]:
    """Yield what a gateway has beside its log."""
    keeper = RemoteKeeper(root, "r-0", there, keep_local=keep_local)
    with closing(keeper._memory), closing(keeper._push):
        yield keeper


def test_a_gateway_lets_go_while_it_writes(tmp_path: Path) -> None:
    """The keeper thins beside an open log, which reads on; what a place lost is told until it is back."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, sealed=(12, 9), signers=[samples.KEY])
    ledger = samples.open_log(Thinned(root, there), signers=[samples.KEY])
    with keeper_of(root, there, keep_local=AT_ONCE) as keeper:
        keeper.round()
        assert (len(retained.parquet(root)), keeper.error) == (3, None)
        assert ledger.entry(3)[0] == 3
        assert ledger.latest("genesis") is not None
        name = next(each for each in storage.names(there) if "/entries/000000000000" in each)
        data = storage.read(there, name)
        storage.bare(there).delete_file(name)
        keeper._checked = None
        keeper.round()
        assert isinstance(keeper.error, LedgerUnreadable)
        assert name.removeprefix(f"{LOG}/") in str(keeper.error)
        storage.write(there, name, data)
        keeper.round()
        assert keeper.error is None
    ledger.close()


@pytest.mark.parametrize("part", ["entries", "facts"])
def test_what_is_lost_or_changed_there_shows(tmp_path: Path, part: str) -> None:
    """A file that is nowhere is missing, one with other bytes is broken; no reader takes either."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    place = thinned(root, there)
    name = next(each for each in storage.names(there) if f"/{part}/" in each and "/000000000000-" in each)
    data = storage.read(there, name)
    storage.bare(there).delete_file(name)
    code, what = findings(place)
    assert (code, "missing" in what) == (3, True), what
    with pytest.raises(LedgerUnreadable):
        query.connect(place)
    assert push_tells(root, there) == [name.removeprefix(f"{LOG}/")]
    storage.write(there, name, data[:-9] + b"x" + data[-8:])
    code, what = findings(place)
    assert (code, "its bytes are not those that were sealed" in what) == (1, True), what
    if part == "entries":
        with pytest.raises(LedgerUnreadable, match="holds SHA-256"):
            transparency.published(place).receipt(3)
    storage.write(there, name, data)
    assert_sound(place)


def push_tells(root: Path, there: RemoteAddress) -> list[str]:
    """Return what a push says to be in neither place."""
    (pushed,) = remote.push(root, there)
    assert pushed.restored == []
    return pushed.absent


def test_an_empty_place_is_told(tmp_path: Path) -> None:
    """Where all is lost there, verification says which files are missing; where it is away, that."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    place = thinned(root, there)
    shutil.rmtree(tmp_path / "remote")
    code, what = findings(place)
    assert (code, "entries 0 to 13" in what, "entries 14 to 44" in what) == (3, True, True), what
    (tmp_path / "remote").write_bytes(b"no folder any more")
    assert findings(place)[0] == 3


def test_a_lost_memory_is_made_up_for(tmp_path: Path) -> None:
    """Without what was remembered of the place, files that are there alone are found there."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    place = thinned(root, there)
    for memory in (root / LOG / "state").glob("remote-*"):
        memory.unlink()
    pushed = thin(root, there)
    assert (pushed.absent, pushed.thinned) == ([], 0)
    assert_sound(place)


@pytest.mark.parametrize("stored", [False, True])
def test_a_failure_at_any_step_leaves_a_whole_log(tmp_path: Path, stored: bool) -> None:
    """Whichever durable step of thinning fails, done or not, nothing is lost, and the next time ends it."""
    base, steps = tmp_path / "base", 0
    samples.build(base, sealed=(4, 4), hot=1, signers=[samples.KEY])
    for at in range(100):
        root, there = tmp_path / f"ledger-{at}", RemoteAddress(f"file://{tmp_path}/remote-{at}")
        shutil.copytree(base, root)
        faulty = samples.Faulty(at=at, stored=stored)
        with suppress(LedgerUnavailable):
            thin(root, there, durable=faulty)
        assert_sound(Thinned(root, there))
        if not faulty.failed:
            steps = at
            break
        thin(root, there)
        assert len(retained.parquet(root)) == 3
    assert_sound(Thinned(root, there))
    assert steps == 9  # of each of three files: the stub's write and rename, the file's removal


def test_half_a_segment_here(tmp_path: Path) -> None:
    """Which of a segment's files are here and which are there makes no difference, to erasure neither."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, sealed=(12, 9), signers=[samples.KEY])
    whole = tmp_path / "whole"
    shutil.copytree(root, whole)
    place = Thinned(root, there)
    thin(root, there)
    for path in retained.parquet(whole):
        if (root / LOG / path).exists():
            continue
        shutil.copy(whole / LOG / path, root / LOG / path)
        assert_sound(place)
        with query.connect(place) as ours, query.connect(whole) as theirs:
            sql = "SELECT count(*), sum(amount) FROM decisions JOIN facts_credit USING (log, seq)"
            assert ours.execute(sql).fetchall() == theirs.execute(sql).fetchall()


def test_copies_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is fetched for an open log little is kept, in its own folder; opened anew, nothing."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    place = thinned(root, there)
    monkeypatch.setattr("ombud_ledger.remote.thinned._MOST_HELD", 1)
    ledger = samples.open_log(place, signers=[samples.KEY])
    for seq in (3, 20, 3):
        assert ledger.entry(seq)[0] == seq
        (copy,) = (path for path in (root / LOG / "fetched").rglob("*") if path.is_file())
        assert copy.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(root / LOG / "fetched")  # as an erasure does, at any time
    assert ledger.entry(20)[0] == 20
    ledger.close()
    samples.open_log(root, signers=[samples.KEY]).close()
    assert not (root / LOG / "fetched").exists()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda text: text[:-9], "is no JSON: "),
        (lambda text: text.replace('"format": 1', '"format": 2'), "format '2' is not known here"),
        (lambda text: text.replace('"sha256": "', '"sha256": "x'), "sha256 is none"),
        (lambda text: text.replace('"size": ', '"size": -0.'), "is of another type"),
        (lambda text: "[]", "is no JSON object"),
        (lambda text: text.replace('"spans"', '"span"'), "spans is missing"),
        (
            lambda text: text.replace('"records": {', '"records": {"shoe": [7], '),
            "records or spans is of another form",
        ),
    ],
)
def test_a_stub_that_is_none_is_named(tmp_path: Path, damage: Callable[[str], str], what: str) -> None:
    """A stub that cannot be read is told by name, where what it says is wanted."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, sealed=(4, 4), hot=1)
    thin(root, there)
    stub = next((root / LOG / "entries").glob("*.away"))
    stub.write_text(damage(stub.read_text()))
    with pytest.raises(LedgerUnreadable, match=f"entries/{stub.name}: .*{what}.*; copy "):
        Thinned(root, there).layout("r-0").entries_files()[0].at_hand()


def test_another_place_with_the_same_files_serves(tmp_path: Path) -> None:
    """A bucket copied elsewhere by other means takes the place of the first, by its address alone."""
    root, there = tmp_path / "ledger", folder_place(tmp_path)
    thinned(root, there)
    (tmp_path / "remote").rename(tmp_path / "moved")
    moved = RemoteAddress(f"file://{tmp_path}/moved")
    assert_sound(Thinned(root, moved))
    pushed = thin(root, moved)
    assert (pushed.absent, pushed.thinned) == ([], 0)
