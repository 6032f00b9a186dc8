# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Who a client certificate names.

gRPC has verified the chain when the connection was made; here only its leaf is read. A SPIFFE certificate
must hold exactly one URI (SPIFFE X509-SVID, section 2), which is then the principal; otherwise it is the
subject as RFC 4514 writes it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from ombud_gateway.identity.principal import Principal, fit_id, unusable_certificate

_MOST_CACHED = 1_024
_LARGEST = 64 * 1024


class Certificates:
    """Maps client certificates to principals of one type; remembers the last thousand."""

    def __init__(
        self, principal_type: str = "Service", *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._type = principal_type
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Principal, datetime]] = OrderedDict()

    def principal(self, pem: bytes) -> Principal:
        """Return whom the certificate names; raise `Unauthenticated` if nobody, or if it has expired."""
        known = self._known.get(pem)
        if known is None:
            known = _read(pem, self._type)
            self._known[pem] = known
            if len(self._known) > _MOST_CACHED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(pem)
        # A connection outlives the moment at which its certificate was checked.
        if self._clock() >= known[1]:
            raise unusable_certificate()
        return known[0]


def _read(pem: bytes, principal_type: str) -> tuple[Principal, datetime]:
    if len(pem) > _LARGEST:
        raise unusable_certificate()
    try:
        leaf = x509.load_pem_x509_certificate(pem)
        uris = _uris(leaf)
        name = uris[0] if uris else leaf.subject.rfc4514_string()
    except ValueError as error:
        raise unusable_certificate() from error
    if (uris and (len(uris) > 1 or not name.startswith("spiffe://"))) or not fit_id(name):
        raise unusable_certificate()
    return Principal(principal_type, name), leaf.not_valid_after_utc


def _uris(leaf: x509.Certificate) -> list[str]:
    """Return all URIs if one of them is a SPIFFE id; other URIs name no workload."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris if any(uri.startswith("spiffe://") for uri in uris) else []
