# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements of Ombud, each against a plain baseline in the same run: `make bench`."""
