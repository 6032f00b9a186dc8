# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud witness`, and the key it needs: a real process that answers, is killed, and remembers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ledger import samples
from ledger.witnessed import NAME, OTHER_KEY, Log, ask, size_of
from ombud_cli.main import app
from ombud_ledger import keys, transparency
from ombud_ledger.tlog.note import parse_signatures


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@contextmanager
def witness(*arguments: object) -> Iterator[int]:
    """Run `ombud witness serve` as a process; yield its port; kill it."""
    command = [sys.executable, "-m", "ombud_cli", "witness", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert " on 127.0.0.1:" in line, line + process.stderr.read()
            yield int(line.rsplit(":", 1)[1])
        finally:
            process.kill()


def test_a_witness_remembers_when_killed(tmp_path: Path) -> None:
    """What was cosigned before the kill binds after it."""
    file, state = tmp_path / "witness.key", tmp_path / "state"
    vkey = ombud("key", "init", file, "--witness", NAME, "--unencrypted").stdout.strip()
    key = transparency.parse_vkey(vkey, kind=transparency.COSIGNATURE)
    log = Log(tmp_path / "log")
    log.grow(5)
    request = log.request(0)
    options = ("--state", state, "--key", file, "--log", samples.KEY.key)
    with witness(*options) as port:
        status, _, body = ask(port, "POST", "/add-checkpoint", request.to_bytes())
    assert status == 200
    (line,) = parse_signatures(body.decode())
    key.verify(transparency.parse_checkpoint(request.checkpoint).note.text.encode(), line.blob)
    with witness(*options) as port:
        status, _, body = ask(port, "POST", "/add-checkpoint", request.to_bytes())
    assert (status, body) == (409, b"%d\n" % size_of(request.checkpoint))
    log.ledger.close()


def test_a_receipt_with_a_cosignature(tmp_path: Path) -> None:
    """Of two witnesses one is dead: the receipt holds for who demands the other, or one of the two."""
    file = tmp_path / "witness.key"
    vkey = ombud("key", "init", file, "--witness", NAME, "--unencrypted").stdout.strip()
    key = transparency.parse_vkey(vkey, kind=transparency.COSIGNATURE)
    dead = transparency.WitnessAddress("http://127.0.0.1:9/prefix", OTHER_KEY.key)
    with witness("--state", tmp_path / "state", "--key", file, "--log", samples.KEY.key) as port:
        alive = transparency.WitnessAddress(f"http://127.0.0.1:{port}", key)
        log = Log(tmp_path / "log", transparency.Witnesses((alive, dead), 1))
        log.grow(5)
        log.ledger.close()
    assert ombud("ledger", "prove", "d-3", tmp_path / "log", "--dir", tmp_path).exit_code == 0
    check = ("ledger", "verify-receipt", tmp_path / "d-3.tlog-proof", "--vkey", samples.KEY.key)
    for options, code, why in (
        ((), 0, "under a checkpoint that the key signed\n"),
        (("--witness", vkey), 0, "1 of the witnesses cosigned"),
        (("--witness", vkey, "--witness", OTHER_KEY.key, "--quorum", 1), 0, f"{NAME} at 20"),
        (("--witness", vkey, "--witness", OTHER_KEY.key), 1, "1 of the witnesses cosigned it"),
        (("--witness", OTHER_KEY.key), 1, "0 of the witnesses cosigned it (none); 1 must have"),
        (("--witness", vkey, "--quorum", 2), 2, "--quorum: is 2"),
        (("--witness", samples.KEY.key), 2, "type 0x01 is not known here, only 0x04"),
    ):
        done = ombud(*check, *options)
        assert (done.exit_code, why in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    shown = json.loads(ombud(*check, "--witness", vkey, "--json").stdout)
    assert list(shown["cosigned"]) == [NAME]


def test_a_witness_has_a_key_of_its_own_kind(tmp_path: Path) -> None:
    """Init makes it, rotate keeps its kind, show prints it; it cannot be a log's as well."""
    file, secret = tmp_path / "witness.key", tmp_path / "secret"
    secret.write_text("correct horse\n")
    made = ombud("key", "init", file, "--witness", NAME, "--passphrase-file", secret)
    assert made.stdout.startswith(f"{NAME}+")
    rotated = ombud("key", "rotate", file, "--passphrase-file", secret)
    assert ombud("key", "show", file).stdout == made.stdout + rotated.stdout
    assert {key.kind for key in keys.read_key_file(file).vkeys} == {keys.COSIGNATURE}
    both = ombud(
        "key", "init", tmp_path / "k", "--witness", NAME, "--origin", samples.ORIGIN, "--unencrypted"
    )
    assert (both.exit_code, "must not be given with --origin" in both.stderr) == (2, True)
    assert not (tmp_path / "k").exists()
    options = ("witness", "serve", "--state", tmp_path / "state", "--key", file, "--log", samples.KEY.key)
    refused = ombud(*options)
    assert (refused.exit_code, "give --passphrase-file" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"--listen": "0.0.0.0:1"}, "is beyond this host"),
        ({"--listen": "here"}, "must be HOST:PORT"),
        ({"--key": "none.key"}, "cannot be read"),
        ({"--key": "log.key"}, "is no witness's"),
        ({"--log": "x"}, "must be NAME+KEYID+KEY"),
        ({"--log": "witness"}, "type 0x04 is not known here, only 0x01"),
        ({"--state": "log.key/state"}, "--state: "),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, change: dict[str, str], why: str) -> None:
    """Each option that is wrong is named before anything listens."""
    vkey = ombud("key", "init", tmp_path / "witness.key", "--witness", NAME, "--unencrypted").stdout.strip()
    ombud("key", "init", tmp_path / "log.key", "--origin", samples.ORIGIN, "--unencrypted")
    options = {"--state": "state", "--key": "witness.key", "--log": str(samples.KEY.key)} | change
    for name in ("--state", "--key"):
        options[name] = str(tmp_path / options[name])
    if options["--log"] == "witness":
        options["--log"] = vkey
    done = ombud("witness", "serve", *(part for pair in options.items() for part in pair))
    assert (done.exit_code, why in done.stderr) == (2, True), done.stderr
