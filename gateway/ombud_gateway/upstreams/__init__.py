# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where allowed calls go: model servers, and the gateway's own control plane."""
