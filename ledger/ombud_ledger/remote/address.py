# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Where a remote ledger lies, and with what it is reached; plain values that hold no secret."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PART: Final = re.compile(r"[A-Za-z0-9!_.*'()=-]{1,255}")
_SCHEMES: Final = ("s3", "file")


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """An `s3://bucket/prefix`, or a `file:///folder`, as of a mounted disk. Raises ValueError.

    `endpoint` is the http(s) address of an S3-compatible server, without it the region's own is asked.
    Credentials come from `credentials_file`, or from where the storage's own tools look for them.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    credentials_file: Path | None = None
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _SCHEMES:
            raise ValueError(f"url: is {self.url[:80]!r}, must begin with s3:// or file:///")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("url: must have no user, password, query or fragment; credentials have a file")
        if parts.scheme == "file":
            self._check_folder(parts.netloc)
        elif not _BUCKET.fullmatch(parts.netloc):
            raise ValueError(f"url: {parts.netloc[:80]!r} is no bucket, must be s3://BUCKET/PREFIX")
        elif not all(_PART.fullmatch(part) and part not in (".", "..") for part in self._prefix()):
            raise ValueError(f"url: {parts.path[:80]!r} is no prefix, must be names with / between")
        if self.endpoint is not None:
            self._check_endpoint(self.endpoint)

    @property
    def on_s3(self) -> bool:
        """Whether it is a bucket's, not a folder."""
        return self.url.startswith("s3:")

    @property
    def base(self) -> str:
        """The bucket with its prefix, or the folder: what every name is under."""
        parts = urlsplit(self.url)
        if not self.on_s3:
            return str(PurePosixPath(unquote(parts.path)))
        return "/".join([parts.netloc, *self._prefix()])

    def __str__(self) -> str:
        return self.url

    def _prefix(self) -> list[str]:
        path = urlsplit(self.url).path.strip("/")
        return path.split("/") if path else []

    def _check_folder(self, host: str) -> None:
        if host or not urlsplit(self.url).path.startswith("/"):
            raise ValueError(f"url: is {self.url[:80]!r}, must be file:/// and the folder's absolute path")
        if self.endpoint or self.region or self.credentials_file:
            raise ValueError("endpoint, region, credentials_file: a folder has none of them")

    def _check_endpoint(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"endpoint: is {endpoint[:80]!r}, must be https://HOST or https://HOST:PORT")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("endpoint: must have no user, password, query or fragment")
        if parts.scheme == "http" and not self.allow_plaintext and not _is_loopback(parts.hostname):
            raise ValueError(
                f"endpoint: is {endpoint!r}: beyond this host use https, or allow plaintext; what is stored"
                " would be readable to the network between"
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
