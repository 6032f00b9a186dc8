# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes of what a log keeps under `state/`, changed one at a time: noticed, or without any effect.

No signed head is contradicted, and a copy elsewhere is whole, or it is said that it could not be made so.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ledger import samples
from ombud_ledger import LedgerError, remote, verify
from ombud_ledger.layout import log_layout
from ombud_ledger.remote import RemoteAddress

STRIDE = int(os.environ.get("OMBUD_STATE_STRIDE", "0"))
"""Bytes between two mutations, where it is given; by default so many that it takes seconds."""
KEYS = [str(samples.KEY.key)]


def flipped(path: Path, kept: Path, folder: Path, stride: int) -> Iterator[int]:
    """Change one byte after the other, each time in a folder as it was; `path` is inside the folder."""
    for at in range(0, (kept / path).stat().st_size, STRIDE or stride):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
        data = bytearray((kept / path).read_bytes())
        data[at] ^= 1 << (at % 8)
        (folder / path).write_bytes(data)
        yield at


def test_every_byte_of_a_signed_head(tmp_path: Path) -> None:
    """The log opens and goes on from what was signed, or is read-only, or it does not open."""
    kept, root = tmp_path / "kept", tmp_path / "ledger"
    samples.build(kept, sealed=(), hot=3, signers=[samples.KEY])
    note = (log_layout(kept, "r-0").pub / "checkpoint").read_bytes()
    served = refused = 0
    for at in flipped(log_layout(kept, "r-0").signed.relative_to(kept), kept, root, 307):
        try:
            ledger = samples.open_log(root, signers=[samples.KEY])
        except LedgerError:
            refused += 1
            ledger = None
        if ledger is not None:
            served += ledger.state == "serving"
            refused += ledger.state == "read-only"
            if ledger.state == "serving":
                samples.fill(ledger, 1, start=90)
            ledger.close()
        account = verify(root, vkeys=KEYS, checkpoints=[note])
        assert account.exit_code == 0, (at, account.all_findings())
    assert served > refused  # most of the file is empty


def test_every_byte_of_the_memory_of_what_is_remote(tmp_path: Path) -> None:
    """What follows is sent all the same, and nothing is taken to be there that is not."""
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    place = RemoteAddress(f"file://{folder}/remote")
    samples.build(folder / "ledger", sealed=(4,), hot=1, signers=[samples.KEY])
    list(remote.push(folder / "ledger", place))
    ledger = samples.open_log(folder / "ledger", signers=[samples.KEY])
    samples.fill(ledger, 3, start=50)
    ledger.seal_blocking()
    ledger.close()
    folder.rename(kept)
    (memory,) = kept.rglob("remote-*.sqlite")
    sent = told = 0
    for at in flipped(memory.relative_to(kept), kept, folder, 1_499):
        try:
            list(remote.push(folder / "ledger", place))
        except LedgerError:
            told += 1
            assert verify(place, vkeys=KEYS).exit_code == 0, at  # as it was before
            continue
        sent += 1
        account = verify(place, vkeys=KEYS)
        assert account.exit_code == 0, (at, account.all_findings())
        assert account == verify(folder / "ledger", vkeys=KEYS), at
    assert sent > told
