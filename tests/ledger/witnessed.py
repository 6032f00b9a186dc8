# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A witness and logs to ask it, for the tests of both sides."""

import http.client
import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from ledger import samples
from ombud_ledger import Ledger, Options
from ombud_ledger.durable import Durable, act_now
from ombud_ledger.layout import log_layout
from ombud_ledger.tlog.add_checkpoint import AddCheckpoint
from ombud_ledger.tlog.bounded import BoundedHandler, BoundedServer
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.cosignature import cosigners
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.note import COSIGNATURE, parse_note
from ombud_ledger.tlog.pub import Pub
from ombud_ledger.tlog.published import Published
from ombud_ledger.tlog.witness import Witness
from ombud_ledger.tlog.witness_client import WitnessAddress
from ombud_ledger.tlog.witness_http import WitnessServer
from ombud_ledger.tlog.witness_memory import WitnessMemory
from ombud_ledger.tlog.witnessing import Witnesses

NAME = "witness.example/w1"
KEY = SigningKey.from_seed(NAME, bytes(range(32, 64)), COSIGNATURE)
OTHER_KEY = SigningKey.from_seed("witness.example/w2", bytes(range(33, 65)), COSIGNATURE)
NOON = 1_700_000_000


class Log:
    """A signed log, and what it can ask a witness."""

    def __init__(
        self, root: Path, witnesses: Witnesses | None = None, options: Options = samples.QUIET
    ) -> None:
        self.root = root
        self._witnesses = witnesses
        self._options = options
        self.ledger = self.open()

    def open(self, durable: Durable = act_now) -> Ledger:
        """Open it for writing."""
        self.ledger = samples.open_log(
            self.root,
            signers=[samples.KEY],
            witnesses=self._witnesses,
            options=self._options,
            durable=durable,
        )
        return self.ledger

    def grow(self, count: int, *, start: int = 0) -> bytes:
        """Append decisions; return the checkpoint published of them."""
        samples.fill(self.ledger, count, start=start)
        note = self.ledger.publish()
        assert note is not None
        return note

    def fork(self, root: Path) -> "Log":
        """Return a copy of the log, under the same origin and key, that goes its own way."""
        self.ledger.close()
        shutil.copytree(self.root, root)
        self.open()
        return Log(root, self._witnesses, self._options)

    def stop_clock(self) -> None:
        """Let no time pass for the witnesses that failed: none is due again."""
        witnessing = self.ledger._signing.witnessing
        assert witnessing is not None
        witnessing._monotonic = lambda: 0.0

    @property
    def pub(self) -> Pub:
        """What it published."""
        return Pub(log_layout(self.root, "r-0").pub)

    def cosigners(self) -> list[str]:
        """Return the names of the witnesses under the newest checkpoint."""
        data = self.pub.checkpoint()
        assert data is not None
        return [key.name for key in cosigners(parse_note(data), [KEY.key, OTHER_KEY.key])]

    def request(self, old: int) -> AddCheckpoint:
        """Return the request to cosign the newest checkpoint, from a size that the witness knows."""
        published = Published(log_layout(self.root, "r-0"))
        signed = published.checkpoint()
        proof = published.consistency(old, signed.checkpoint.size) if old <= signed.checkpoint.size else []
        return AddCheckpoint(old, tuple(proof), signed.note.to_bytes())


def size_of(note: bytes) -> int:
    """Return the size that a checkpoint is of."""
    return parse_checkpoint(note).checkpoint.size


def make_witness(memory: WitnessMemory, key: SigningKey = KEY) -> Witness:
    """Return a witness that knows the one log, with a clock that moves a second per look."""
    ticks = itertools.count(NOON)
    return Witness(memory, [key], [samples.KEY.key], lambda: next(ticks))


def at(*ports: int, quorum: int = 0, keys: tuple[SigningKey, ...] = (KEY, OTHER_KEY)) -> Witnesses:
    """Return witnesses at ports of this host, of whom so many are demanded; else all."""
    each = [
        WitnessAddress(f"http://127.0.0.1:{port}", key.key) for port, key in zip(ports, keys, strict=False)
    ]
    return Witnesses(tuple(each), quorum or len(each))


@contextmanager
def served(witness: Witness) -> Iterator[int]:
    """Serve a witness; yield the port."""
    with serving(WitnessServer(witness, ("127.0.0.1", 0))) as port:
        yield port


class _Stub(BoundedHandler):
    server: "Stub"

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        body = self.read_body(1 << 20)
        assert body is not None
        self.server.asked.append(body)
        status, kind, data = self.server.answer(body)
        self.send(HTTPStatus(status), data, kind, "no-store")


class Stub(BoundedServer):
    """A witness that answers whatever it is told to, and keeps what it was asked."""

    def __init__(self, answer: Callable[[bytes], tuple[int, str, bytes]]) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Stub)


@contextmanager
def serving(server: BoundedServer) -> Iterator[int]:
    """Serve; yield the port."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str, bytes]:
    """Return status, type and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()
