# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The bounds of a log's writer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds, all with defaults that suit a gateway; times are seconds."""

    queue_entries: int = 8_192
    queue_bytes: int = 64 * 1024 * 1024
    batch_entries: int = 512
    longest_string: int = 1_024
    segment_entries: int = 65_536
    segment_bytes: int = 512 * 1024 * 1024
    segment_age: float = 86_400.0
    seal_automatically: bool = True
    seal_timeout: float = 900.0
    close_timeout: float = 60.0
    beat_seconds: int = 3_600  # without any entry, and there is one that says so; kept by what seals
    publish_automatically: bool = True
    publish_seconds: float = 1.0  # between two checkpoints, at least
    publish_hurried: float = 0.2  # the same, while somebody waits for one
    backoff_first: float = 0.05
    backoff_most: float = 5.0
    software: str = ""
