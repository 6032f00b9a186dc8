# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger export` at a gateway that hands out something else: refused, and nothing is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from ombud.v1 import ledger_pb2 as wire
from ombud.v1 import ledger_pb2_grpc
from ombud_cli.main import app

Pieces = list[tuple[str, bytes, bool]]


def manifest(**files: bytes) -> bytes:
    """Return a manifest of files, an underscore in a name standing for a slash."""
    lines = (f"{sha256(data).hexdigest()}  {name.replace('_', '/')}\n" for name, data in files.items())
    return "".join(lines).encode()


ONE = manifest(a_b=b"bytes")
WHOLE: Pieces = [("MANIFEST", ONE, True), ("a/b", b"by", False), ("a/b", b"tes", True)]
ESCAPING = manifest(**{".._b": b"bytes"})
OUTSIDE = manifest(_etc_b=b"bytes")


class Hands(ledger_pb2_grpc.LedgerServiceServicer):
    """Hands out what it is told to."""

    def __init__(self, pieces: Pieces, digest: str, code: grpc.StatusCode, less: int = 0) -> None:
        self._pieces, self._digest, self._code = pieces, digest, code
        self._bytes = sum(len(data) for _, data, _ in pieces) - less

    def ExportLedger(self, request: Any, context: Any) -> Iterator[wire.ExportLedgerResponse]:  # noqa: N802
        """Answer, and end as told."""
        yield wire.ExportLedgerResponse(summary=wire.ExportSummary(digest=self._digest, bytes=self._bytes))
        for path, data, last in self._pieces:
            yield wire.ExportLedgerResponse(pieces=[wire.ExportPiece(path=path, data=data, last=last)])
        if self._code is not grpc.StatusCode.OK:
            context.abort(self._code, "it ends")


@pytest.mark.parametrize(
    ("pieces", "code", "text"),
    [
        (WHOLE, "OK", ""),
        (WHOLE, "UNAVAILABLE", "it ends"),
        (WHOLE[:2], "OK", "0 of 1 files came: the folder is not whole"),
        (WHOLE[:1], "OK", "0 of 1 files came: the folder is not whole"),
        ([], "OK", "not the one that the log recorded"),
        ([*WHOLE, WHOLE[1]], "OK", "a/b came twice"),
        (WHOLE[1:], "OK", "'a/b' is not a file that MANIFEST names, which comes first"),
        ([*WHOLE[:1], ("c", b"", True)], "OK", "'c' is not a file that MANIFEST names"),
        ([*WHOLE[:1], ("a/b", b"bytez", True)], "OK", "a/b: its bytes are not those that MANIFEST names"),
        ([*WHOLE[:2], ("MANIFEST", b"", True)], "OK", "'a/b' is not whole, and 'MANIFEST' begins"),
        ([("MANIFEST", ESCAPING, True)], "OK", "is no SHA-256 and path inside the folder"),
        ([("MANIFEST", OUTSIDE, True)], "OK", "is no SHA-256 and path inside the folder"),
        ([("MANIFEST", b"", True)], "OK", "names no file"),
        ([("MANIFEST", ONE + b"\n", True)], "OK", "is no SHA-256 and path inside the folder"),
    ],
)
def test_only_a_whole_folder_is_kept(pieces: Pieces, code: str, text: str, tmp_path: Path) -> None:
    """Each file is one that the manifest names, with its bytes, inside the folder; else there is none."""
    given = next((data for name, data, _ in pieces if name == "MANIFEST"), b"")
    done = export(Hands(pieces, sha256(given).hexdigest(), grpc.StatusCode[code]), tmp_path)
    assert (done.exit_code, text in done.stderr) == (2 if text else 0, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ([] if text else ["e"])
    if not text:
        assert (tmp_path / "e" / "a" / "b").read_bytes() == b"bytes"


def test_the_manifest_is_the_one_on_record(tmp_path: Path) -> None:
    """A folder that holds together, but is not what the log says was disclosed, is refused."""
    done = export(Hands(WHOLE, "0" * 64, grpc.StatusCode.OK), tmp_path)
    assert (done.exit_code, "not the one that the log recorded" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_no_more_bytes_than_were_announced(tmp_path: Path) -> None:
    """Whoever hands out cannot fill the disk past what it said would come."""
    done = export(Hands(WHOLE, sha256(ONE).hexdigest(), grpc.StatusCode.OK, less=1), tmp_path)
    assert (done.exit_code, "more bytes came than it announced" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def export(hands: Hands, folder: Path) -> Any:
    """Serve, and export from there."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    adding: Any = ledger_pb2_grpc.add_LedgerServiceServicer_to_server
    adding(hands, server)
    server.start()
    try:
        given = ["ledger", "export", "--gateway", f"127.0.0.1:{port}", "--system", "s", "--out"]
        return CliRunner().invoke(app, [*given, str(folder / "e")])
    finally:
        server.stop(None)
