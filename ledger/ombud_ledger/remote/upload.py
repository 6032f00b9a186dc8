# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Send files whose names never get other bytes: what is there is not sent, nothing else is overwritten."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from ombud_ledger.errors import LedgerBroken, LedgerUnavailable
from ombud_ledger.remote.memory import Memory, Sent
from ombud_ledger.remote.store import Held, Remote
from ombud_ledger.seal import digest_of

_AT_ONCE: Final = 8  # requests, each of which mostly waits
_CHUNK: Final = 64  # files whose beginnings and ends are noted together


@dataclass(frozen=True, slots=True)
class Item:
    """A file to be there: its name, the bytes or the local file with them, and their SHA-256.

    `path` is the file's path inside the log, of one that an erasure may rewrite.
    """

    name: str
    source: Path | bytes
    digest: str
    path: str | None = None


class Upload:
    """Sends items of one log. `look` is called between chunks, and raises to stop."""

    def __init__(self, remote: Remote, memory: Memory, look: Callable[[], None]) -> None:
        self.files = 0
        self.bytes = 0
        self._remote = remote
        self._memory = memory
        self._look = look
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ledger-remote")

    def send(self, items: Iterable[Item], tell: Callable[[int, int], None]) -> None:
        """Send what is not known to be there; return when all is. `tell` gets files done, and in all.

        Raises LedgerBroken where a name holds bytes that the log never gave it, LedgerUnavailable.
        """
        due = [item for item in items if not self._is_known(item)]
        rest = iter(due)
        done = 0
        while chunk := list(islice(rest, _CHUNK)):
            self._look()
            # 1. What is there, though not remembered? It counts if its bytes are the right ones.
            there = dict(zip(chunk, self._pool.map(self._find, chunk), strict=True))
            self._note((item, held) for item, held in there.items() if held is not None)
            # 2. Note what is about to be sent. A crash from here on leaves uploads that we know are ours.
            todo = [item for item, held in there.items() if held is None]
            self._memory.begin({item.name: item.digest for item in todo})
            # 3. Send, read back, and note that.
            sent = list(zip(todo, self._pool.map(self._put, todo), strict=True))
            self._note(sent)
            self.files += len(sent)
            self.bytes += sum(held.size for _, held in sent)
            done += len(chunk)
            tell(done, len(due))

    def replace(self, item: Item) -> None:
        """Send an item in place of whatever is there. Raises LedgerUnavailable."""
        self._memory.begin({item.name: item.digest})
        held = self._put(item)
        self._note([(item, held)])
        self.files, self.bytes = self.files + 1, self.bytes + held.size

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    def _is_known(self, item: Item) -> bool:
        known = self._memory.sent.get(item.name)
        return known is not None and known.size is not None and known.sha256 == item.digest

    def _find(self, item: Item) -> Held | None:
        """Return what is there if it is the item; None if the item may be put there. Raises LedgerBroken."""
        held = self._remote.find(item.name)
        if held is None:
            return None
        digest = self._remote.digest(item.name)
        if digest == item.digest:
            return held
        known = self._memory.sent.get(item.name)
        ours = known is not None and known.size is None  # cut short by a crash
        rewritten = item.path is not None and digest is not None and self._memory.was_said(item.path, digest)
        if digest is not None and not ours and not rewritten:
            raise LedgerBroken(
                f"{self._remote.address}: {item.name} holds SHA-256 {digest}, which this log never gave it,"
                f" not {item.digest}; nothing is overwritten and nothing more is sent"
            )
        return None

    def _put(self, item: Item) -> Held:
        try:
            if isinstance(item.source, Path) and digest_of(item.source) != item.digest:
                raise LedgerUnavailable(
                    f"{item.source}: not sent: its bytes are not those the log names, SHA-256 {item.digest}"
                )
            return self._remote.put(item.name, item.source, item.digest)
        except OSError as error:
            raise LedgerUnavailable(f"{item.name}: cannot be sent: {error}") from error

    def _note(self, files: Iterable[tuple[Item, Held]]) -> None:
        self._memory.done({item.name: Sent(item.digest, held.size, held.changed) for item, held in files})
