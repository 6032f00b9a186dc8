# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The catalogue of duties: complete, dated as amended, and refused where not of its form."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from ombud_gateway.ai_act import Trait
from ombud_reports.ai_act.catalogue import CatalogueInvalid, catalogue, parse
from ombud_reports.ai_act.measures import MEASURES
from ombud_reports.ai_act.scope import SCOPES

GOOD = """
law_as_of = 2026-07-27
checked = 2026-11-22
[sources.act]
title = "t"
celex = "c"
[dates.now]
from = 2026-08-02
mark = "P"
source = "act"
[[article]]
number = "50"
title = "t"
[[article.line]]
id = "50(1)"
paragraph = "50(1)"
duty = "d"
bound = ["provider"]
applies = "now"
mark = "P"
"""


def test_every_article_is_there() -> None:
    """Each article that an AI Act document must speak of has its lines."""
    there = {article.number: len(article.lines) for article in catalogue().articles}
    wanted = [
        "4",
        "4a",
        "5",
        "6",
        "9",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
        "17",
        "18",
        "19",
        "20",
        "21",
        "25",
        "26",
        "27",
        "43",
        "47",
        "48",
        "49",
        "50",
        "72",
        "73",
        "86",
        "111",
        "GDPR",
    ]
    assert wanted == list(there)
    assert min(there.values()) > 0


@pytest.mark.parametrize(
    "paragraph",
    [
        "4a(1)(f)",
        "5(1)(a)",
        "5(1)(h)",
        "5(1)(ba)",
        "5(1)(bb)",
        "6(2)",
        "6(4)",
        "11(1)",
        "12(1)",
        "12(2)(a)",
        "12(3)(d)",
        "13(3)(b)(vi)",
        "13(3)(b)(vii)",
        "13(3)(f)",
        "14(4)(e)",
        "14(5)",
        "15(5)",
        "19(1)",
        "25(2)",
        "26(1)",
        "26(2)",
        "26(5)",
        "26(6)",
        "26(7)",
        "26(11)",
        "26(12)",
        "27(1)(a)",
        "27(1)(f)",
        "27(3)",
        "49(5)",
        "50(1)",
        "50(2)",
        "50(5)",
        "72(3)",
        "73(2)",
        "73(3)",
        "73(4)",
        "86(1)",
        "GDPR 22(3)",
        "GDPR 30(1)",
    ],
)
def test_paragraphs(paragraph: str) -> None:
    """Paragraphs that reports are asked for by name."""
    assert paragraph in {line.paragraph for line in catalogue().lines()}


@pytest.mark.parametrize(
    ("paragraph", "annex_iii", "annex_i"),
    [
        ("4(1)", "2025-02-02", "2025-02-02"),
        ("4a(1)(a)", "2026-07-27", "2026-07-27"),
        ("5(1)(a)", "2025-02-02", "2025-02-02"),
        ("5(1)(ba)", "2026-12-02", "2026-12-02"),
        ("12(1)", "2027-12-02", "2028-08-02"),
        ("26(6)", "2027-12-02", "2028-08-02"),
        ("50(1)", "2026-08-02", "2026-08-02"),
        ("73(2)", "2027-12-02", "2028-08-02"),
        ("86(1)", "2027-12-02", "2028-08-02"),
    ],
)
def test_dates(paragraph: str, annex_iii: str, annex_i: str) -> None:
    """The dates as amended in 2026, by the route of the classification."""
    line = next(line for line in catalogue().lines() if line.paragraph == paragraph)
    start = catalogue().dates[line.applies]
    assert (annex_iii, annex_i) == (str(start.of(annex_i=False)), str(start.of(annex_i=True)))


def test_marking_has_a_later_date_for_older_systems() -> None:
    """Article 50(2) gives generative systems that were on the market before it until 2026-12-02."""
    start = catalogue().dates["marking"]
    days = (date(2026, 8, 1), date(2026, 8, 2), None)
    found = [str(start.of(annex_i=False, on_market=day)) for day in days]
    assert found == ["2026-12-02", "2026-08-02", "2026-08-02"]


def test_what_was_amended_is_marked() -> None:
    """No date that rests on the amending Regulation passes for checked text."""
    amended = {name for name, start in catalogue().dates.items() if start.source == "amendment"}
    assert amended >= {"high_risk", "prohibited_2026", "bias_data", "marking"}
    assert {catalogue().dates[name].mark for name in amended} == {"A"}


def test_lines_name_what_exists() -> None:
    """Each line's evidence is a measure, and its scope one that is known."""
    measures = {each.name for each in MEASURES} | {"agreement"}
    scopes = {"", *SCOPES, *get_args(Trait)}
    for line in catalogue().lines():
        assert set(line.evidence) <= measures, line.id
        assert line.ledger or not line.evidence, line.id
        assert line.scope in scopes, line.id


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('mark = "P"\nsource', 'mark = "X"\nsource', "dates.now.mark: is 'X', must be one of P, A, S"),
        (
            'applies = "now"',
            'applies = "soon"',
            r"article\[0\].line\[0\].applies: is 'soon', must be one of now",
        ),
        ('duty = "d"', 'duty = "d"\ncolour = "red"', r"article\[0\].line\[0\].colour: is not a known key"),
        ('duty = "d"\n', "", r"article\[0\].line\[0\].duty: must be given"),
        ('["provider"]', "[]", r"article\[0\].line\[0\].bound: is \(\), must be of provider"),
        ('["provider"]', '["nobody"]', r"bound: is \('nobody',\), must be of provider"),
        ("from = 2026-08-02", 'from = "soon"', "dates.now.from: is 'soon', must be a date"),
        ("from = 2026-08-02\n", "", "dates.now: must have either from, or annex_iii and annex_i"),
        ("from = 2026-08-02", "from = 2026-08-02\nthen = 2026-12-02", "must have on_market_before and then"),
        ('source = "act"', 'source = "book"', "dates.now.source: is 'book', must be one of act"),
        ("law_as_of = 2026-07-27", "", "law_as_of: must be given"),
        ("[sources.act]", "[sources.act", "must be TOML"),
        ('title = "t"\ncelex', "title = 1\ncelex", "sources.act.title: is 1, must be a str"),
    ],
)
def test_what_is_not_of_the_form_is_refused(old: str, new: str, expected: str) -> None:
    """A catalogue with a mistake is refused, naming the place, what is there, and what would be right."""
    parse(GOOD)
    assert old in GOOD
    with pytest.raises(CatalogueInvalid, match=expected):
        parse(GOOD.replace(old, new, 1))


def test_a_line_stands_once() -> None:
    """Two lines with one id are refused."""
    line = GOOD[GOOD.index("[[article.line]]") :]
    with pytest.raises(CatalogueInvalid, match=r"line\[1\].id: is '50\(1\)', which another line has"):
        parse(GOOD + line)
