# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong while the demonstration's model server is stood up."""

from __future__ import annotations


class UpstreamError(Exception):
    """Base of all errors here; the message says what was wrong, where, and what would be right."""


class TritonUnsupportedError(UpstreamError):
    """Triton cannot run on this machine: serve the model from the embedded server instead."""


class PreparationError(UpstreamError):
    """The environment or the model could not be made."""


class ServerError(UpstreamError):
    """A model server did not become ready, or died; the message ends with its last words."""
