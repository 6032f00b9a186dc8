# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A witness and logs to ask it, for the tests of both sides."""

import http.client
import itertools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger import samples
from ombud_ledger import Ledger
from ombud_ledger.layout import log_layout
from ombud_ledger.tlog.add_checkpoint import AddCheckpoint
from ombud_ledger.tlog.checkpoint import parse_checkpoint
from ombud_ledger.tlog.keyfile import SigningKey
from ombud_ledger.tlog.note import COSIGNATURE
from ombud_ledger.tlog.published import Published
from ombud_ledger.tlog.witness import Witness
from ombud_ledger.tlog.witness_http import WitnessServer
from ombud_ledger.tlog.witness_memory import WitnessMemory

NAME = "witness.example/w1"
KEY = SigningKey.from_seed(NAME, bytes(range(32, 64)), COSIGNATURE)
OTHER_KEY = SigningKey.from_seed("witness.example/w2", bytes(range(33, 65)), COSIGNATURE)
NOON = 1_700_000_000


class Log:
    """A signed log, and what it can ask a witness."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger: Ledger = samples.open_log(root, signers=[samples.KEY])

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
        self.ledger = samples.open_log(self.root, signers=[samples.KEY])
        return Log(root)

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


@contextmanager
def served(witness: Witness) -> Iterator[int]:
    """Serve a witness; yield the port."""
    server = WitnessServer(witness, ("127.0.0.1", 0))
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
