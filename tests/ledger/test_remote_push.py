# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger on other storage: what is sent, in which order, what is never overwritten, what failing leaves."""

import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger import retained, samples, storage
from ledger.elsewhere import (
    LOG,
    Failing,
    assert_sound,
    folder_place,
    grow,
    local_names,
    local_names_match,
    push,
    remote_memory,
    remote_names,
)
from ombud_ledger import (
    KeyUnusable,
    LedgerBroken,
    LedgerLocked,
    LedgerUnavailable,
    LedgerUnreadable,
    export,
    query,
    remote,
    verify,
)
from ombud_ledger.layout import log_layout
from ombud_ledger.remote import RemoteAddress
from ombud_ledger.remote.store import Remote
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.note import Signer


def test_what_the_log_names_is_there_and_sent_once(tmp_path: Path, place: RemoteAddress) -> None:
    """Sealed files, objects, tail and all that is published are there; later only what is new is sent."""
    root = tmp_path / "ledger"
    samples.build(root, sealed=(12, 300), signers=[samples.KEY])
    first = push(root, place)
    assert (first.entries, first.covered, first.restored, first.absent) == (322, 322, [], [])
    assert remote_names(place) == sorted([*local_names(root), f"{LOG}/hot/000000000315-000000.sqlite"])
    assert push(root, place).files == 1  # the tail, which every process sends once
    grow(root, 300, seal=True)
    again = push(root, place)
    assert remote_names(place) == sorted([*local_names(root), f"{LOG}/hot/000000000623-000000.sqlite"])
    assert again.removed >= 2  # the tail before, and tiles that are full now
    assert_sound(place)


def test_every_byte_is_the_local_one(tmp_path: Path, place: RemoteAddress) -> None:
    """What is there are the bytes that are here; the files are private where they have a mode."""
    root = tmp_path / "ledger"
    samples.build(root, signers=[samples.KEY])
    push(root, place)
    assert local_names_match(root, place)
    if not place.on_s3:
        modes = {path.stat().st_mode & 0o777 for path in Path(place.base).rglob("*")}
        assert modes == {0o600, 0o700}


@pytest.mark.parametrize("stored", [False, True])
def test_a_reader_sees_a_sound_log_wherever_sending_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """Whichever file fails, stored or not, what is there verifies, and the next try completes it."""
    root, base = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, sealed=(12,), signers=[samples.KEY])
    push(root, base)
    shutil.copytree(root / LOG / "state", tmp_path / "state")
    grow(root, 270, seal=True)
    for at in itertools.count():
        with monkeypatch.context() as patched:
            place = RemoteAddress(f"file://{tmp_path}/{at}")
            shutil.copytree(base.base, place.base)
            (memory,) = (tmp_path / "state").glob("remote-*.sqlite")
            shutil.copy(memory, remote_memory(root, place))
            failing = Failing(patched, at, stored=stored)
            with contextlib.suppress(LedgerUnavailable):
                push(root, place)
            assert_sound(place)
            if len(failing.put) <= at:
                break
        assert push(root, place).entries == 294
    assert_sound(place)
    # Sealed entries come last of the files, then the tail, tiles, and last of all the checkpoint.
    order = [name.removeprefix(f"{LOG}/").split("/")[0] for name in failing.put]
    assert [kind for kind, _ in itertools.groupby(order)] == ["facts", "entries", "hot", "pub"]
    assert failing.put[-1] == f"{LOG}/pub/checkpoint"


_KILLED = """
import os, signal, sys
from pathlib import Path
from ombud_ledger.remote import store, upload, push, RemoteAddress
real, count = store.Remote.put, iter(range(10**6))
def put(self, name, source, digest):
    if next(count) == int(sys.argv[2]):
        real(self, name, source, digest)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, name, source, digest)
store.Remote.put = put
upload._AT_ONCE = 1
address = RemoteAddress(sys.argv[3], sys.argv[4] or None, None, Path(sys.argv[5]) if sys.argv[5] else None)
list(push(Path(sys.argv[1]), address))
"""


def test_a_killed_process_is_taken_up_where_it_stopped(tmp_path: Path, s3_port: int) -> None:
    """What a killed process had sent is found again and not sent twice; the rest follows."""
    root, place = tmp_path / "ledger", storage.address_at(s3_port, tmp_path, tmp_path.name)
    samples.build(root, sealed=(12, 30), signers=[samples.KEY])
    arguments = [str(root), "3", place.url, place.endpoint or "", str(place.credentials_file or "")]
    killed = subprocess.run([sys.executable, "-c", _KILLED, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    there = len(storage.names(place))
    assert there == 4
    pushed = push(root, place)
    assert (pushed.files, pushed.restored) == (len(storage.names(place)) - there, [])
    assert_sound(place)


_HALF = """
import io, os, signal, sys
from pathlib import Path
from ombud_ledger.remote import store, RemoteAddress
class Source(io.BytesIO):
    def read(self, *size):
        if self.tell() > 12 << 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(*size)
store._open = lambda source: Source(bytes(30 << 20))
address = RemoteAddress(sys.argv[1], sys.argv[2] or None, None, Path(sys.argv[3]) if sys.argv[3] else None)
store.Remote(address).put("large", b"", "")
"""


def test_half_an_upload_counts_for_nothing(tmp_path: Path, s3_port: int) -> None:
    """A process killed in the middle of a large file leaves nothing under its name."""
    place = storage.address_at(s3_port, tmp_path, tmp_path.name)
    arguments = [place.url, place.endpoint or "", str(place.credentials_file or "")]
    killed = subprocess.run([sys.executable, "-c", _HALF, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert storage.names(place) == []
    assert Remote(place).find("large") is None


def test_what_was_cut_short_by_us_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other bytes under a name that we had begun to send are ours: the next try replaces them."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, signers=[samples.KEY])
    with monkeypatch.context() as patched:
        failing = Failing(patched, 1, stored=True)
        with pytest.raises(LedgerUnavailable, match="the line was cut"):
            push(root, place)
    storage.write(place, failing.put[1], b"half of i")
    push(root, place)
    assert_sound(place)


def test_other_bytes_are_never_overwritten(tmp_path: Path, place: RemoteAddress) -> None:
    """A name that holds what this log never gave it stops everything, twice, and stays as it is."""
    root = tmp_path / "ledger"
    samples.build(root, signers=[samples.KEY])
    name = f"{LOG}/entries/000000000000-000000000013.parquet"
    storage.write(place, name, b"of somebody else")
    for _ in range(2):
        with pytest.raises(LedgerBroken, match="which this log never gave it"):
            push(root, place)
    assert storage.read(place, name) == b"of somebody else"
    assert f"{LOG}/pub/checkpoint" not in storage.names(place)


def test_a_changed_file_is_found(tmp_path: Path, place: RemoteAddress) -> None:
    """A sealed file that somebody changed there is found by reading it again, and by whoever verifies."""
    root = tmp_path / "ledger"
    samples.build(root, signers=[samples.KEY])
    push(root, place)
    name = f"{LOG}/entries/000000000000-000000000013.parquet"
    data = bytearray(storage.read(place, name))
    data[100] ^= 1
    storage.write(place, name, bytes(data))
    with pytest.raises(LedgerBroken, match="somebody changed it"):
        push(root, place, whole=True)
    assert [(each.level, each.file) for each in verify(place).all_findings()] == [
        ("broken", "entries/000000000000-000000000013.parquet")
    ]
    if not place.on_s3:  # whose clock has seconds only
        with pytest.raises(LedgerBroken, match="somebody changed it"):
            push(root, place)


def test_what_is_gone_is_sent_again(tmp_path: Path, place: RemoteAddress) -> None:
    """Files that vanished there, tiles and checkpoint among them, are told and sent again."""
    root = tmp_path / "ledger"
    samples.build(root, sealed=(300,), signers=[samples.KEY])
    push(root, place)
    files = [
        f"{LOG}/entries/000000000000-000000000301.parquet",
        f"{LOG}/pub/checkpoint",
        f"{LOG}/pub/tile/0/000",
    ]
    for name in files:
        storage.bare(place).delete_file(name)
    assert push(root, place).restored == files
    assert_sound(place)


def test_a_fork_is_not_overwritten(tmp_path: Path) -> None:
    """Where a checkpoint lies that is not of an earlier state of this log, nothing is sent."""
    place = folder_place(tmp_path)
    for name, count in (("ledger", 5), ("fork", 6), ("longer", 50)):
        samples.build(tmp_path / name, hot=count, signers=[samples.KEY])
    push(tmp_path / "ledger", place)
    (theirs,) = [log_layout(tmp_path / "fork", "r-0").pub / "checkpoint"]
    before = storage.names(place)
    for other in (
        theirs.read_bytes(),
        (tmp_path / "longer" / LOG / "pub/checkpoint").read_bytes(),
        b"none\n",
    ):
        storage.write(place, f"{LOG}/pub/checkpoint", other)
        with pytest.raises(LedgerBroken, match="nothing is overwritten"):
            push(tmp_path / "ledger", place)
        assert storage.read(place, f"{LOG}/pub/checkpoint") == other
    assert storage.names(place) == before


def test_an_older_checkpoint_is_replaced(tmp_path: Path) -> None:
    """A checkpoint of an earlier state, put back there, gives way to the newest."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, signers=[samples.KEY])
    push(root, place)
    old = storage.read(place, f"{LOG}/pub/checkpoint")
    grow(root, 3, seal=False)
    push(root, place)
    storage.write(place, f"{LOG}/pub/checkpoint", old)
    push(root, place)
    assert parse_checkpoint(storage.read(place, f"{LOG}/pub/checkpoint")).checkpoint.size == 26
    assert_sound(place)


def test_a_corrupt_file_is_not_sent(tmp_path: Path) -> None:
    """A sealed file that is not what the log names stays here."""
    root, place = tmp_path / "ledger", folder_place(tmp_path)
    samples.build(root, signers=[samples.KEY])
    (file,) = (root / LOG / "facts" / ("0" * 16)).glob("*")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(LedgerUnavailable, match="its bytes are not those the log names"):
        push(root, place)
    assert str(file.relative_to(root)) not in storage.names(place)


@pytest.mark.parametrize("signers", [(), (samples.KEY,)], ids=["unsigned", "signed"])
def test_an_evidence_folder_is_no_ledger_to_send(tmp_path: Path, signers: tuple[Signer, ...]) -> None:
    """It is refused by name; copied as it is, it verifies and is queried elsewhere as what it is."""
    root, evidence = tmp_path / "ledger", tmp_path / "evidence"
    retained.record(root, signers=signers)
    ledger = retained.at(root, retained.LATER, signers=signers)
    wanted = export.Wanted("credit")
    export.export([ledger], wanted, evidence, by="os:tester", recipient="court", reason="asked")
    ledger.close()
    with pytest.raises(LedgerUnreadable, match="is an evidence folder"):
        push(evidence, folder_place(tmp_path))
    place = RemoteAddress(f"file://{evidence}")
    assert verify(place) == verify(evidence)
    assert verify(place).exit_code == 0
    with query.connect(evidence) as here, query.connect(place) as there:
        sql = "SELECT * FROM entries ORDER BY ALL"
        assert (there.execute(sql).fetchall(), there.export) == (here.execute(sql).fetchall(), here.export)


def test_a_log_that_is_written_is_not_sent_by_hand(tmp_path: Path) -> None:
    """While a writer holds the log, `push` is refused: the writer's keeper does it."""
    ledger = samples.open_log(tmp_path / "ledger")
    with pytest.raises(LedgerLocked):
        push(tmp_path / "ledger", folder_place(tmp_path))
    ledger.close()


def test_a_wrong_key_is_refused_and_not_shown(tmp_path: Path, s3_port: int) -> None:
    """The server refuses a wrong secret; what is said of it holds no part of the key. The right one works."""
    root = tmp_path / "ledger"
    samples.build(root, signers=[samples.KEY])
    with storage.demanding_keys(s3_port) as (access, secret):
        prefix = tmp_path.name
        wrong = storage.address_at(s3_port, tmp_path, prefix, access_key=access, secret_key="not-the-secret")
        with pytest.raises(LedgerUnavailable) as refused:
            push(root, wrong)
        account_error = str(refused.value)
        assert "SIGNATURE_DOES_NOT_MATCH" in account_error
        assert not any(part in account_error for part in (access, secret, "not-the-secret"))
        right = storage.address_at(s3_port, tmp_path, prefix, access_key=access, secret_key=secret)
        assert push(root, right).entries == 21
        assert_sound(right)


@pytest.mark.parametrize(
    ("text", "mode", "what"),
    [
        ("[default]\naws_access_key_id = a\naws_secret_access_key = s3cret\n", 0o640, "must be 0600"),
        ("[other]\naws_access_key_id = a\naws_secret_access_key = s3cret\n", 0o600, "must have a section"),
        ("aws_secret_access_key = s3cret\n", 0o600, "must have a section"),
    ],
)
def test_credentials_files_are_held_to_their_form(tmp_path: Path, text: str, mode: int, what: str) -> None:
    """A file that others can read, or that is none, is refused without a word of what it holds."""
    file = tmp_path / "s3.ini"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(KeyUnusable, match=what) as refused:
        remote.demand_usable(RemoteAddress("s3://audit/prod", credentials_file=file))
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "more", "what"),
    [
        ("http://audit/prod", {}, "must begin with s3://"),
        ("s3://key:secret@audit/prod", {}, "no user, password"),
        ("s3://A/prod", {}, "is no bucket"),
        ("s3://audit/../x", {}, "is no prefix"),
        ("file://host/x", {}, "must be file:///"),
        ("file:///x", {"region": "eu"}, "a folder has none"),
        ("s3://audit", {"endpoint": "http://10.0.0.1:9000"}, "beyond this host use https"),
        ("s3://audit", {"endpoint": "ftp://x"}, "must be https"),
    ],
)
def test_addresses_are_held_to_their_form(url: str, more: dict[str, Any], what: str) -> None:
    """What is no address is refused by name; secrets have no place in it."""
    with pytest.raises(ValueError, match=what):
        RemoteAddress(url, **more)
    assert (
        str(RemoteAddress("s3://audit", endpoint="http://10.0.0.1:9000", allow_plaintext=True))
        == "s3://audit"
    )
