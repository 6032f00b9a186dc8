# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Serve, beside the gateway, what its log publishes: checkpoint, tiles and entry bundles, read-only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ombud_gateway.config import LedgerSection
from ombud_gateway.problems import ConfigInvalid, Problem
from ombud_ledger import Ledger


@contextmanager
def published(section: LedgerSection, ledger: Ledger) -> Iterator[int | None]:
    """Serve this process's log for the length of a with block, in a thread; yield the port, None if nowhere.

    Raises ConfigInvalid where it cannot listen.
    """
    if section.publish_listen is None:
        yield None
        return
    from ombud_ledger import transparency  # here: a gateway that publishes nothing needs none of it

    host, _, port = section.publish_listen.rpartition(":")
    try:
        server = transparency.TileServer(section.path, (host.strip("[]"), int(port)), ledger.log)
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
