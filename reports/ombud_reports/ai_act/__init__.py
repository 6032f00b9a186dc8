# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The EU AI Act document: duties as data, what the ledger shows of each, and what people declared."""
