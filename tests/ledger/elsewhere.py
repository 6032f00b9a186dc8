# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Ledgers sent to other storage, or let go here, for the tests of both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import samples, storage
from ombud_ledger import LedgerUnavailable, remote, verify
from ombud_ledger.durable import Durable, act_now
from ombud_ledger.remote import RemoteAddress, Thinned
from ombud_ledger.remote.store import Held, Remote

LOG = "logs/r-0"
VKEY = str(samples.KEY.key)
AT_ONCE = 0  # how long sealed files are kept here


def folder_place(tmp_path: Path) -> RemoteAddress:
    """Return an empty place in a folder."""
    return RemoteAddress(f"file://{tmp_path}/remote")


def push(root: Path, place: RemoteAddress, *, whole: bool = False) -> remote.Pushed:
    """Send the log."""
    (pushed,) = remote.push(root, place, whole=whole)
    return pushed


def thin(root: Path, there: RemoteAddress, *, durable: Durable = act_now) -> remote.Pushed:
    """Send the log, and let go of all but its newest segment."""
    (pushed,) = remote.push(root, there, keep_local=AT_ONCE, durable=durable)
    return pushed


def grow(place: Path | Thinned, count: int, start: int = 0, *, seal: bool = True) -> None:
    """Append decisions to the log, and seal them."""
    ledger = samples.open_log(place, signers=[samples.KEY])
    samples.fill(ledger, count, start=start)
    if seal:
        ledger.seal_blocking()
    ledger.close()


def thinned(root: Path, there: RemoteAddress) -> Thinned:
    """Record three segments, and let go of the first two."""
    samples.build(root, sealed=(12, 30, 9), signers=[samples.KEY])
    assert thin(root, there).thinned == 6
    return Thinned(root, there)


def assert_sound(place: Path | RemoteAddress | Thinned, **how: object) -> None:
    """Demand that it verifies, signature and all."""
    account = verify(place, vkeys=[VKEY], **how)  # type: ignore[arg-type]
    assert [str(finding) for finding in account.all_findings()] == []


def findings(place: Path | RemoteAddress | Thinned) -> tuple[int, str]:
    """Return the exit code of verification, and all that it found in one text."""
    account = verify(place)
    return account.exit_code, "\n".join(str(each) for each in account.all_findings())


def local_names(root: Path) -> list[str]:
    """Return the names of the local files that belong on other storage, but for tail and partial tiles."""
    kept = {"objects", "entries", "facts", "payloads", "pub"}
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(file) for file in files if kept & {*file.parts} and ".p/" not in str(file))


def remote_names(place: RemoteAddress) -> list[str]:
    """Return the names that are there, but for those of partial tiles."""
    return [name for name in storage.names(place) if ".p/" not in name]


def remote_memory(root: Path, place: RemoteAddress) -> Path:
    """Return the path of the memory of a place."""
    from ombud_ledger.remote.memory import memory_path

    return memory_path(root / LOG / "state", place.url)


def local_names_match(root: Path, place: RemoteAddress) -> bool:
    """Say whether every local file is there with the same bytes."""
    return all(storage.read(place, name) == (root / name).read_bytes() for name in local_names(root))


class Failing:
    """Makes the put numbered `at` of all remotes fail, before or after it did its work; keeps the names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, stored: bool) -> None:
        self.put: list[str] = []
        real = Remote.put

        def put(self_: Remote, name: str, source: Path | bytes, digest: str) -> Held:
            self.put.append(name)
            if len(self.put) - 1 != at:
                return real(self_, name, source, digest)
            if stored:
                real(self_, name, source, digest)
            raise LedgerUnavailable("the line was cut")

        monkeypatch.setattr(Remote, "put", put)
        monkeypatch.setattr("ombud_ledger.remote.upload._AT_ONCE", 1)


class FailsAt:
    """Carries out durable steps; the first of one name fails, before or after its work."""

    def __init__(self, name: str, *, stored: bool) -> None:
        self.name: str | None = name
        self._stored = stored

    def __call__(self, step: str, act: Callable[[], object]) -> None:
        if step != self.name:
            act()
            return
        self.name = None
        if self._stored:
            act()
        raise OSError(28, "No space left on device")
