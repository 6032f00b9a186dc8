# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The faces of the gateway's inner packages: what others may import."""

from __future__ import annotations

from ombud_gateway import contract, identity


def test_the_contract_package_has_this_face() -> None:
    """Adding to it is a decision, not an accident."""
    assert contract.__all__ == [
        "Breach",
        "Contract",
        "ContractSpec",
        "Element",
        "FieldSpec",
        "Layout",
        "Packed",
        "Tensor",
        "TensorInvalid",
        "Typed",
        "cedar_types",
        "raw_tensor",
        "shared_tensor",
        "shown",
        "typed_tensor",
    ]


def test_the_identity_package_has_this_face() -> None:
    """Adding to it is a decision, not an accident."""
    assert identity.__all__ == [
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
