# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A real S3 server in a process of its own, and what tests do at a remote place behind the ledger's back."""

import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from pyarrow import fs

from ombud_ledger.remote import RemoteAddress

BUCKET = "audit"


@contextmanager
def serving_s3(port: int = 0) -> Iterator[int]:
    """Serve S3 on loopback; yield the port. Any key is as good as another."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if match := re.search(rb"Running on http://127\.0\.0\.1:(\d+)", line):
                    break
            else:
                raise AssertionError("the S3 server ended")
            reader = threading.Thread(target=server.stderr.read)  # its log, or it would wait for a reader
            reader.start()
            make_bucket(int(match[1]))
            yield int(match[1])
        finally:
            server.terminate()
            server.wait()
            reader.join()


def make_bucket(port: int) -> None:
    """Make the bucket."""
    ask(port, "PUT", f"/{BUCKET}")


@contextmanager
def demanding_keys(port: int) -> Iterator[tuple[str, str]]:
    """Have the server demand a key that it made; yield the only one."""
    key = make_key(port)
    ask(port, "POST", "/moto-api/reset-auth", "0")
    try:
        yield key
    finally:
        ask(port, "POST", "/moto-api/reset-auth", "inf")


def ask(port: int, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> str:
    """Ask the server; return what it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    answer = response.read().decode()
    assert response.status == 200, answer
    connection.close()
    return answer


def make_key(port: int) -> tuple[str, str]:
    """Make a user that may do all with S3; return its access key."""
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    answer = ""
    for action, more in (
        ("CreateUser", {}),
        ("PutUserPolicy", {"PolicyName": "all", "PolicyDocument": policy}),
        ("CreateAccessKey", {}),
    ):
        body = urlencode({"Action": action, "Version": "2010-05-08", "UserName": "ombud", **more})
        headers = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = ask(port, "POST", "/", body, headers)
    found = [re.search(rf"<{name}>(.*?)</{name}>", answer) for name in ("AccessKeyId", "SecretAccessKey")]
    assert found[0]
    assert found[1]
    return found[0][1], found[1][1]


def write_key(path: Path, access_key: str = "anybody", secret_key: str = "anything") -> Path:  # noqa: S107
    """Write a credentials file."""
    path.write_text(f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n")
    path.chmod(0o600)
    return path


def address_at(port: int, folder: Path, prefix: str = "prod", **how: str) -> RemoteAddress:
    """Return an address on the S3 server; the credentials file lies in the folder."""
    key = write_key(folder / "s3.ini", **how)
    return RemoteAddress(f"s3://{BUCKET}/{prefix}", f"http://127.0.0.1:{port}", credentials_file=key)


def bare(address: RemoteAddress) -> fs.FileSystem:
    """Return the files of an address as anybody has them who may write there."""
    if not address.on_s3:
        return fs.SubTreeFileSystem(address.base, fs.LocalFileSystem())
    server = fs.S3FileSystem(
        access_key="x",
        secret_key="x",
        endpoint_override=str(address.endpoint).removeprefix("http://"),
        scheme="http",
        region="us-east-1",
    )
    return fs.SubTreeFileSystem(address.base, server)


def names(address: RemoteAddress) -> list[str]:
    """Return every name there."""
    infos = bare(address).get_file_info(fs.FileSelector("", recursive=True, allow_not_found=True))
    return sorted(info.path for info in infos if info.type == fs.FileType.File)


def read(address: RemoteAddress, name: str) -> bytes:
    """Return what is there under a name."""
    with bare(address).open_input_stream(name) as file:
        return bytes(file.read())


def write(address: RemoteAddress, name: str, data: bytes) -> None:
    """Put other bytes there."""
    if not address.on_s3:
        (Path(address.base) / name).parent.mkdir(parents=True, exist_ok=True)
    with bare(address).open_output_stream(name) as file:
        file.write(data)
