# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Find out who calls."""

from __future__ import annotations

from ombud_gateway.identity.bearer import Bearer
from ombud_gateway.identity.certificate import Certificates
from ombud_gateway.identity.principal import ANONYMOUS, Credentials, Principal, malformed, missing


class Identify:
    """The first step of the pipeline: a token if one is presented, else a certificate, else nobody.

    A token that does not hold is refused even beside a good certificate: falling back would let a caller act
    as someone it did not mean to be.
    """

    def __init__(self, bearer: Bearer | None, certificates: Certificates | None) -> None:
        self._bearer = bearer
        self._certificates = certificates

    def principal(self, credentials: Credentials, *, anonymous: bool = False) -> Principal:
        """Return who calls; `anonymous` tells whether the active bundle lets nobody in particular in.

        Raises `Unauthenticated`; `Unavailable` when identities cannot be checked at all.
        """
        if credentials.authorization is not None:
            if self._bearer is None:
                raise malformed()
            return self._bearer.principal(credentials.authorization)
        if credentials.peer_certificate is not None and self._certificates is not None:
            return self._certificates.principal(credentials.peer_certificate)
        if anonymous:
            return ANONYMOUS
        raise missing()
