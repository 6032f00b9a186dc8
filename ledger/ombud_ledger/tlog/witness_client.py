# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Ask one witness for its cosignature over HTTP: bounded answers, one deadline, no proxies, no redirects."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ombud_ledger.errors import LedgerError, LedgerUnreadable, NotProven
from ombud_ledger.tlog.add_checkpoint import PATH, SIZE_TYPE, AddCheckpoint, parse_size
from ombud_ledger.tlog.checkpoint import Signed
from ombud_ledger.tlog.cosignature import cosigners, demand_witness
from ombud_ledger.tlog.note import MOST_BYTES, Note, Signature, VerifierKey, parse_signatures

_SECONDS: Final = 10.0  # from connecting to the last byte
_MOST_SAID: Final = 200

Prove = Callable[[int, int], Sequence[bytes]]
"""Gives the consistency proof from one size to another. Raises LedgerUnreadable."""


class WitnessFailed(LedgerError):
    """A witness gave no cosignature: ask again later. If `refused`, the checkpoint is why."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """Where a witness answers, below which URL, and the key it cosigns with."""

    url: str
    key: VerifierKey

    def __post_init__(self) -> None:
        demand_witness(self.key)
        parts = urlsplit(self.url)
        parts.port  # noqa: B018 - raises ValueError for a port that there cannot be
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(
                f"witness {self.key.name}: its URL is {self.url!r}, must be http(s)://HOST[:PORT][/PATH]"
            )


class _Reply(NamedTuple):
    status: int
    kind: str
    body: bytes


class WitnessClient:
    """Asks a witness, one checkpoint after the other, and remembers which size it saw last."""

    def __init__(self, address: WitnessAddress, stopped: threading.Event) -> None:
        """With `stopped` set nothing new is asked; `hang_up` then ends what is under way."""
        self.key = address.key
        self._url = urlsplit(address.url)
        self._seen = 0
        self._socket: socket.socket | None = None  # http.client forgets its own before the body is read
        self._stopped = stopped

    def ask(self, signed: Signed, prove: Prove, *, seconds: float = _SECONDS) -> Signature:
        """Return the witness's line under the checkpoint. Raises WitnessFailed, LedgerUnreadable."""
        size = signed.checkpoint.size
        for _ in range(2):
            # 1. From what it saw last, as far as is known here.
            proof = tuple(prove(self._seen, size)) if self._seen < size else ()
            body = AddCheckpoint(self._seen, proof, signed.note.to_bytes()).to_bytes()
            reply = self._post(body, seconds)
            # 2. Cosigned: believe nothing but the signature.
            if reply.status == HTTPStatus.OK:
                line = self._line(signed.note, reply.body)
                self._seen = size
                return line
            # 3. It saw another size last, and says which: once more, from there.
            if reply.status != HTTPStatus.CONFLICT or reply.kind != SIZE_TYPE:
                said = reply.body[:_MOST_SAID].decode(errors="replace").strip()
                raise WitnessFailed(f"it answers {reply.status}: {said!r}", refused=400 <= reply.status < 500)
            self._seen = self._told(reply.body, size)
        raise WitnessFailed("another asks it at the same time; it goes on from size to size")

    def hang_up(self) -> None:
        """End the exchange that is under way, if there is one."""
        connected = self._socket
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def _told(self, body: bytes, size: int) -> int:
        try:
            told = parse_size(body)
        except LedgerUnreadable as error:
            raise WitnessFailed(f"it answers 409, but {error}") from error
        if told > size:
            what = (
                f"it has cosigned {told} entries of this log already, the newest checkpoint here is of {size}"
            )
            raise WitnessFailed(
                f"{what}: was an older copy put back, or is there a second log of this key?", refused=True
            )
        return told

    def _line(self, note: Note, body: bytes) -> Signature:
        try:
            lines = parse_signatures(body.decode())
            ours = [line for line in lines if (line.name, line.key_id) == (self.key.name, self.key.id)]
            if not ours:
                raise WitnessFailed(f"its lines are not of {self.key}")
            cosigners(Note(note.text, tuple(ours)), [self.key])
        except (LedgerUnreadable, NotProven, UnicodeDecodeError) as error:
            raise WitnessFailed(f"its line is not valid: {error}") from error
        return ours[-1]

    def _post(self, body: bytes, seconds: float) -> _Reply:
        # One deadline for all of it: a timeout per read would let it drip.
        late = threading.Event()

        def end() -> None:
            late.set()
            self.hang_up()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        connection = self._connect(seconds)
        timer.start()
        try:
            connection.connect()
            self._socket = connection.sock
            if late.is_set() or self._stopped.is_set():
                raise TimeoutError
            connection.request("POST", self._url.path.rstrip("/") + PATH, body, {"User-Agent": "ombud"})
            answer = connection.getresponse()
            data = answer.read(MOST_BYTES + 1)
            kind = answer.headers.get("Content-Type", "")
            if late.is_set():  # what was hung up on may look like the end
                raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"it took more than {seconds:g} s" if late.is_set() else repr(error)
            raise WitnessFailed(f"it cannot be asked: {why}") from error
        finally:
            timer.cancel()
            self._socket = None
            connection.close()
        if len(data) > MOST_BYTES:
            raise WitnessFailed(f"it answers with more than {MOST_BYTES} bytes")
        return _Reply(answer.status, kind, data)

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(str(self._url.hostname), self._url.port, timeout=seconds)
