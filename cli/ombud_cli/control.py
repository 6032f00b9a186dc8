# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The control client: one authenticated call of a running gateway's own services, and what its refusals mean.

A token comes from a file or the environment, never from the command line, where other users could read it.
It goes over TLS, or in plaintext to this host only, unless the caller says otherwise.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from ombud_cli.bounded import read_bounded
from ombud_cli.failure import Exit, Failure, unusable

TOKEN_VARIABLE = "OMBUD_TOKEN"  # noqa: S105 - the name of a variable
_SECONDS = 30.0
_LARGEST_REPLY = 320 << 20
_TOKEN = re.compile(r"[!-~]{1,4096}")
_ANSWERS = {"PERMISSION_DENIED", "FAILED_PRECONDITION", "NOT_FOUND", "ABORTED", "ALREADY_EXISTS"}
_DECISION_ID = "ombud-decision-id"


@dataclass(frozen=True, slots=True)
class Control:
    """A gateway to ask: its address, who asks, and whom to trust."""

    gateway: str
    token: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    plaintext: bool = False

    def ask(self, stub: Any, method: str, request: Any, *, seconds: float = _SECONDS) -> Any:
        """Call one method of a generated stub class; raise `Failure` with the gateway's refusal as text."""
        with self.channel() as channel:
            try:
                return getattr(stub(channel), method)(request, timeout=seconds, metadata=self.metadata())
            except grpc.RpcError as error:
                raise refused(self.gateway, error) from error

    def listen(self, stub: Any, method: str, request: Any, *, seconds: float) -> Iterator[Any]:
        """Yield what one method of a generated stub class answers; raise `Failure` with a refusal as text."""
        with self.channel() as channel:
            try:
                yield from getattr(stub(channel), method)(request, timeout=seconds, metadata=self.metadata())
            except grpc.RpcError as error:
                raise refused(self.gateway, error) from error

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what says who asks."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def channel(self) -> grpc.Channel:
        """Open a channel; raise `Failure` where options exclude each other."""
        options = [("grpc.max_receive_message_length", _LARGEST_REPLY)]  # all that is kept of a person
        presents_tls = any((self.ca, self.certificate, self.key))
        if self.plaintext and presents_tls:
            raise unusable("--plaintext: excludes --ca, --cert and --key")
        if self.plaintext or (is_local(self.gateway) and not presents_tls):
            return grpc.insecure_channel(self.gateway, options)
        if (self.certificate is None) != (self.key is None):
            raise unusable("--cert, --key: must be given together")
        files = ((self.ca, "--ca"), (self.key, "--key"), (self.certificate, "--cert"))
        parts = (read_bounded(path, option) if path else None for path, option in files)
        return grpc.secure_channel(self.gateway, grpc.ssl_channel_credentials(*parts), options)


def is_local(address: str) -> bool:
    """Tell whether a host:port is on this host; raise `Failure` where it is no host:port."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise unusable(f"--gateway: is {address!r}, must be HOST:PORT")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def find_token(file: Path | None) -> str | None:
    """Read the token from the file, else from OMBUD_TOKEN; None where there is neither."""
    if file is not None:
        where = f"--token-file {file}"
        try:
            token = read_bounded(file, "--token-file").decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise unusable(f"{where}: must hold one token in ASCII") from error
    else:
        where, token = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            return None
    if not _TOKEN.fullmatch(token):
        raise unusable(f"{where}: must hold one token and nothing else")
    return token


def refused(gateway: str, error: Any) -> Failure:
    """Say in one line what a gateway refused, under which decision id; exit code 1 if it has judged."""
    status = error.code().name
    detail = " ".join((error.details() or "no detail").split())
    reason, decision = _info(error)
    if status == "UNAVAILABLE" and not decision:
        return unusable(f"gateway {gateway}: cannot be reached: {detail}")
    if status == "UNAUTHENTICATED":
        detail += f"; give --token-file or {TOKEN_VARIABLE}, or --cert and --key"
    named = f" ({reason})" if reason else ""
    tied = f" [{_DECISION_ID}: {decision}]" if decision and decision not in detail else ""
    code = Exit.NO if status in _ANSWERS else Exit.UNUSABLE
    return Failure(f"gateway {gateway}: {status}{named}: {detail}{tied}", code)


def _info(error: Any) -> tuple[str, str]:
    """Return the `google.rpc.ErrorInfo` reason and the decision id that trailing metadata carry."""
    trailing = dict(error.trailing_metadata() or ())
    reason, decision = "", str(trailing.get(_DECISION_ID, ""))
    try:
        from google.rpc import error_details_pb2, status_pb2
    except ImportError:  # an auditor's installation has not these types
        return reason, decision
    try:
        for detail in status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b"")).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                reason = info.reason
    except DecodeError:  # a refusal is told even where its details are garbled
        pass
    return reason, decision
