# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Epoch keys in a folder of their own: made, read, and destroyed when survivors have moved to the next.

`<n>.key` is the key of epoch n. `<n>.new` is one that a rotation made and has not settled yet: whether it
counts, the key store says.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ombud_ledger.durable import Durable, publish, store, sync_folder
from ombud_ledger.errors import VaultUnusable
from ombud_ledger.vault.sealing import KEY_BYTES, EpochKey

_NAME: Final = re.compile(r"([1-9][0-9]{0,8})\.(key|new)(\.[0-9]+\.tmp)?")
_OTHERS: Final = 0o077


class EpochKeys:
    """The key files under `folder`."""

    def __init__(self, folder: Path, durable: Durable, randomness: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._durable = durable
        self._randomness = randomness

    def make(self, number: int) -> EpochKey:
        """Make the key of an epoch, durable as `<n>.new`."""
        secret = self._randomness(KEY_BYTES)
        store(self._path(number, "new"), secret, self._durable, "vault.key")
        return EpochKey.of(number, secret)

    def read(self, number: int) -> EpochKey:
        """Return the key of an epoch. Raises VaultUnusable."""
        # The first name again in the end: another process may give it to the key between the two looks.
        for kind in ("key", "new", "key"):
            path = self._path(number, kind)
            try:
                with path.open("rb") as file:
                    if os.fstat(file.fileno()).st_mode & _OTHERS:
                        raise VaultUnusable(f"{path}: others may read it; it must have mode 0600")
                    secret = file.read(KEY_BYTES + 1)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise VaultUnusable(f"{path}: {error}") from error
            if len(secret) != KEY_BYTES:
                raise VaultUnusable(f"{path}: {len(secret)} bytes, an epoch key has {KEY_BYTES}")
            return EpochKey.of(number, secret)
        raise VaultUnusable(
            f"epoch key {number} is not in {self._folder}: it was destroyed, and this key store is an old"
            " copy; or the folder is another's"
        )

    def newest(self) -> int:
        """Return the number of the newest key that was settled, 0 if there is none."""
        return max((number for number, kind, _ in self._files() if kind == "key"), default=0)

    def settled(self, number: int) -> bool:
        """Say whether this is the only epoch key, under its own name."""
        return [path for _, _, path in self._files()] == [self._path(number, "key")]

    def settle(self, number: int) -> int:
        """Make this the only epoch key; return how many older ones were destroyed.

        Doing it again goes on where it stopped.
        """
        # 1. The key store names it, so it counts: it gets its name. Where a key has that name already, this
        #    is the one that everything is wrapped with, and the other opens nothing.
        new, key = self._path(number, "new"), self._path(number, "key")
        if new.exists() and not key.exists():
            publish(new, key, self._durable, "vault.key.settle")
        # 2. Older keys open nothing but old copies of the key store; those of a rotation that was not
        #    committed open nothing. A crash in here leaves them to the next opening.
        destroyed = 0
        for _, kind, path in self._files():
            if path != key:
                self._durable("vault.key.destroy", lambda path=path: _destroy(path))  # type: ignore[misc]
                destroyed += kind == "key"
        return destroyed

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{number}.{kind}"

    def _files(self) -> list[tuple[int, str, Path]]:
        found = []
        for path in self._folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((int(match[1]), "new" if match[3] else match[2], path))
        return sorted(found)


def _destroy(path: Path) -> None:
    # Overwritten first: where the disk writes in place, the bytes are gone even from the raw device.
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
