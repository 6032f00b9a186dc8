# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud demo`: the main job, end to end, on real applications and a real model server."""
