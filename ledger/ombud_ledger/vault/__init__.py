# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The vault: payloads encrypted for each person they are about, keys that can be destroyed, erasure, export.

`Vault` and what needs cryptography or Arrow are imported from their modules when they are first asked for.
"""

from ombud_ledger.vault.payload import Payload

__all__ = ["Payload"]
