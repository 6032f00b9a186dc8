# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Calls and answers that wait for a human: one review per exact call, expiring, used once."""

from ombud_gateway.reviews.desk import Claimed, Reviews, call_digest
from ombud_gateway.reviews.parked import ParkedAnswers, key_from_file
from ombud_gateway.reviews.store import CONTEST, NewReview, Review, ReviewStore

__all__ = [
    "CONTEST",
    "Claimed",
    "NewReview",
    "ParkedAnswers",
    "Review",
    "ReviewStore",
    "Reviews",
    "call_digest",
    "key_from_file",
]
