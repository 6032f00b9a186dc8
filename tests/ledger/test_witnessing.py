# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A log that asks witnesses: their lines come under its checkpoints, and no witness can hold it up."""

import contextlib
import logging
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import samples, witnessed
from ledger.test_publish import events
from ledger.witnessed import KEY, NOON, OTHER_KEY, Log, Stub, at, make_witness, served, serving, size_of
from ombud_ledger import KeyUnusable, verify
from ombud_ledger.layout import log_layout
from ombud_ledger.tlog.add_checkpoint import SIZE_TYPE
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.cosignature import cosign, cosigners
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.note import COSIGNATURE, parse_note
from ombud_ledger.tlog.published import Published
from ombud_ledger.tlog.receipt import parse_receipt
from ombud_ledger.tlog.witness_client import WitnessAddress, WitnessClient, WitnessFailed
from ombud_ledger.tlog.witness_memory import WitnessMemory
from ombud_ledger.tlog.witnessing import Witnesses

BOTH = [KEY.key, OTHER_KEY.key]
DEAD = 9
"""A port where nobody listens."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a witness that works."""
    with closing(WitnessMemory(tmp_path / "w1")) as memory, served(make_witness(memory)) as port:
        yield port


@pytest.fixture
def other_port(tmp_path: Path) -> Iterator[int]:
    """The port of another."""
    with closing(WitnessMemory(tmp_path / "w2")) as memory, served(make_witness(memory, OTHER_KEY)) as port:
        yield port


def answers(kind: str, body: bytes | str, status: int = 200) -> Callable[[bytes], tuple[int, str, bytes]]:
    """Return what answers that, whatever it is asked."""
    data = body.encode() if isinstance(body, str) else body
    return lambda _: (status, kind, data)


def test_cosignatures_come_under_the_checkpoint(tmp_path: Path, port: int, other_port: int) -> None:
    """Each round puts both lines under the newest checkpoint, wherever that is kept."""
    log = Log(tmp_path / "log", at(port, other_port))
    for count in (3, 300, 1):
        note = log.grow(count)
        assert log.cosigners() == []
        assert log.ledger.witness_lag > 0
        log.ledger.ask_witnesses()
        data = log.pub.checkpoint()
        assert data is not None
        assert data.startswith(note)
        signed = parse_checkpoint(data)
        assert signed.verify([samples.KEY.key]) == (samples.KEY.key,)
        assert set(cosigners(signed.note, BOTH)) == set(BOTH)
        assert (log.pub.cosigned(), log.ledger.publish(), log.ledger.witness_lag) == (data, data, 0)
    log.ledger.close()
    samples.assert_sound(tmp_path / "log")
    assert sorted(log.cosigners()) == [KEY.key.name, OTHER_KEY.key.name]  # the last checkpoint, too


def test_it_goes_on_where_a_witness_left_off(tmp_path: Path, port: int) -> None:
    """Opened again, it is told by the witness what that saw; witnesses are no keys of the log."""
    log = Log(tmp_path / "log", at(port))
    log.grow(3)
    log.ledger.ask_witnesses()
    log.ledger.close()
    closed = log.pub.checkpoint()
    log.open()
    assert log.pub.checkpoint() == closed
    assert log.ledger.witness_lag == log.ledger.size - size_of(closed or b"")
    log.grow(5)
    log.ledger.ask_witnesses()
    assert (log.cosigners(), log.ledger.witness_lag) == ([KEY.key.name], 0)
    log.ledger.close()
    assert [each["event"] for each in events(tmp_path / "log")] == ["added"]


def test_a_crash_between_head_and_checkpoint(tmp_path: Path, port: int) -> None:
    """Where the cosigned note reached the signed head alone, the next start publishes it."""
    log = Log(tmp_path / "log", at(port))
    log.grow(3)
    log.ledger.close()
    failing = False

    def durable(step: str, act: Callable[[], object]) -> None:
        if failing and step.startswith("publish.checkpoint"):
            raise OSError(5, "Input/output error")
        act()

    log.open(durable)
    log.grow(3)
    failing = True
    log.ledger.ask_witnesses()
    assert log.cosigners() == []
    shutil.copytree(tmp_path / "log", tmp_path / "crashed")
    after = Log(tmp_path / "crashed")
    assert (after.cosigners(), log.cosigners()) == ([KEY.key.name], [])
    for each in (after, log):
        each.ledger.close()
    samples.assert_sound(tmp_path / "crashed")


def test_a_receipt_carries_them(tmp_path: Path, port: int) -> None:
    """Receipts are under the newest witnessed checkpoint where that covers the entry, else the newest."""
    log = Log(tmp_path / "log", at(port))
    witnessed_note = log.grow(5)
    log.ledger.ask_witnesses()
    newest = log.grow(5, start=100)
    published = Published(log_layout(tmp_path / "log", "r-0"))
    for seq, size, who in ((3, size_of(witnessed_note), {KEY.key: NOON}), (9, size_of(newest), {})):
        receipt = parse_receipt(published.receipt(seq).to_bytes())
        signed = receipt.verify([samples.KEY.key])
        assert (signed.checkpoint.size, cosigners(signed.note, BOTH)) == (size, who)
    log.ledger.close()


def test_a_quorum_does_without_the_dead(tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    """One of two suffices where that is said; the dead one is named, and left alone for a while."""
    log = Log(tmp_path / "log", at(DEAD, port, quorum=1, keys=(OTHER_KEY, KEY)))
    log.stop_clock()
    for _ in range(3):
        log.grow(2)
        log.ledger.ask_witnesses()
        assert (log.cosigners(), log.ledger.witness_lag) == ([KEY.key.name], 0)
    said = [record.message for record in caplog.records if "did not cosign" in record.message]
    assert len(said) == 1
    assert OTHER_KEY.key.name in said[0]
    assert "it cannot be asked: ConnectionRefusedError" in said[0]
    assert "next try in 1 s" in said[0]
    log.ledger.close()


def test_without_a_quorum_nothing_counts_as_witnessed(tmp_path: Path, port: int) -> None:
    """A line alone is published where two are demanded, but receipts are not made of it."""
    log = Log(tmp_path / "log", at(DEAD, port, keys=(OTHER_KEY, KEY)))
    log.grow(2)
    log.ledger.ask_witnesses()
    assert (log.cosigners(), log.pub.cosigned()) == ([KEY.key.name], None)
    assert log.ledger.witness_lag == log.ledger.size
    log.ledger.close()


def test_a_slow_witness_holds_nothing_up(tmp_path: Path) -> None:
    """While a witness is silent, entries are recorded, published and sealed; closing hangs up on it."""
    options = replace(samples.QUIET, publish_automatically=True, publish_seconds=0.01)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        log = Log(tmp_path / "log", at(listener.getsockname()[1]), options)
        # It asks, and is not answered from here on.
        silent, _ = listener.accept()
    with silent:
        silent.settimeout(20)
        assert silent.recv(4).startswith(b"POST")
        note = log.grow(300)
        log.ledger.seal_blocking()
        assert log.grow(5, start=500) != note
        assert log.cosigners() == []
        log.ledger.close()
        while silent.recv(65_536):
            pass  # the rest of the request, then the end: it hung up
    samples.assert_sound(tmp_path / "log")


def test_the_thread_asks_by_itself(tmp_path: Path, port: int) -> None:
    """Without being told to, what is published is cosigned."""
    options = replace(samples.QUIET, publish_automatically=True, publish_seconds=0.01)
    log = Log(tmp_path / "log", at(port), options)
    log.grow(30)
    log.ledger.close()
    assert log.cosigners() == [KEY.key.name]
    data = log.pub.cosigned()
    assert data is not None
    assert size_of(data) == verify(tmp_path / "log").logs[0].size


def test_a_fork_gets_no_cosignature(tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Of two ledgers of one key, longer or shorter, the second to be shown is refused, and it is an error."""
    log = Log(tmp_path / "log", at(port))
    log.grow(3)
    longer, shorter = log.fork(tmp_path / "longer"), log.fork(tmp_path / "shorter")
    log.grow(20)
    log.ledger.ask_witnesses()
    assert log.cosigners() == [KEY.key.name]
    longer.grow(40, start=500)
    shorter.grow(1, start=900)
    for fork, why in (
        (longer, "it answers 422"),
        (shorter, "was an older copy put back, or is there a second"),
    ):
        caplog.clear()
        fork.ledger.ask_witnesses()
        (record,) = [each for each in caplog.records if "did not cosign" in each.message]
        assert (record.levelno, why in record.message) == (logging.ERROR, True), record.message
        assert fork.cosigners() == []
        fork.ledger.close()
    log.ledger.close()


def test_what_a_false_witness_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but a valid line of the configured key gets under a checkpoint, and nothing endless is read."""
    line = str(cosign("another text\n", KEY, NOON))
    for answer, why in (
        (answers("text/plain", ""), "is not valid"),
        (answers("text/plain", "no line\n"), "is not valid"),
        (answers("text/plain", line), "does not verify"),
        (answers("text/plain", str(cosign("x\n", OTHER_KEY, NOON))), "its lines are not of"),
        (answers("text/plain", b"\xff"), "is not valid"),
        (answers("text/plain", b"x" * 70_000), "more than 65536 bytes"),
        (answers("text/plain", line * 40), "at most 32"),
        (answers("text/plain", "", 302), "it answers 302"),
        (answers("text/plain", "busy", 503), "it answers 503: 'busy'"),
        (answers("text/plain", "a conflict", 409), "it answers 409: 'a conflict'"),
        (answers(SIZE_TYPE, "-1\n", 409), "it answers 409, but"),
        (answers(SIZE_TYPE, "1\n", 409), "another asks it at the same time"),
        (answers(SIZE_TYPE, f"{2**63 - 1}\n", 409), "was an older copy put back"),
    ):
        stub = Stub(answer)
        caplog.clear()
        with serving(stub) as port:
            log = Log(tmp_path / "log", at(port))
            log.stop_clock()
            log.grow(3)
            log.ledger.ask_witnesses()
            log.ledger.ask_witnesses()  # not due again
            (record,) = [each for each in caplog.records if "did not cosign" in each.message]
            assert why in record.message
            assert len(stub.asked) in (1, 2)
        assert (log.cosigners(), log.pub.cosigned()) == ([], None)
        log.ledger.close()


def test_a_dripping_witness(tmp_path: Path) -> None:
    """A witness that answers byte by byte, without end, is hung up on: one deadline holds for all."""
    log = Log(tmp_path / "log")
    signed = parse_checkpoint(log.grow(3))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            peer, _ = listener.accept()
            pace = threading.Event()
            with peer, contextlib.suppress(OSError):
                peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                while not pace.wait(0.02):
                    peer.sendall(b"x")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        (address,) = at(listener.getsockname()[1]).each
        client = WitnessClient(address, threading.Event())
        with pytest.raises(WitnessFailed, match="it took more than"):
            client.ask(signed, lambda old, new: [], seconds=0.3)
        thread.join(20)
        assert not thread.is_alive()
    log.ledger.close()


def test_a_line_beside_others_is_taken(tmp_path: Path) -> None:
    """A witness that signs with several keys may answer all lines; ours is found, and only ours is kept."""

    def answer(body: bytes) -> tuple[int, str, bytes]:
        text = parse_note(body.partition(b"\n\n")[2]).text
        lines = [cosign(text, key, NOON) for key in (OTHER_KEY, KEY)]
        return 200, "text/plain", "".join(map(str, lines)).encode()

    with serving(Stub(answer)) as port:
        log = Log(tmp_path / "log", at(port))
        log.grow(1)
        log.ledger.ask_witnesses()
        assert log.cosigners() == [KEY.key.name]
        log.ledger.close()


def test_what_cannot_be_configured(tmp_path: Path) -> None:
    """An impossible quorum, one key twice, a log's key, a strange URL, the log's own name, no signer."""
    one = WitnessAddress("http://127.0.0.1:1", KEY.key)
    for each, quorum, why in (
        ((one,), 2, "a quorum of 2"),
        ((one, one), 1, "the same key"),
        ((), 0, "quorum"),
    ):
        with pytest.raises(ValueError, match=why):
            Witnesses(each, quorum)
    with pytest.raises(KeyUnusable, match="is no witness's"):
        WitnessAddress("http://127.0.0.1:1", samples.KEY.key)
    for url in ("ftp://a", "http://", "http://a?b", "http://a:99999"):
        with pytest.raises(ValueError, match=r"its URL is|Port out of range"):
            WitnessAddress(url, KEY.key)
    namesake = SigningKey.from_seed(samples.ORIGIN, bytes(32), COSIGNATURE)
    with pytest.raises(KeyUnusable, match="a name of its own"):
        Log(tmp_path / "log", Witnesses((WitnessAddress("http://127.0.0.1:1", namesake.key),), 1))
    with pytest.raises(KeyUnusable, match="no key signs the log"):
        samples.open_log(tmp_path / "log", witnesses=witnessed.at(1))
    samples.open_log(tmp_path / "log", signers=[samples.KEY]).close()
