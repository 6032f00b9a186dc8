# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""gRPC metadata on its way in and out: credentials, correlation, and what may travel on."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from ombud_gateway.call import DURABLE, SIGNED, WITNESSED, Correlation, Metadata, Reply, ReplyWhen
from ombud_gateway.errors import Invalid
from ombud_gateway.identity import Credentials

DECISION_ID = "ombud-decision-id"
POSITION = "ombud-position"
LEDGER = "ombud-ledger"
"""In a request, what its reply is to wait for; in a reply, what was reached."""
CHECKPOINT = "ombud-checkpoint"
LONGEST = 256
"""Bytes of any text a client may put into a record (DESIGN: Record)."""


def credentials(
    metadata: Mapping[str, str | bytes], context: grpc.aio.ServicerContext[bytes, bytes], *, tls: bool
) -> Credentials:
    """Collect what a caller shows of itself."""
    certificate = None
    if tls:
        certificate = next(iter(context.auth_context().get("x509_pem_cert", ())), None)
    bearer = metadata.get("authorization")
    return Credentials(bearer if isinstance(bearer, str) else None, certificate)


def correlation(metadata: Mapping[str, str | bytes]) -> Correlation:
    """Read what ties the call to its workflow; raise `Invalid` naming the entry."""
    attempt = text(metadata, "ombud-attempt") or "1"
    if not (attempt.isascii() and attempt.isdigit() and int(attempt[:9]) > 0 and len(attempt) <= 9):
        raise _invalid("metadata ombud-attempt must be a whole number from 1 to 999999999")
    return Correlation(
        text(metadata, "ombud-correlation-id"),
        text(metadata, "ombud-run-id"),
        int(attempt),
        text(metadata, "traceparent"),
        text(metadata, "tracestate", longest=512),
    )


def reply_when(metadata: Mapping[str, str | bytes]) -> ReplyWhen:
    """Read what the reply is to wait for; raise `Invalid` naming the entry."""
    match metadata.get(LEDGER, DURABLE):
        case "durable":
            return DURABLE
        case "signed":
            return SIGNED
        case "witnessed":
            return WITNESSED
        case other:
            raise _invalid(f"metadata {LEDGER} is {other[:80]!a}, must be durable, signed or witnessed")


def recorded(reply: Reply) -> Metadata:
    """Tell where a reply is recorded, and how far the ledger had come with that."""
    told = ((DECISION_ID, reply.id), (POSITION, reply.position), (LEDGER, reply.reached))
    return (*told, (CHECKPOINT, str(reply.checkpoint))) if reply.checkpoint else told


def text(metadata: Mapping[str, str | bytes], key: str, longest: int = LONGEST) -> str:
    """Read one bounded text entry, empty where absent."""
    value = metadata.get(key, "")
    if isinstance(value, bytes) or len(value) > longest:
        raise _invalid(f"metadata {key} must be text of at most {longest} bytes")
    return value


def _invalid(message: str) -> Invalid:
    return Invalid("METADATA", message)
