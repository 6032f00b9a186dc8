# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A witness: what it cosigns, what it refuses, and that it never forgets between the two."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import samples, witnessed
from ledger.witnessed import NOON, Log, ask, make_witness, served, size_of
from ombud_ledger import KeyUnusable, LedgerUnreadable, NotProven
from ombud_ledger.tlog.add_checkpoint import SIZE_TYPE, AddCheckpoint, parse_add_checkpoint, parse_size
from ombud_ledger.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ombud_ledger.tlog.cosignature import cosign, cosigners, demand_quorum
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.merkle import EMPTY_ROOT
from ombud_ledger.tlog.note import COSIGNATURE, Note, Signature, parse_note, parse_signatures, parse_vkey
from ombud_ledger.tlog.witness import Answer, Witness
from ombud_ledger.tlog.witness_memory import Seen, WitnessMemory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[WitnessMemory]:
    """What a witness remembers: nothing yet."""
    with closing(WitnessMemory(tmp_path / "state")) as made:
        yield made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log of a few entries."""
    made = Log(tmp_path / "log")
    made.grow(5)
    yield made
    made.ledger.close()


def cosigned(note: bytes, answer: Answer) -> Note:
    """Return the checkpoint with the lines that a witness answered."""
    assert answer.status == HTTPStatus.OK
    text = parse_note(note)
    return Note(text.text, (*text.signatures, *parse_signatures(answer.body.decode())))


def test_a_line_to_the_byte() -> None:
    """The published example of a cosignature is made again, and verifies; another time or text does not."""
    text = "audit.example/replica-a\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
    line = (
        "— witness.example/w1 IDJKvgAAAABlU/EAigMIdlpCfE0Z82jidgUGLrL2Ncib5R345rENQQ/"
        "fVCVltj7nUlpIYs22rSsaMnxvy50eP971MQwwOY8JKGlrDQ==\n"
    )
    (found,) = parse_signatures(line)
    assert int.from_bytes(found.blob[:8], "big") == NOON
    seeds = (bytes(range(first, first + 32)) for first in range(200))
    keys = [SigningKey.from_seed(found.name, seed, COSIGNATURE) for seed in seeds]
    (key,) = [each for each in keys if each.key.id == found.key_id]
    assert str(cosign(text, key, NOON)) == line
    assert cosigners(Note(text, (found,)), [key.key]) == {key.key: NOON}
    later = Signature(found.name, found.key_id, (NOON + 1).to_bytes(8, "big") + found.blob[8:])
    for note in (Note(text, (later,)), Note(text + "x\n", (found,)), Note(text, (found, later))):
        with pytest.raises(NotProven, match="does not verify"):
            cosigners(note, [key.key])


def test_kinds_of_keys_stay_apart() -> None:
    """A witness's key signs no checkpoint and a log's cosigns none, whatever their names."""
    named_so = SigningKey.from_seed(samples.ORIGIN, bytes(range(32)), COSIGNATURE)
    checkpoint = Checkpoint(samples.ORIGIN, 0, EMPTY_ROOT)
    with pytest.raises(NotProven, match="cannot sign for"):
        sign_checkpoint(checkpoint, [named_so])
    with pytest.raises(KeyUnusable, match="is no witness's"):
        cosign(checkpoint.text(), samples.KEY, NOON)
    note = Note(checkpoint.text(), (cosign(checkpoint.text(), named_so, NOON),))
    with pytest.raises(NotProven, match="no known key signed it"):
        parse_checkpoint(note.to_bytes()).verify([named_so.key, samples.KEY.key])
    assert parse_vkey(str(named_so.key), kind=None) == parse_vkey(str(named_so.key), kind=COSIGNATURE)
    for vkey, kind in ((named_so.key, 1), (samples.KEY.key, COSIGNATURE)):
        with pytest.raises(KeyUnusable, match="is not known here, only"):
            parse_vkey(str(vkey), kind=kind)


def test_a_quorum_counts_keys() -> None:
    """So many different keys must have cosigned; one under two names, or twice, counts once."""
    twin = SigningKey.from_seed("witness.example/twin", bytes(range(32, 64)), COSIGNATURE)
    text = "text\n"
    signers = (witnessed.KEY, twin, witnessed.KEY, witnessed.OTHER_KEY)
    lines = tuple(cosign(text, key, NOON + at) for at, key in enumerate(signers))
    keys = [witnessed.KEY.key, twin.key, witnessed.OTHER_KEY.key]
    assert demand_quorum(Note(text, lines), keys, 2) == {
        keys[0]: NOON + 2,
        keys[1]: NOON + 1,
        keys[2]: NOON + 3,
    }
    with pytest.raises(NotProven, match="1 of the witnesses cosigned it"):
        demand_quorum(Note(text, lines[:3]), keys, 2)
    with pytest.raises(NotProven, match=r"0 of the witnesses cosigned it \(none\); 1 must have"):
        demand_quorum(Note(text, lines[3:]), keys[:2], 1)


def test_it_cosigns_a_log_that_grows(log: Log, memory: WitnessMemory) -> None:
    """From nothing on, each checkpoint that extends the last gets a timed line, and is shown to readers."""
    witness = make_witness(memory)
    old = 0
    for at, count in enumerate((1, 300, 0, 40)):
        note = log.grow(count)
        answer = witness.add_checkpoint(log.request(old).to_bytes())
        made = cosigned(note, answer)
        assert demand_quorum(made, [witnessed.KEY.key], 1) == {witnessed.KEY.key: NOON + at}
        assert witness.checkpoint(samples.ORIGIN) == made.to_bytes()
        old = size_of(note)
        assert memory.seen(samples.ORIGIN) == Seen(old, parse_checkpoint(note).checkpoint.root)


def test_an_empty_log(memory: WitnessMemory) -> None:
    """A log of no entries is cosigned, from size 0 without a proof."""
    note = sign_checkpoint(Checkpoint(samples.ORIGIN, 0, EMPTY_ROOT), [samples.KEY])
    cosigned(note, make_witness(memory).add_checkpoint(AddCheckpoint(0, (), note).to_bytes()))


def test_what_it_refuses(log: Log, memory: WitnessMemory) -> None:
    """Each request that is not a known log's extension gets its status, and moves nothing."""
    witness = make_witness(memory)
    witness.add_checkpoint(log.request(0).to_bytes())
    known = memory.seen(samples.ORIGIN)
    log.grow(20)
    good = log.request(known.size)
    size = size_of(good.checkpoint)
    stranger = SigningKey.from_seed("stranger.example", bytes(32))
    impostor = SigningKey.from_seed(samples.ORIGIN, bytes(32))
    other_root = sign_checkpoint(Checkpoint(samples.ORIGIN, known.size, bytes(32)), [samples.KEY])
    for request, status, body in (
        (b"", 400, b"no checkpoint"),
        (b"old 1\n", 400, b"no checkpoint"),
        (good.to_bytes().replace(b"old ", b"old 0", 1), 400, b"must begin with `old SIZE`"),
        (good.to_bytes() + b"x", 400, b"end is missing"),
        (replace(good, proof=good.proof * 40).to_bytes(), 400, b"at most 63"),
        (replace(good, proof=(b"short",)).to_bytes(), 400, b"32 bytes"),
        (b"old 1\n\n" + b"x" * 80_000, 400, b"at most"),
        (replace(good, old=size + 1).to_bytes(), 400, b"is more than the size"),
        (
            AddCheckpoint(
                0, (), sign_checkpoint(Checkpoint("stranger.example", 0, EMPTY_ROOT), [stranger])
            ).to_bytes(),
            404,
            b"no log 'stranger.example' is known",
        ),
        (
            AddCheckpoint(
                known.size, (), sign_checkpoint(Checkpoint(samples.ORIGIN, size, bytes(32)), [impostor])
            ).to_bytes(),
            403,
            b"no known key signed it",
        ),
        (replace(good, old=known.size - 1).to_bytes(), 409, b"%d\n" % known.size),
        (replace(good, old=0, proof=()).to_bytes(), 409, b"%d\n" % known.size),
        (replace(good, proof=good.proof[:-1]).to_bytes(), 422, b"proof"),
        (replace(good, proof=(*good.proof, bytes(32))).to_bytes(), 422, b"too many"),
        (AddCheckpoint(known.size, (), other_root).to_bytes(), 422, b"a fork"),
    ):
        answer = witness.add_checkpoint(request)
        assert (answer.status, body in answer.body) == (status, True), answer
        assert answer.kind == (SIZE_TYPE if status == 409 else "text/plain; charset=utf-8")
        assert memory.seen(samples.ORIGIN) == known
    cosigned(good.checkpoint, witness.add_checkpoint(good.to_bytes()))


def test_a_fork_is_refused(log: Log, memory: WitnessMemory, tmp_path: Path) -> None:
    """Of two ledgers of one key that went apart, the one that came first is cosigned, the other no more."""
    witness = make_witness(memory)
    witness.add_checkpoint(log.request(0).to_bytes())
    start = memory.seen(samples.ORIGIN).size
    other = log.fork(tmp_path / "fork")
    log.grow(10)
    cosigned(log.request(start).checkpoint, witness.add_checkpoint(log.request(start).to_bytes()))
    seen = memory.seen(samples.ORIGIN)
    other.grow(30, start=500)
    # It says what it last knew, then what it is told, with the best proof it has.
    assert witness.add_checkpoint(other.request(start).to_bytes()) == Answer(
        HTTPStatus.CONFLICT, b"%d\n" % seen.size, SIZE_TYPE
    )
    assert witness.add_checkpoint(other.request(seen.size).to_bytes()).status == 422
    assert memory.seen(samples.ORIGIN) == seen
    log.grow(1)
    cosigned(log.request(seen.size).checkpoint, witness.add_checkpoint(log.request(seen.size).to_bytes()))
    other.ledger.close()


def test_rollback_and_replay(log: Log, memory: WitnessMemory) -> None:
    """An older checkpoint is never cosigned again; the newest is, at a later time."""
    witness = make_witness(memory)
    old = log.request(0)
    witness.add_checkpoint(old.to_bytes())
    start = size_of(old.checkpoint)
    log.grow(10)
    new = log.request(start)
    witness.add_checkpoint(new.to_bytes())
    size = size_of(new.checkpoint)
    for request in (old, replace(old, old=start), new):
        assert witness.add_checkpoint(request.to_bytes()).body == b"%d\n" % size
    assert witness.add_checkpoint(replace(old, old=size).to_bytes()).status == 400
    again = cosigned(new.checkpoint, witness.add_checkpoint(replace(new, old=size, proof=()).to_bytes()))
    assert cosigners(again, [witnessed.KEY.key]) == {witnessed.KEY.key: NOON + 2}


def test_it_remembers_before_it_signs(log: Log, memory: WitnessMemory, tmp_path: Path) -> None:
    """At the moment of signing, what is signed is durable; if signing fails, it stays remembered."""
    at_signing: list[Seen] = []

    class Failing:
        key = witnessed.KEY.key

        def sign(self, message: bytes) -> bytes:
            with closing(WitnessMemory(tmp_path / "state")) as reader:
                at_signing.append(reader.seen(samples.ORIGIN))
            raise KeyUnusable("the device is gone")

    witness = Witness(memory, [Failing()], [samples.KEY.key], lambda: NOON)
    with pytest.raises(KeyUnusable, match="the device is gone"):
        witness.add_checkpoint(log.request(0).to_bytes())
    seen = memory.seen(samples.ORIGIN)
    assert (at_signing, seen.size) == ([seen], size_of(log.request(0).checkpoint))
    assert witness.checkpoint(samples.ORIGIN) is None
    assert make_witness(memory).add_checkpoint(log.request(0).to_bytes()).body == b"%d\n" % seen.size


def test_nothing_is_signed_that_is_not_remembered(log: Log, tmp_path: Path) -> None:
    """Where the memory cannot be written, the witness signs nothing and says that it is its own fault."""
    memory = WitnessMemory(tmp_path / "state")
    witness = make_witness(memory)
    memory.close()
    with pytest.raises(sqlite3.Error):
        witness.add_checkpoint(log.request(0).to_bytes())
    with served(witness) as port:
        status, _, body = ask(port, "POST", "/add-checkpoint", log.request(0).to_bytes())
    assert (status, body) == (500, b"the witness cannot remember\n")


def test_two_processes_of_one_witness(log: Log, tmp_path: Path) -> None:
    """Of two that swap from the same size one wins, and the other's log is told; memory outlives both."""
    with closing(WitnessMemory(tmp_path / "a")) as one, closing(WitnessMemory(tmp_path / "a")) as two:
        seen = two.seen(samples.ORIGIN)
        assert make_witness(one).add_checkpoint(log.request(0).to_bytes()).status == 200
        assert not two.advance(samples.ORIGIN, seen, Seen(3, bytes(32)))
        assert two.seen(samples.ORIGIN) == one.seen(samples.ORIGIN)
    with closing(WitnessMemory(tmp_path / "a")) as later:
        size = later.seen(samples.ORIGIN).size
        assert make_witness(later).add_checkpoint(log.request(0).to_bytes()).body == b"%d\n" % size


def test_a_strange_memory(tmp_path: Path) -> None:
    """A file of another kind, or no database at all, is not taken for a witness's memory."""
    WitnessMemory(tmp_path).close()
    file = tmp_path / "witness.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version=2")
    with pytest.raises(LedgerUnreadable, match="not a witness's memory of version 1"):
        WitnessMemory(tmp_path)
    file.write_bytes(b"x" * 4_096)
    with pytest.raises(LedgerUnreadable, match="not a database"):
        WitnessMemory(tmp_path)


def test_over_http(log: Log, memory: WitnessMemory) -> None:
    """Logs post, everybody reads; what is too long or has no length is not read at all."""
    request = log.request(0)
    shown = f"/{sha256(samples.ORIGIN.encode()).hexdigest()}/checkpoint"
    with served(make_witness(memory)) as port:
        assert ask(port, "GET", shown)[0] == 404
        status, _, lines = ask(port, "POST", "/add-checkpoint", request.to_bytes())
        assert status == 200
        status, kind, note = ask(port, "GET", shown)
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        assert note == request.checkpoint + lines
        assert ask(port, "HEAD", shown)[0] == 200
        assert ask(port, "POST", "/add-checkpoint", request.to_bytes())[:2] == (409, SIZE_TYPE)
        assert ask(port, "POST", "/other", b"")[0] == 404
        assert ask(port, "GET", "/add-checkpoint")[0] == 404
        assert ask(port, "POST", "/add-checkpoint", headers={"Content-Length": "9" * 8})[0] == 413
        assert ask(port, "POST", "/add-checkpoint", headers={"Content-Length": "9" * 80})[0] == 413
        for headers in ({"Content-Length": "-1"}, {"Content-Length": "x"}, {"Transfer-Encoding": "chunked"}):
            assert ask(port, "POST", "/add-checkpoint", headers=headers)[0] == 411
        assert ask(port, "PUT", "/add-checkpoint", b"")[0] == 501


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_requests_print_as_they_were_read(old: int, proof: list[bytes]) -> None:
    """Any request survives printing and reading; a size's only spelling is decimal with a line feed."""
    request = AddCheckpoint(old, tuple(proof), b"note\n\n\xe2\x80\x94 x AAAAAAA=\n")
    assert parse_add_checkpoint(request.to_bytes()) == request
    assert parse_size(b"%d\n" % old) == old
    for wrong in (b"%d" % old, b"0%d\n" % old, b"+%d\n" % old, b"%d\n\n" % old, b"%d\n" % (old + 2**63)):
        with pytest.raises(LedgerUnreadable):
            parse_size(wrong)


def test_keys_that_do_not_fit(memory: WitnessMemory) -> None:
    """A witness takes a witness's key, and logs' keys to know."""
    with pytest.raises(KeyUnusable, match="is no witness's"):
        Witness(memory, [samples.KEY], [samples.KEY.key], lambda: NOON)
    with pytest.raises(KeyUnusable, match="is no log's"):
        Witness(memory, [witnessed.KEY], [witnessed.KEY.key], lambda: NOON)
