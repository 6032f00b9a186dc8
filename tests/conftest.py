# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What every test needs: property tests that ignore the wall clock and print how to repeat a failure.

And what some share: a server of S3, which takes seconds to start.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("ombud", deadline=None, print_blob=True)
settings.load_profile("ombud")


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of an S3 server."""
    from ledger import storage  # here: most tests need none

    with storage.serving_s3() as port:
        yield port
