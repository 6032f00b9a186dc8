# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger's sealed files, tail and `pub/` on another machine's storage: kept up to date, and read in place.

`RemoteAddress` says where. `RemoteKeeper` works beside a log's writer, `push` does the same once; `verify`
and `query.connect` of the package take a `RemoteAddress` where they take a folder. What is pushed may be let
go here: whatever takes a folder takes a `Thinned`, too, which is the folder and where the rest lies.
"""

from ombud_ledger.remote.address import RemoteAddress
from ombud_ledger.remote.keeper import RemoteKeeper
from ombud_ledger.remote.push import Pushed, push
from ombud_ledger.remote.store import demand_usable
from ombud_ledger.remote.thin import parse_keep_local
from ombud_ledger.remote.thinned import Thinned, is_thinned

__all__ = [
    "Pushed",
    "RemoteAddress",
    "RemoteKeeper",
    "Thinned",
    "demand_usable",
    "is_thinned",
    "parse_keep_local",
    "push",
]
