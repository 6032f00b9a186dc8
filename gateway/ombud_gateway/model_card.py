# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What people say of a system's model and data: the `card` of its file, kept in the ledger with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=4_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataSheet(_Section):
    """The data a model was made from: where from, whom it shows, how it was selected, labelled, cleaned."""

    motivation: Text | None = None
    source: Text | None = None
    composition: Text | None = None
    collection: Text | None = None
    preparation: Text | None = None
    labels: Text | None = None
    split: Text | None = None
    licence: Text | None = None
    limits: Text | None = None


class CardSpec(_Section):
    """The `card` of a system file as written; what is left out is printed as not said."""

    description: Text | None = None
    developed_by: Text | None = None
    contact: Text | None = None
    licence: Text | None = None
    architecture: Text | None = None
    users: Text | None = None
    out_of_scope: Text | None = None
    limitations: Text | None = None
    trade_offs: Text | None = None
    evaluation: Text | None = None
    data: DataSheet | None = None
