# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Types what goes into a model and comes out of it: tensors in, values for policy and facts out."""

from ombud_gateway.contract.cedar import cedar_types
from ombud_gateway.contract.compiled import Contract, Typed
from ombud_gateway.contract.errors import Breach, TensorInvalid, shown
from ombud_gateway.contract.packed import Layout, Packed
from ombud_gateway.contract.spec import ContractSpec, FieldSpec
from ombud_gateway.contract.tensor import Element, Tensor, raw_tensor, shared_tensor, typed_tensor

__all__ = [
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
