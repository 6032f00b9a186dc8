# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The wording guide holds: what a report may not claim stands nowhere that people read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ombud_ledger import query
from ombud_reports import Report, make, to_json
from reports.ledgers import story, write

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "reports" / "WORDING.md"


def patterns() -> list[re.Pattern[str]]:
    """The patterns of the guide's first table."""
    table = GUIDE.read_text().split("## Claims")[1].split("## Words")[0]
    found = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    return [re.compile(each.replace("\\|", "|"), re.IGNORECASE) for each in found]


def claims(where: str, text: str) -> list[str]:
    """What a text claims and may not."""
    flat = " ".join(text.split())
    return [f"{where}: {found[0]!r}" for each in patterns() for found in each.finditer(flat)]


def strings(path: Path) -> Iterator[str]:
    """Every text in a module: messages, help, docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    "claim",
    [
        "The system is compliant.", "GDPR-compliant", "ensures compliance", "The model is unbiased",
        "it is fair",
        "bias-free", "It is safe", "proves that the model", "no drift was found", "statistically significant",
        "100 % accurate", "tamper-proof",
    ],
)  # fmt: skip
def test_the_guide_finds_claims(claim: str) -> None:
    """Each of them is caught by a pattern."""
    assert claims("", claim)


@pytest.mark.parametrize(
    "said",
    [
        "it does not make anybody compliant", "agreement with past decisions", "the ledger shows what passed",
        "differences below the threshold of 0.2", "tamper-evident",
    ],
)  # fmt: skip
def test_the_guide_lets_plain_words_pass(said: str) -> None:
    """What may be said is not caught."""
    assert claims("", said) == []


def test_documents_claim_nothing() -> None:
    """README, documents and the rooms' pages."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
    found = [each for page in pages for each in claims(page.name, page.read_text())]
    assert found == []


def test_programs_claim_nothing() -> None:
    """Help texts and messages of the command line, and whatever a report can say; data files, too."""
    modules = [*ROOT.glob("cli/ombud_cli/**/*.py"), *ROOT.glob("reports/ombud_reports/**/*.py")]
    found = [each for path in modules for text in strings(path) for each in claims(path.name, text)]
    data = [*ROOT.glob("reports/ombud_reports/**/*.j2"), *ROOT.glob("reports/ombud_reports/**/*.yaml")]
    found += [each for path in data for each in claims(path.name, path.read_text())]
    assert found == []


def test_a_report_claims_nothing(tmp_path: Path) -> None:
    """What a report of a real ledger says."""
    write(tmp_path, story())
    with query.connect(tmp_path, published=True) as ledger:
        report: Report = make("operations", ledger, system="credit")
    assert claims("operations", to_json(report).decode()) == []
