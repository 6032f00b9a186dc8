# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What a gateway does for those who check its log: serves and copies what it publishes, names witnesses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ombud_gateway.config import LedgerSection
from ombud_gateway.problems import ConfigInvalid, Problem
from ombud_ledger import Ledger

if TYPE_CHECKING:
    from ombud_ledger import remote, transparency


def remote_keeper(section: LedgerSection, ledger: Ledger) -> remote.RemoteKeeper | None:
    """Return what copies the log to other storage, None where none is configured. Raises LedgerError."""
    if section.remote is None:
        return None
    from ombud_ledger import remote  # here, as below: a gateway without needs none of it

    return remote.RemoteKeeper(
        section.path,
        ledger.log,
        section.remote.address,
        seconds=section.remote.seconds,
        keep_local=section.remote.keep_local_us,
    )


def ledger_root(section: LedgerSection) -> Path | remote.Thinned:
    """Return where the ledger lies: its folder, with the other storage that holds what this has let go."""
    if section.remote is None:
        return section.path
    from ombud_ledger import remote

    return remote.Thinned(section.path, section.remote.address)


def witnesses(section: LedgerSection) -> transparency.Witnesses | None:
    """Return the witnesses that cosign the log, None where none is configured."""
    if not section.witness:
        return None
    from ombud_ledger import transparency  # here, as below: a gateway without needs none of it

    each = tuple(
        transparency.WitnessAddress(one.url, transparency.parse_vkey(one.vkey, kind=transparency.COSIGNATURE))
        for one in section.witness
    )
    return transparency.Witnesses(each, section.witness_quorum or len(each))


@contextmanager
def published(section: LedgerSection, ledger: Ledger) -> Iterator[int | None]:
    """Serve this process's log for the length of a with block, in a thread; yield the port, None if nowhere.

    Raises ConfigInvalid where it cannot listen.
    """
    if section.publish_listen is None:
        yield None
        return
    from ombud_ledger import transparency

    host, _, port = section.publish_listen.rpartition(":")
    try:
        server = transparency.TileServer(ledger.place, (host.strip("[]"), int(port)), ledger.log)
    except OSError as error:
        what = f"cannot listen: {error.strerror or error}"
        problem = Problem("ombud.toml", "ledger.publish_listen", section.publish_listen, what)
        raise ConfigInvalid([problem]) from error
    thread = threading.Thread(target=server.serve_forever, name="ledger-serve", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
