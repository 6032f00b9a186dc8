# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Who calls, as a Cedar entity, and why somebody was not recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ombud_gateway.errors import Unauthenticated

PRINCIPAL_TYPES = ("Agent", "Workflow", "Service", "User")
ANONYMOUS_TYPE = "Anonymous"

_UID = re.compile(r'([A-Za-z]+)::"([^"\\]*)"')
_MOST_ID_BYTES = 200


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: its Cedar entity type and id."""

    type: str
    id: str

    def __str__(self) -> str:
        escaped = self.id.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.type}::"{escaped}"'


ANONYMOUS = Principal(ANONYMOUS_TYPE, "anonymous")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller presented: its `authorization` header and its certificate in PEM. Never printed."""

    authorization: str | None = field(default=None, repr=False)
    peer_certificate: bytes | None = field(default=None, repr=False)


def parse_principal(text: str) -> Principal:
    """Parse `Agent::"underwriter"`; raise `ValueError` naming what would be right."""
    match = _UID.fullmatch(text)
    if match is None or match[1] not in PRINCIPAL_TYPES or not fit_id(match[2]):
        raise ValueError(
            f"must be one of {', '.join(PRINCIPAL_TYPES)} with an id of 1 to {_MOST_ID_BYTES} printable "
            f'bytes, such as Agent::"underwriter"'
        )
    return Principal(match[1], match[2])


def fit_id(text: str) -> bool:
    """Tell whether an id can stand in a record: printable, and short enough beside its type."""
    return text.isprintable() and 1 <= len(text.encode(errors="replace")) <= _MOST_ID_BYTES


def missing() -> Unauthenticated:
    """Nothing was presented, and no policy lets nobody in."""
    return Unauthenticated("UNAUTHENTICATED", "present a bearer token or a client certificate")


def malformed() -> Unauthenticated:
    """What was presented is not one of ours."""
    return Unauthenticated("UNAUTHENTICATED", "authorization must be: Bearer ombud_<id>_<secret>")


def rejected() -> Unauthenticated:
    """The token is unknown, revoked, expired or wrong; which of them, only the operator may learn."""
    return Unauthenticated("UNAUTHENTICATED", "the token is not accepted")


def unusable_certificate() -> Unauthenticated:
    """The certificate names nobody, or too many, or has expired since the connection was made."""
    return Unauthenticated("UNAUTHENTICATED", "the client certificate names no usable principal")
