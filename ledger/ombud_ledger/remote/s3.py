# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""S3-compatible storage by Arrow's client: opening it, and the file its credentials may come from."""

import configparser
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ombud_ledger.errors import KeyUnusable
from ombud_ledger.remote.address import RemoteAddress

_MOST_BYTES: Final = 65_536
_ATTEMPTS: Final = 3  # within one request; rounds that fail are done again by whoever asked


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; `repr` shows none of it."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed."""
        return tuple(filter(None, (self.access_key, self.secret_key, self.session_token)))


def read_credentials(path: Path) -> Credentials:
    """Read a file as AWS tools write it, its section `[default]`. Raises KeyUnusable, naming no value."""
    try:
        handle = os.open(path, os.O_RDONLY)
        with os.fdopen(handle, "rb") as file:
            mode = stat.S_IMODE(os.fstat(handle).st_mode)
            if mode & 0o077:
                raise KeyUnusable(f"{path}: is readable to others (mode {mode:04o}), must be 0600")
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise KeyUnusable(f"{path}: cannot be read: {error.strerror}") from error
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if len(data) > _MOST_BYTES:
            raise KeyUnusable(f"{path}: has more than {_MOST_BYTES} bytes")
        parser.read_string(data.decode())
        section = parser["default"]
        token = section.get("aws_session_token")
        return Credentials(section["aws_access_key_id"], section["aws_secret_access_key"], token)
    except (configparser.Error, KeyError, UnicodeDecodeError):
        what = "must have a section [default] with aws_access_key_id and aws_secret_access_key"
        raise KeyUnusable(f"{path}: {what}") from None  # the cause would show the file's lines


def open_s3(address: RemoteAddress, credentials: Credentials | None) -> Any:
    """Return Arrow's filesystem. Nothing is asked of the server yet. Raises OSError, pa.ArrowException.

    Without credentials of ours the client looks where all AWS tools do: environment, profile, instance role.
    """
    from pyarrow import fs

    options: dict[str, Any] = {}
    if address.endpoint is not None:
        parts = urlsplit(address.endpoint)
        options |= {"scheme": parts.scheme, "endpoint_override": parts.netloc}
    if address.region is not None:
        options["region"] = address.region
    elif address.endpoint is not None:
        options["region"] = "us-east-1"  # what servers of one region answer to; else the client would ask AWS
    if credentials is not None:
        options |= {
            "access_key": credentials.access_key,
            "secret_key": credentials.secret_key,
            "session_token": credentials.session_token,
        }
    return fs.S3FileSystem(
        **options,
        # A small file is then one PUT, whole or not there; a large one is parts, joined when all have come.
        allow_delayed_open=True,
        background_writes=False,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )
