# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Who calls: bearer tokens and client certificates, turned into principals."""

from ombud_gateway.identity.bearer import Bearer
from ombud_gateway.identity.certificate import Certificates
from ombud_gateway.identity.identify import Identify
from ombud_gateway.identity.principal import (
    ANONYMOUS,
    PRINCIPAL_TYPES,
    Credentials,
    Principal,
    parse_principal,
)
from ombud_gateway.identity.token import Token
from ombud_gateway.identity.token_file import TokenFile, TokenFileInvalid

__all__ = [
    "ANONYMOUS",
    "PRINCIPAL_TYPES",
    "Bearer",
    "Certificates",
    "Credentials",
    "Identify",
    "Principal",
    "Token",
    "TokenFile",
    "TokenFileInvalid",
    "parse_principal",
]
