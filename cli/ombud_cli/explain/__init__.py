# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud explain`: ask the model that decided, through the gateway, what an explanation needs."""
