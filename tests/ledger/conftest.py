# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Places on other storage, and vaults."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import elsewhere, storage
from ombud_ledger import Vault
from ombud_ledger.remote import RemoteAddress


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> RemoteAddress:
    """An empty place: on the S3 server, and in a folder."""
    if request.param == "file":
        return elsewhere.folder_place(tmp_path)
    return storage.address_at(request.getfixturevalue("s3_port"), tmp_path, tmp_path.name)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A new vault."""
    with closing(Vault.create(tmp_path / "store", tmp_path / "keys")) as made:
        yield made


@pytest.fixture
def there(place: RemoteAddress) -> RemoteAddress:
    """The same, where the place is what stands for both."""
    return place
