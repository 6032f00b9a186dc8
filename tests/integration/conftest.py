# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by the tests against real servers."""

from integration.gateway import agent, gateway
from integration.people import peopled
from integration.reviews import large, reviewer
from integration.triton import embedded, prepared, triton, triton_client

__all__ = [
    "agent",
    "embedded",
    "gateway",
    "large",
    "peopled",
    "prepared",
    "reviewer",
    "triton",
    "triton_client",
]
