# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The keeper: a ledger on other storage, kept up to date beside whoever writes it."""

import contextlib
import re
import socket
import sqlite3
from pathlib import Path

import pytest

from ledger import samples, storage
from ledger.elsewhere import LOG, assert_sound, folder_place
from ombud_ledger import (
    LedgerUnavailable,
)
from ombud_ledger.remote import RemoteKeeper
from ombud_ledger.remote.store import Remote


def test_the_keeper_follows_the_log(tmp_path: Path, s3_port: int) -> None:
    """Beside the writer, round by round; the last one after the log is closed."""
    root, place = tmp_path / "ledger", storage.address_at(s3_port, tmp_path, tmp_path.name)
    ledger = samples.open_log(root, signers=[samples.KEY])
    keeper = RemoteKeeper(root, "r-0", place)
    samples.fill(ledger, 20)
    ledger.publish()
    keeper.round()
    assert (keeper.size, keeper.error) == (22, None)
    assert_sound(place)
    ledger.seal_blocking()
    samples.fill(ledger, 20)
    keeper.start()
    ledger.close()
    keeper.finish(60)
    assert (keeper.size, keeper.error) == (44, None)
    assert_sound(place)


def test_the_server_may_be_down(tmp_path: Path) -> None:
    """While nobody answers, the keeper says why and the log goes on; when the server is back, all is sent."""
    root = tmp_path / "ledger"
    ledger = samples.open_log(root, signers=[samples.KEY])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = storage.address_at(port, tmp_path)
    keeper = RemoteKeeper(root, "r-0", place)
    with pytest.raises(LedgerUnavailable, match="cannot"):
        keeper.round()
    samples.fill(ledger, 20)
    assert "cannot" in str(keeper.error)
    with storage.serving_s3(port):
        keeper.round()
        assert (keeper.size, str(keeper.error)) == (22, "None")
        ledger.close()
        keeper.finish(60)
        assert_sound(place)


def test_the_keeper_says_what_a_look_around_meets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes while the place is looked at is told like any failure; the next round goes on."""
    root = tmp_path / "ledger"
    samples.build(root)
    keeper = RemoteKeeper(root, "r-0", folder_place(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Remote, "below", gone)
        with pytest.raises(LedgerUnavailable, match="log r-0: not sent: it was there"):
            keeper.round()
    assert isinstance(keeper.error, LedgerUnavailable)
    keeper.round()
    assert keeper.error is None
    keeper.finish(60)


def gone(*_: object) -> None:
    """Stand for a listing during which something goes."""
    raise FileNotFoundError("it was there")


@pytest.mark.parametrize("record", [b'{"kind":"seal"', b'{"kind":"seal", "format":1}'])
def test_the_keeper_stops_at_an_entry_that_is_none(tmp_path: Path, record: bytes) -> None:
    """A record that is not canonical JSON ends the keeper, and `error` names the entry."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, hot=3)
    (tail,) = (root / LOG / "hot").glob("*.sqlite")
    with contextlib.closing(sqlite3.connect(tail, isolation_level=None)) as db:
        db.execute("UPDATE entries SET record = ? WHERE seq = (SELECT max(seq) FROM entries)", [record])
    keeper = RemoteKeeper(root, "r-0", place)
    keeper.start()
    keeper.finish(60)
    assert keeper.stopped
    assert re.search(r"entry \d+ is no record: not ", str(keeper.error))
    assert storage.names(place) == []
