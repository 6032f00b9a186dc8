# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""An evidence folder, put on an S3 server as it is: verified and queried there as on the disk."""

from pathlib import Path

import pytest

from ledger import retained, samples, storage
from ombud_ledger import export, query, verify
from ombud_ledger.remote import RemoteAddress

QUESTIONS = (
    "SELECT * FROM entries ORDER BY ALL",
    "SELECT * FROM facts ORDER BY ALL",
    "SELECT system, count(*) FROM calls GROUP BY ALL ORDER BY ALL",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, s3_port: int) -> tuple[Path, RemoteAddress]:
    """An evidence folder of a signed log, and its copy on the server."""
    folder = tmp_path_factory.mktemp("evidence")
    evidence = folder / "evidence"
    retained.record(folder / "ledger", signers=(samples.KEY,))
    ledger = retained.at(folder / "ledger", retained.LATER, signers=(samples.KEY,))
    wanted = export.Wanted("credit")
    export.export([ledger], wanted, evidence, by="os:tester", recipient="court", reason="asked")
    ledger.close()
    return evidence, copied(evidence, storage.address_at(s3_port, folder, "evidence"))


def copied(evidence: Path, place: RemoteAddress) -> RemoteAddress:
    """Put every file of the folder there, as any tool for S3 would."""
    for path in sorted(evidence.rglob("*")):
        if path.is_file():
            storage.write(place, str(path.relative_to(evidence)), path.read_bytes())
    return place


def test_it_verifies_there(folders: tuple[Path, RemoteAddress]) -> None:
    """The account is that of the folder, sound, and says what it is."""
    here, there = (verify(each, vkeys=[str(samples.KEY.key)]) for each in folders)
    assert there == here
    assert (there.exit_code, [log.export is not None for log in there.logs]) == (0, [True])


def test_it_is_queried_there(folders: tuple[Path, RemoteAddress]) -> None:
    """SQL has the same answers, and the same words on what it is."""
    with query.connect(folders[0]) as here, query.connect(folders[1]) as there:
        assert there.export == here.export != ()
        for sql in QUESTIONS:
            expected = here.execute(sql).fetchall()
            assert expected
            assert there.execute(sql).fetchall() == expected


def test_what_is_changed_there_is_told(
    folders: tuple[Path, RemoteAddress], tmp_path: Path, s3_port: int
) -> None:
    """A changed segment is broken, a missing one missed; without EXPORT.json it passes for no ledger."""
    evidence, _ = folders
    place = copied(evidence, storage.address_at(s3_port, tmp_path, tmp_path.name))
    segment = next(name for name in storage.names(place) if "/entries/" in name)
    data = storage.read(place, segment)
    storage.write(place, segment, data[:200] + bytes([data[200] ^ 1]) + data[201:])
    assert verify(place).exit_code == 1
    storage.bare(place).delete_file(segment)
    assert verify(place).exit_code in {1, 3}
    storage.write(place, segment, data)
    assert verify(place).exit_code == 0
    storage.bare(place).delete_file("EXPORT.json")
    assert verify(place).exit_code != 0
