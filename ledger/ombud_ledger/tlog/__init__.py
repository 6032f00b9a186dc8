# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger as a transparency log: Merkle tree, tiles, signed checkpoints, proofs, receipts.

`merkle`, `tiles`, `note`, `checkpoint` and `receipt` are pure; the others read, sign and write.
"""
