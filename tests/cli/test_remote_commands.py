# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger on other storage, by command line and by a gateway that keeps it there."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.recorded import LOG, record
from cli.recorded import ORIGIN as OF_RECORDED
from cli.test_publishing import NOBODY, configure, get
from governed import deploy
from ledger import samples, storage
from ombud_cli.config import check
from ombud_cli.main import app
from ombud_cli.wiring import serving
from ombud_gateway.config import load_config
from ombud_gateway.problems import ConfigInvalid
from ombud_ledger import Ledger, LedgerLocked, keys, query_apart, verify
from ombud_ledger.remote import RemoteAddress, Thinned

ORIGIN = "acme.example/test/r0"
SQL = "SELECT log, seq, id, kind FROM entries ORDER BY ALL"


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_push_and_read(tmp_path: Path, s3_port: int) -> None:
    """What `push` sends verifies, is queried and sampled there as here; a second push has little to do."""
    root = tmp_path / "ledger"
    record(root)
    url = f"s3://{storage.BUCKET}/by-hand"
    reach = [
        f"--endpoint=http://127.0.0.1:{s3_port}",
        f"--credentials-file={storage.write_key(tmp_path / 's3.ini')}",
    ]
    pushed = ombud("ledger", "push", root, "--to", url, "-o", "json", *reach)
    assert pushed.exit_code == 0, pushed.output
    (told,) = json.loads(pushed.stdout)
    assert (told["log"], told["restored"], told["absent"]) == (LOG, [], [])
    for here, there in (
        (["ledger", "verify", root, "-o", "json"], ["ledger", "verify", url, "-o", "json", *reach]),
        (["query", root, SQL, "-o", "json"], ["query", url, SQL, "-o", "json", *reach]),
        (
            ["ledger", "sample", root, "--seed", "s", "-n", "3", "-o", "json"],
            ["ledger", "sample", url, "--seed", "s", "-n", "3", "-o", "json", *reach],
        ),
    ):
        expected, found = ombud(*here), ombud(*there)
        assert expected.exit_code == 0, expected.output
        assert (found.exit_code, found.stdout) == (0, expected.stdout)
    again = ombud("ledger", "push", root, "--to", url, "--check", *reach)
    assert again.stdout.split()[-8:] == [
        LOG,
        str(told["entries"]),
        "0",
        "1",
        again.stdout.split()[-4],
        "0",
        "0",
        "0",
    ]


def test_a_place_that_contradicts_the_ledger_is_a_no(tmp_path: Path) -> None:
    """Other bytes under a name of this ledger end `push` with 1, and the name is told."""
    root, place = tmp_path / "ledger", RemoteAddress(f"file://{tmp_path}/remote")
    record(root)
    assert ombud("ledger", "seal", root).exit_code == 0
    (sealed,) = (root / "logs" / LOG / "entries").glob("*")
    storage.write(place, f"logs/{LOG}/entries/{sealed.name}", b"of somebody else")
    refused = ombud("ledger", "push", root, "--to", place.url)
    assert refused.exit_code == 1
    assert f"logs/{LOG}/entries/{sealed.name}" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["ledger", "push", "x", "--to", "bucket"], "--to: url: is 'bucket', must begin with s3://"),
        (["ledger", "verify", "http://x"], "PATH: url: is 'http://x', must begin with s3://"),
        (
            ["query", "s3://audit/x", "SELECT 1", "--endpoint", "http://10.0.0.1"],
            "beyond this host use https",
        ),
        (["query", "s3://audit/x", "SELECT 1", "--endpoint", "http://127.0.0.1:9"], "cannot list logs"),
        (["query", "s3://audit/x", "SELECT 1", "--credentials-file", "/none"], "/none: cannot be read"),
    ],
)
def test_bad_places_are_named(arguments: list[str], what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be a place, or be reached, is one line and exit code 2."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    refused = ombud(*arguments)
    assert refused.exit_code == 2
    assert what in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_gateway_keeps_its_ledger_there(tmp_path: Path, s3_port: int) -> None:
    """While it serves and once more when it ends; how far behind it is, and whether it fails, are gauges."""
    made = deploy(tmp_path / "gateway", port=0, upstream=NOBODY)
    folder = made.config.parent
    file = keys.new_key_file(ORIGIN, None)
    keys.create_key_file(folder / "signing.key", file)
    storage.write_key(folder / "s3.ini")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        page = probe.getsockname()[1]
    configure(made, 'signing_key = "signing.key"\n')
    text = made.config.read_text().replace("[telemetry]\n", f'[telemetry]\nprometheus = "127.0.0.1:{page}"\n')
    made.config.write_text(
        f'{text}\n[ledger.remote]\nurl = "s3://{storage.BUCKET}/gateway"\n'
        f'endpoint = "http://127.0.0.1:{s3_port}"\ncredentials_file = "s3.ini"\n'
    )
    about, problems, _ = check(made.config)
    assert (about["copied to"], problems) == (f"s3://{storage.BUCKET}/gateway", [])
    config = load_config(made.config)
    assert config.ledger.remote is not None
    place = config.ledger.remote.address

    async def run() -> tuple[int, str]:
        async with serving(config) as gateway:
            metrics = await asyncio.to_thread(get, page, "/metrics")
            with pytest.raises(LedgerLocked):
                gateway.ledger.open(config.ledger.path, log="r0-0", origin=ORIGIN)
        return gateway.ledger.size, metrics[1].decode()

    size, metrics = asyncio.run(run())
    account = verify(place, vkeys=[str(key) for key in file.vkeys])
    assert (account.exit_code, account.logs[0].size, account.logs[0].covered) == (0, size, size)
    assert "ombud_remote_lag_entries " in metrics
    assert "ombud_remote_failing 0" in metrics
    (folder / "s3.ini").chmod(0o644)
    assert ["ledger.remote.credentials_file: " in problem for problem in check(made.config)[1]] == [True]


def test_what_a_folder_let_go_is_read_by_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `--remote`, or by the configuration that names the ledger; a bare folder says what is wanting."""
    root, there = tmp_path / "ledger", f"file://{tmp_path}/remote"
    record(root)
    for number in (1, 2):
        with closing(Ledger.open(root, log=LOG, origin=OF_RECORDED)) as ledger:
            ledger.append_blocking("decision", samples.decision(number))
            ledger.seal_blocking()
    whole = ombud("query", root, SQL, "-o", "json")
    head = ombud("ledger", "head", root)
    pushed = ombud("ledger", "push", root, "--to", there, "--keep-local", "0h", "-o", "json")
    assert json.loads(pushed.stdout)[0]["thinned"] > 0, pushed.output
    wanted = f"lies at {there} alone: say how that is reached, by --remote {there}"
    for command in (["ledger", "verify", root], ["query", root, SQL], ["decision", "show", "d1", root]):
        refused = ombud(*command)
        assert (refused.exit_code, wanted in refused.output) == (2, True), refused.output
    assert ombud("ledger", "verify", root, "--remote", there).exit_code == 0
    assert ombud("query", root, SQL, "-o", "json", "--remote", there).stdout == whole.stdout
    both = ombud("ledger", "verify", there, "--remote", there)
    assert (both.exit_code, "--remote: must go with a folder" in both.output) == (2, True)
    refused = ombud("ledger", "push", root, "--to", there, "--keep-local", "soon")
    assert (refused.exit_code, "--keep-local: is 'soon', must be a whole" in refused.output) == (2, True)
    made = deploy(tmp_path / "gateway", port=0, upstream=NOBODY)
    text = made.config.read_text().replace('path = "ledger"', f'path = "{root}"')
    made.config.write_text(f'{text}\n[ledger.remote]\nurl = "{there}"\n')
    monkeypatch.chdir(made.config.parent)
    assert ombud("query", root, SQL, "-o", "json").stdout == whole.stdout
    assert ombud("ledger", "head", root).stdout == head.stdout
    page = tmp_path / "reports" / "operations-credit.html"
    for command in (
        ["ledger", "verify", root],
        ["decision", "show", "d1", root],
        ["decision", "trace", "loan-1", root],
        ["ledger", "holds", root],
        ["ledger", "prune", root, "--dry-run"],
        ["ledger", "sample", root, "--seed", "s", "-n", "2"],
        ["ledger", "hold", root, "--system", "credit", "--reason", "case 1"],
        ["ledger", "release", root, "--system", "credit", "--reason", "case 1"],
        ["ledger", "export", root, "--system", "credit", "--out", tmp_path / "evidence"],
        ["report", "operations", root, "--system", "credit", "--out", tmp_path / "reports"],
        ["report", "release", page, root, "--by", "Ada", "--function", "Head of credit"],
        ["report", "verify", page, root],
        ["ledger", "seal", root],
        ["ledger", "verify", tmp_path / "evidence"],
        ["ledger", "verify", root],
    ):
        done = ombud(*command)
        assert done.exit_code == 0, (command, done.output)


def test_a_gateway_lets_go_and_serves_on(tmp_path: Path, s3_port: int) -> None:
    """By `keep_local` old segments are on the storage alone; a gateway opens, answers and stops as before."""
    made = deploy(tmp_path / "gateway", port=0, upstream=NOBODY)
    folder = made.config.parent
    file = keys.new_key_file(ORIGIN, None)
    keys.create_key_file(folder / "signing.key", file)
    storage.write_key(folder / "s3.ini")
    configure(made, 'signing_key = "signing.key"\n')
    made.config.write_text(
        f'{made.config.read_text()}\n[ledger.remote]\nurl = "s3://{storage.BUCKET}/alone"\n'
        f'endpoint = "http://127.0.0.1:{s3_port}"\ncredentials_file = "s3.ini"\nkeep_local = "0h"\n'
    )
    config = load_config(made.config)
    assert config.ledger.remote is not None

    async def run(number: int) -> tuple[list[tuple[object, ...]], bytes]:
        async with serving(config) as gateway:
            for _ in range(2):
                await gateway.ledger.append("decision", samples.decision(number))
                await gateway.ledger.seal()
            question = query_apart.Question("SELECT count(*) FROM decisions")
            answer = query_apart.answer(gateway.ledger.place, question, query_apart.Limits())
            rows = query_apart.rows(b"".join([piece async for piece in answer]))
            return rows, gateway.ledger.entry(0)[1]

    for number in (1, 2):
        rows, genesis = asyncio.run(run(number))
        assert (rows, b'"kind":"genesis"' in genesis) == ([(2 * number,)], True)
        place = Thinned(config.ledger.path, config.ledger.remote.address)
        entries = config.ledger.path / "logs" / "r0-0" / "entries"
        assert [len(list(entries.glob(f"*.{kind}"))) for kind in ("parquet", "away")] == [1, 2 * number - 1]
        account = verify(place, vkeys=[str(key) for key in file.vkeys])
        assert [str(each) for each in account.all_findings()] == []


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ('url = "s3://x:secret@b/p"', "no user, password"),
        ('url = "ftp://b/p"', "must begin with s3://"),
        ('url = "s3://bucket/p"\nendpoint = "http://10.0.0.1"', "beyond this host use https"),
        ('url = "s3://bucket/p"\nsecret_key = "x"', "secret_key"),
        ('url = "s3://bucket/p"\nseconds = 0', "seconds"),
        ('url = "s3://bucket/p"\nkeep_local = "1w"', "keep_local.*must be a whole number and h"),
    ],
)
def test_what_is_configured_wrong_is_named(tmp_path: Path, lines: str, what: str) -> None:
    """An address that is none, a secret in the file, or a pace out of bounds: the field is named."""
    made = deploy(tmp_path / "gateway", port=0, upstream=NOBODY)
    with made.config.open("a") as config:
        config.write(f"\n[ledger.remote]\n{lines}\n")
    with pytest.raises(ConfigInvalid, match=what) as refused:
        load_config(made.config)
    assert "ledger.remote" in str(refused.value)
    assert ":secret@" not in str(refused.value)
