# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Front ends that turn wire bytes into calls and outcomes back into wire bytes. They hold no rule."""
