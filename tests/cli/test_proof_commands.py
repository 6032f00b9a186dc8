# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud ledger` over a signed log: checkpoint, receipts, verification with what was kept, and HTTP."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.recorded import LOG, ORIGIN, record
from ombud_cli.main import app
from ombud_ledger import Ledger, Options, keys, transparency
from ombud_ledger.hashing import leaf_hash

QUIET = Options(seal_automatically=False, publish_automatically=False)


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


class Signed:
    """A small ledger, signed, and its public key."""

    def __init__(self, root: Path) -> None:
        self.path = root / "ledger"
        record(self.path)
        self._key = keys.SigningKey.from_seed(ORIGIN, bytes(range(32)))
        self.vkey = str(self._key.key)
        self.grow(0)

    def open(self) -> Ledger:
        """Open it for writing."""
        return Ledger.open(self.path, log=LOG, origin=ORIGIN, options=QUIET, signers=[self._key])

    def grow(self, labels: int) -> None:
        """Append labels, with a boot and a close around them, and publish."""
        ledger = self.open()
        for _ in range(labels):
            ledger.append_blocking("label", {"id": "more"})
        ledger.close()

    @property
    def checkpoint(self) -> Path:
        """The published checkpoint."""
        return self.path / "logs" / LOG / "pub/checkpoint"


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    """A ledger signed from now on."""
    return Signed(tmp_path)


def test_the_checkpoint_is_printed_as_it_is(signed: Signed) -> None:
    """What is printed is the note, to the byte; an unsigned ledger has none, and that is said."""
    done = ombud("ledger", "checkpoint", signed.path)
    assert done.stdout.encode() == signed.checkpoint.read_bytes()
    signed.checkpoint.unlink()
    done = ombud("ledger", "checkpoint", signed.path)
    assert done.exit_code == 2
    assert "has published no checkpoint" in done.stderr


def test_a_receipt_goes_its_own_way(signed: Signed, tmp_path: Path) -> None:
    """A receipt verifies without the ledger, also once the ledger has gone on or is gone."""
    done = ombud("ledger", "prove", "d1", signed.path, "--dir", tmp_path)
    assert (done.exit_code, done.stdout.split()) == (0, [str(tmp_path / "d1.tlog-proof")])
    signed.grow(3)
    shutil.rmtree(signed.path)
    file = tmp_path / "d1.tlog-proof"
    assert file.read_bytes().startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    held = ombud("ledger", "verify-receipt", file, "--vkey", signed.vkey, "--json")
    assert held.exit_code == 0
    proven = json.loads(held.stdout)
    assert (proven["origin"], proven["entry"], json.loads(proven["record"])["id"]) == (ORIGIN, 1, "d1")
    assert "it holds" in ombud("ledger", "verify-receipt", file, "--vkey", signed.vkey).stdout


def test_a_receipt_that_does_not_hold(signed: Signed, tmp_path: Path) -> None:
    """Another record or another key: exit code 1. Not a receipt, not a key: 2."""
    ombud("ledger", "prove", "d1", signed.path, "--dir", tmp_path)
    file = tmp_path / "d1.tlog-proof"
    receipt = transparency.parse_receipt(file.read_bytes())
    (tmp_path / "record").write_bytes(receipt.extra or b"")
    check = ("ledger", "verify-receipt", file, "--vkey")
    assert ombud(*check, signed.vkey, "--record", tmp_path / "record").exit_code == 0
    (tmp_path / "record").write_bytes((receipt.extra or b"").replace(b"allow", b"deny"))
    other = ombud(*check, signed.vkey, "--record", tmp_path / "record")
    assert other.exit_code == 1
    assert "does not lead to the root" in other.stderr
    stranger = str(keys.SigningKey.from_seed(ORIGIN, bytes(32)).key)
    unknown = ombud(*check, stranger)
    assert unknown.exit_code == 1
    assert "no known key signed it" in unknown.stderr
    assert ombud(*check, stranger, "--vkey", signed.vkey).exit_code == 0
    assert ombud(*check, "nonsense").exit_code == 2
    file.write_bytes(file.read_bytes() + b"\n")
    assert ombud(*check, signed.vkey).exit_code == 2
    assert ombud("ledger", "verify-receipt", tmp_path / "none", "--vkey", signed.vkey).exit_code == 2


def test_what_has_no_receipt(signed: Signed, tmp_path: Path) -> None:
    """A call in two parts has two receipts; an unknown id none; nor has one that no checkpoint covers yet."""
    done = ombud("ledger", "prove", "d5", signed.path, "--dir", tmp_path)
    names = [Path(line).name for line in done.stdout.split()]
    assert names == ["d5.intent.tlog-proof", "d5.outcome.tlog-proof"]
    assert ombud("ledger", "prove", "none", signed.path).exit_code == 1
    ledger = signed.open()
    ledger.append_blocking("decision", {"id": "d9"})
    early = ombud("ledger", "prove", "d9", signed.path, "--dir", tmp_path)
    assert early.exit_code == 1
    assert "the newest checkpoint covers" in early.stderr
    ledger.publish()
    assert ombud("ledger", "prove", "d9", signed.path, "--dir", tmp_path).exit_code == 0
    ledger.close()


def test_verify_with_what_was_kept(signed: Signed, tmp_path: Path) -> None:
    """With a key and a checkpoint kept from earlier, a ledger passes exactly while it extends that."""
    kept = tmp_path / "kept"
    kept.write_text(ombud("ledger", "checkpoint", signed.path).stdout)
    signed.grow(2)
    check = ("ledger", "verify", signed.path, "--vkey", signed.vkey, "--from-checkpoint", kept)
    done = ombud(*check)
    assert done.exit_code == 0
    assert "nothing kept" not in done.stdout
    assert "signed by" in done.stdout
    newer = tmp_path / "newer"
    shutil.copyfile(signed.checkpoint, newer)
    shutil.rmtree(signed.path)
    record(signed.path)
    again = ombud("ledger", "verify", signed.path, "--from-checkpoint", newer, "-o", "json")
    assert again.exit_code == 1
    assert "the checkpoint demanded" in again.stdout
    assert ombud("ledger", "verify", signed.path, "--from-checkpoint", tmp_path / "none").exit_code == 2
    assert ombud("ledger", "verify", signed.path, "--vkey", "nonsense").exit_code == 2
    assert ombud("ledger", "verify", signed.path, "--vkey", signed.vkey).exit_code == 3


def test_verify_remembers_if_asked(signed: Signed, tmp_path: Path) -> None:
    """With --remember the last checkpoint seen is demanded next time, and never replaced by an older one."""
    memory = tmp_path / "memory.json"
    check = ("ledger", "verify", signed.path, "--remember", memory)
    assert ombud(*check).exit_code == 0
    older = signed.checkpoint.read_bytes()
    assert json.loads(memory.read_text()) == {ORIGIN: older.decode()}
    signed.grow(2)
    assert ombud(*check).exit_code == 0
    newest = signed.checkpoint.read_text()
    assert json.loads(memory.read_text()) == {ORIGIN: newest}
    signed.checkpoint.write_bytes(older)
    assert ombud(*check).exit_code == 0
    assert json.loads(memory.read_text()) == {ORIGIN: newest}
    shutil.rmtree(signed.path)
    record(signed.path)
    assert ombud(*check).exit_code == 1
    assert json.loads(memory.read_text()) == {ORIGIN: newest}
    memory.write_text("[]")
    assert ombud(*check).exit_code == 2


def test_the_sql_is_printed(signed: Signed) -> None:
    """--sql prints the statements for chain, root and projection, and nothing is checked."""
    done = ombud("ledger", "verify", signed.path, "--sql")
    assert done.exit_code == 0
    assert [done.stdout.count(word) for word in ("), hashed AS", "WITH RECURSIVE", "AS drifted")] == [1, 1, 1]


@contextmanager
def served(path: Path, log: str | None = None) -> Iterator[http.client.HTTPConnection]:
    """Serve a ledger for the length of a with block."""
    with transparency.TileServer(path, ("127.0.0.1", 0), log) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
        try:
            yield connection
        finally:
            connection.close()
            server.shutdown()
            thread.join()


def fetch(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> tuple[int, bytes, str]:
    """Return status, body and caching of one request."""
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers.get("Cache-Control", "")


def test_an_auditors_tools_read_it_over_http(signed: Signed) -> None:
    """Checkpoint, tiles and bundles are served; from them alone the root can be computed."""
    signed.grow(300)
    with served(signed.path) as connection:
        status, note, caching = fetch(connection, f"/{LOG}/checkpoint")
        assert (status, note, caching) == (200, signed.checkpoint.read_bytes(), "no-cache")
        size = transparency.parse_checkpoint(note).checkpoint.size
        leaves = b""
        for number, width in ((0, ""), (1, f".p/{size - 256}")):
            status, tile, caching = fetch(connection, f"/{LOG}/tile/0/{number:03d}{width}")
            assert (status, "immutable" in caching) == (200, True)
            status, bundle, _ = fetch(connection, f"/{LOG}/tile/entries/{number:03d}{width}")
            assert status == 200
            hashes = b""
            while bundle:
                length = int.from_bytes(bundle[:2], "big")
                hashes += leaf_hash(bundle[2 : 2 + length])
                bundle = bundle[2 + length :]
            assert hashes == tile
            leaves += tile
        assert len(leaves) == 32 * size
        assert fetch(connection, f"/{LOG}/tile/1/000.p/1", "HEAD")[:2] == (200, b"")


def test_nothing_else_is_served(signed: Signed) -> None:
    """No other path, log, method, or tile past the checkpoint gets anything."""
    with served(signed.path) as connection:
        for path in (
            "/",
            f"/{LOG}",
            f"/{LOG}/",
            f"/{LOG}/LOCK",
            f"/{LOG}/../../{LOG}/checkpoint",
            f"/{LOG}/%63heckpoint",
            f"/{LOG}/checkpoint?x",
            f"/{LOG}/checkpoints",
            f"/../{LOG}/checkpoint",
            "/other/checkpoint",
            f"/{LOG}/tile/0/000",
            f"/{LOG}/tile/0/000.p/255",
            f"/{LOG}/tile/0/999",
            f"/{LOG}/tile/entries/000",
            f"/{LOG}/tile/0/" + "x000/" * 1_000 + "000",
        ):
            assert fetch(connection, path)[:2] == (404, b""), path
        assert fetch(connection, f"/{LOG}/checkpoint", "POST")[0] == 501
    with served(signed.path, "other") as connection:
        assert fetch(connection, f"/{LOG}/checkpoint")[0] == 404


def test_serving_beyond_this_host_is_asked_for(signed: Signed) -> None:
    """Beyond loopback, or where nothing is, or what is no address: refused, and it is said why."""
    for arguments, why in (
        ((signed.path, "--listen", "0.0.0.0:0"), "--plaintext"),
        ((signed.path, "--listen", "8090"), "must be HOST:PORT"),
        ((signed.path.parent / "none",), "holds no ledger"),
    ):
        done = ombud("ledger", "serve", *arguments)
        assert done.exit_code == 2
        assert why in done.stderr
