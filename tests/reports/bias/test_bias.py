# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The report on bias over small real ledgers: figures against counts of the rows that were recorded."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud_ledger import Ledger, Vault
from ombud_reports.as_json import to_json
from ombud_reports.errors import OptionInvalid
from ombud_reports.kinds import Given
from ombud_reports.result import Report
from ombud_reports.verifying import read_report, verify_report
from reports.recorded_calls import (
    DAY,
    HOUR,
    START,
    Row,
    assert_same,
    figures,
    notices,
    record,
    report,
    spread,
    tables,
    values,
)

END = START + 20 * DAY
STATED = {"legal_basis": "Article 4a", "access": "two auditors, until June"}
FEW = {"replicates": 400}


def drawn(count: int, seed: int) -> list[dict[str, Any]]:
    """Values of calls; women are approved less often."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        sex = chance.choices(["f", "m", "x"], (45, 50, 5))[0]
        found.append(
            {
                "amount": round(chance.uniform(10, 90), 2),
                "region": chance.choice(["north", "south"]),
                "sex": sex,
                "approve": chance.random() < {"f": 0.45, "m": 0.7, "x": 0.5}[sex],
                "confidence": round(chance.random(), 4),
            }
        )
    return found


VALUES = drawn(400, 1)
ROWS = [
    replace(row, label=(at * 7) % 10 < 6, label_kind="historical" if at % 2 else "observed")
    for at, row in enumerate(spread(VALUES, START, 20))
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 400 answers, half of them with a label of either kind."""
    root = tmp_path_factory.mktemp("bias")
    record(root, ROWS).close()
    return root


def made(root: Path, **options: Any) -> Report:
    """Report on all twenty days."""
    return report(root, "bias", START, END, **{**STATED, **FEW, **options})


def share(rows: list[Row], hit: Callable[[Row], bool], of: Callable[[Row], bool]) -> float:
    """Return a share of rows."""
    among = [row for row in rows if of(row)]
    return sum(map(hit, among)) / len(among)


def approved(row: Row) -> bool:
    """Whether the answer is favourable."""
    return bool(row.values["approve"])


def test_rates_are_those_of_the_rows(ledger: Path) -> None:
    """Selection rates, impact ratios and demographic parity, by the contract's protected attribute."""
    found = values(made(ledger))
    rates = {
        sex: share(ROWS, approved, lambda row, sex=sex: row.values["sex"] == sex)  # type: ignore[misc]
        for sex in "fmx"
    }
    for sex, rate in rates.items():
        assert found[f"sex.selection_rate.{sex}"] == pytest.approx(rate, rel=1e-12)
        assert found[f"sex.impact_ratio.{sex}"] == pytest.approx(rate / max(rates.values()), rel=1e-12)
        assert found[f"sex.count.{sex}"] == sum(row.values["sex"] == sex for row in ROWS)
    difference = max(rates.values()) - min(rates.values())
    assert found["sex.demographic_parity_difference"] == pytest.approx(difference, rel=1e-12)
    assert found["sex.demographic_parity_ratio"] == pytest.approx(min(rates.values()) / max(rates.values()))


def test_labels_of_one_kind_are_not_mixed_with_others(ledger: Path) -> None:
    """True positive rates by kind of label, and past decisions are never called accuracy."""
    whole = made(ledger)
    found = values(whole)
    for kind in ("observed", "historical"):
        of_kind = [row for row in ROWS if row.label_kind == kind]
        for sex in "fm":
            rate = share(of_kind, approved, lambda row, sex=sex: row.values["sex"] == sex and row.label)  # type: ignore[misc]
            assert found[f"sex.{kind}.true_positive_rate.{sex}"] == pytest.approx(rate, rel=1e-12)
    assert "By sex: Against labels: agreement with past decisions" in tables(whole)
    heads = tables(whole)["By sex: Against labels: agreement with past decisions"].columns
    assert heads[-1] == "Agreement with past decisions"
    assert any("Past decisions are no truth" in text for text in notices(whole))


def test_every_rate_has_an_interval_and_the_same_seed_gives_it_again(ledger: Path) -> None:
    """Wilson for single rates, the bootstrap of counts for what lies between groups."""
    one, again, other = (figures(made(ledger, seed=seed)) for seed in (7, 7, 8))
    rate, between = one["sex.selection_rate.f"].interval, one["sex.demographic_parity_difference"].interval
    assert rate is not None
    assert between is not None
    assert (rate.method, rate.level) == ("Wilson", 0.95)
    assert between.method == "bootstrap of counts, percentiles of 400 of 400 draws, seed 7"
    assert between == again["sex.demographic_parity_difference"].interval
    assert between != other["sex.demographic_parity_difference"].interval


def test_small_groups_are_counted_and_have_no_rate(tmp_path: Path) -> None:
    """Below the least size stands how many there are, and they decide no ratio."""
    few = [replace(row, values={**row.values, "sex": "z"}) if at < 3 else row for at, row in enumerate(ROWS)]
    record(tmp_path, few).close()
    found = figures(made(tmp_path))
    assert found["sex.count.z"].value == 3
    assert found["sex.selection_rate.z"].absent == "too few: 3 of at least 5"
    assert found["sex.impact_ratio.z"].absent == "too few: 3 of at least 5"


def test_attributes_are_taken_together_and_numbers_cut(ledger: Path) -> None:
    """An intersection has a group for each pair; cuts make groups in their order."""
    whole = made(ledger, attribute=["amount:30,60", "sex"], intersection=["sex,region"])
    found = values(whole)
    both = share(ROWS, approved, lambda row: row.values["sex"] == "f" and row.values["region"] == "north")
    assert found["sex and region.selection_rate.f, north"] == pytest.approx(both)
    groups = [row[0] for row in tables(whole)["By amount: Selection"].rows]
    assert groups == ["below 30", "30 to below 60", "60 and above"]
    middle = share(ROWS, approved, lambda row: 30 <= row.values["amount"] < 60)
    assert found["amount.selection_rate.30 to below 60"] == pytest.approx(middle)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("key", ["decision_id", "correlation_id"])
def test_an_attribute_can_come_later_by_a_file(ledger: Path, tmp_path: Path, kind: str, key: str) -> None:
    """Joined by decision or case; its digest and columns are shown, and who is not in it is counted."""
    names = [f"r-0-{at}" if key == "decision_id" else f"case-r-0-{at}" for at in range(390)]
    table = {key: names, 'ra"ce; DROP': ["a" if at % 3 else "b" for at in range(390)]}
    path = tmp_path / f"groups.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(table), path)
    else:
        lines = [f'{name},"{group}"' for name, group in zip(*table.values(), strict=True)]
        path.write_text("\n".join([f'{key},"ra""ce; DROP"', *lines]) + "\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    whole = made(ledger, joined=Given(path, digest), attribute=['ra"ce; DROP'])
    found = values(whole)
    prefix = 'ra"ce; DROP'
    expected = share(ROWS[:390], approved, lambda row: ROWS.index(row) % 3 == 0)
    assert found[f"{prefix}.selection_rate.b"] == pytest.approx(expected)
    assert found[f"{prefix}.unknown"] == 10
    stated = {row[0]: row[1] for row in tables(whole)["Basis and access: Basis and access, as stated"].rows}
    assert stated["Joined file, SHA-256"] == digest
    assert stated["Its columns"] == f'{key}, ra"ce; DROP'
    assert stated["Legal basis"] == "Article 4a"


def test_a_report_with_a_joined_file_is_verified_with_that_file(ledger: Path, tmp_path: Path) -> None:
    """The same file gives the same figures; without it, or with another, nothing is recomputed."""
    path, other = tmp_path / "groups.csv", tmp_path / "others.csv"
    groups = [f"r-0-{at},{'a' if at % 3 else 'b'}" for at in range(400)]
    path.write_text("\n".join(["decision_id,race", *groups]) + "\n")
    other.write_text("\n".join(["decision_id,race", *groups[:-1]]) + "\n")
    given, wrong = (Given(each, hashlib.sha256(each.read_bytes()).hexdigest()) for each in (path, other))
    stored = read_report(to_json(made(ledger, joined=given)))
    verified = verify_report(stored, ledger, files={"joined": given})
    assert verified.differences == ()
    assert verified.figures > 20
    assert "race.selection_rate.b" in {each.name for each in stored.report.figures()}
    with pytest.raises(OptionInvalid, match=r"joined: is not given, must be the file of digest sha256:"):
        verify_report(stored, ledger)
    with pytest.raises(OptionInvalid, match=r"joined: .*others\.csv is of sha256:.*, must be of sha256:"):
        verify_report(stored, ledger, files={"joined": wrong})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("decision_id,race\nd,a\nd,b\n", "decision_id 'd' stands more than once"),
        ("name,race\nd,a\n", "must have one of decision_id and correlation_id"),
        ("decision_id\nd\n", "must have 1 to 63 beside decision_id"),
        ("decision_id,@key\nd,a\n", "no @"),
        ("decision_id,race\n,a\n", "1 rows have no decision_id"),
        ("", "must be CSV with a header, or Parquet"),
    ],
)
def test_a_file_that_cannot_be_joined_is_refused(
    ledger: Path, tmp_path: Path, text: str, message: str
) -> None:
    """The error says what is wrong with it, and what would be right."""
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(OptionInvalid, match=message):
        made(ledger, joined=Given(path, "0" * 64))


def reviewed(root: Path) -> Ledger:
    """Record forty answers held for a human: ten released, ten rejected, twenty open, five of these approved.

    Of the five, two were asked for again, and that failed.
    """
    held = {"outcome": "held", "verdict": "review", "policies": ["unsure"]}
    rows = [
        Row(START + HOUR * at, {**VALUES[at], "sex": "f", "approve": True}, {**held, "id": f"h{at}"})
        for at in range(40)
    ]
    rows += [
        Row(START + DAY * 5 + HOUR * at, {}, {"id": f"h{at}", "event": event, "outcome": "-"}, "review")
        for at, event in enumerate(["approved"] * 10 + ["rejected"] * 10 + ["approved"] * 5)
    ]
    failed = {"outcome": "failed", "status": "UNAVAILABLE"}
    rows += [
        Row(START + DAY * 7 + HOUR * at, {}, {"id": f"f{at}", "approval": f"h{at}", **failed}, "outcome")
        for at in (20, 21)
    ]
    for at in range(10):
        later, body = START + DAY * 6 + HOUR * at, {"id": f"n{at}", "approval": f"h{at}"}
        answer = {**VALUES[at], "sex": "f", "approve": True}
        asked = {name: value for name, value in answer.items() if name not in ("approve", "confidence")}
        rows.append(Row(later, asked, body, "intent"))
        rows.append(Row(later + HOUR / 2, answer, body, "outcome"))
    denied = {"outcome": "refused", "verdict": "deny", "policies": ["cap"]}
    rows += [Row(START + DAY * 8 + HOUR * at, {"sex": "m", "amount": 1.0}, denied) for at in range(20)]
    plain = [replace(row, label=None) for row in ROWS if row.values["sex"] == "m"]
    return record(root, [*rows, *plain])


def test_what_a_human_let_through_counts_once_and_after_review(tmp_path: Path) -> None:
    """An answer held and released later is one answer; what was rejected or waits did not leave."""
    reviewed(tmp_path).close()
    found = values(made(tmp_path))
    assert found["sex.count.f"] == 40
    expected = {"held": 1.0, "approved": 0.25, "before": 1.0, "after": 0.25}
    assert {name: found[f"sex.review.{name}.f"] for name in expected} == expected
    assert found["sex.review.held.m"] == 0


@pytest.mark.parametrize("unit", ["calls", "cases"])
def test_an_answer_to_an_approved_call_is_of_its_case(tmp_path: Path, unit: str) -> None:
    """An outcome leaves correlation id to its intent; the joined file finds it all the same."""
    rows = []
    for at in range(20):
        when, body = START + HOUR * at, {"id": f"n{at}", "approval": f"h{at}"}
        rows.append(Row(when, {"amount": 1.0}, {**body, "correlation_id": f"c{at}"}, "intent"))
        answer = {"amount": 1.0, "approve": at < 5}
        rows.append(Row(when + HOUR / 2, answer, {**body, "correlation_id": None}, "outcome"))
    record(tmp_path / "ledger", rows).close()
    path = tmp_path / "groups.csv"
    path.write_text("correlation_id,race\n" + "".join(f"c{at},a\n" for at in range(20)))
    given = Given(path, hashlib.sha256(path.read_bytes()).hexdigest())
    found = values(made(tmp_path / "ledger", joined=given, attribute=("race",), unit=unit))
    assert (found["race.count.a"], found["race.selection_rate.a"]) == (20, 0.25)


def test_policies_are_shown_by_whom_they_hit(tmp_path: Path) -> None:
    """The share of each group's calls that a policy denied or held; a resumed call is no new one."""
    reviewed(tmp_path).close()
    found = values(made(tmp_path))
    men = sum(row.values["sex"] == "m" for row in ROWS)
    assert found["sex.policy.cap.deny.m"] == pytest.approx(20 / (men + 20))
    assert found["sex.policy.cap.deny.f"] == 0
    assert found["sex.policy.unsure.review.f"] == 1.0


def test_calibration_is_shown_by_tenths(ledger: Path) -> None:
    """By confidence: how often answers are what the label says, for each group."""
    found = figures(made(ledger))
    rows = [
        row
        for row in ROWS
        if row.label_kind == "observed" and row.values["sex"] == "m" and 0.2 <= row.values["confidence"] < 0.3
    ]
    figure = found["sex.observed.calibration.2.m"]
    if len(rows) < 5:
        assert figure.absent == f"too few: {len(rows)} of at least 5"
    else:
        expected = sum(approved(row) == row.label for row in rows) / len(rows)
        assert figure.value == pytest.approx(expected)


def test_cases_can_count_once_by_their_last_answer(tmp_path: Path) -> None:
    """A case asked about twice counts twice unless cases are counted, and the report says so."""
    again = [
        replace(
            row,
            at=row.at + 1 * HOUR,
            values={**row.values, "approve": True},
            label=None,
            more={"correlation_id": f"c{at}"},
        )
        for at, row in enumerate(ROWS[:50])
    ]
    first = [replace(row, label=None, more={"correlation_id": f"c{at}"}) for at, row in enumerate(ROWS[:50])]
    rest = [replace(row, label=None) for row in ROWS[50:]]
    record(tmp_path, [*first, *again, *rest]).close()
    calls, cases = made(tmp_path), made(tmp_path, unit="cases")
    assert any("450 calls are of 400 cases" in text for text in notices(calls))
    assert sum(values(calls)[f"sex.count.{sex}"] for sex in "fmx") == 450
    assert sum(values(cases)[f"sex.count.{sex}"] for sex in "fmx") == 400
    women = [row for row in [*again, *ROWS[50:]] if row.values["sex"] == "f"]
    expected = sum(map(approved, women)) / len(women)
    assert values(cases)["sex.selection_rate.f"] == pytest.approx(expected)


def test_order_and_halves_change_nothing(ledger: Path, tmp_path: Path) -> None:
    """Two logs of every other call give the figures of one."""
    record(tmp_path, ROWS[::2], log="r-0").close()
    record(tmp_path, ROWS[1::2], log="r-1", seal=False).close()
    assert_same(made(tmp_path), made(ledger))


def test_erased_answers_are_of_no_known_group(tmp_path: Path) -> None:
    """Blank rows have no answer and no group: they leave every rate, and the frame counts them."""
    vault = Vault.create(tmp_path / "store", tmp_path / "keys")
    rows = [
        replace(row, label=None, subject="ann" if at % 8 == 0 else f"p{at}") for at, row in enumerate(ROWS)
    ]
    recorded = record(tmp_path / "ledger", rows, vault=vault)
    recorded.erase("ann")
    recorded.close()
    vault.close()
    found = values(made(tmp_path / "ledger"))
    left = [row for at, row in enumerate(ROWS) if at % 8]
    assert sum(found[f"sex.count.{sex}"] for sex in "fmx") == len(left)
    rate = share(left, approved, lambda row: row.values["sex"] == "f")
    assert found["sex.selection_rate.f"] == pytest.approx(rate)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"legal_basis": None}, "legal_basis: is not given, must be"),
        ({"access": None}, "access: is not given, must be"),
        ({"attribute": ["colour"]}, "attribute: is 'colour', must be one of"),
        ({"attribute": ["amount"]}, "amount is a decimal, must be cut into groups"),
        ({"attribute": ["amount:9,x"]}, "cuts are '9,x', must be numbers"),
        ({"attribute": ["amount:9,3"]}, "must be finite and ascend"),
        ({"intersection": ["sex"]}, "must name two attributes or more"),
        ({"replicates": 3}, "replicates: is 3, must be at least 100"),
    ],
)
def test_what_cannot_be_answered_is_refused(ledger: Path, options: Mapping[str, Any], message: str) -> None:
    """The error names option, value and what would be right."""
    with pytest.raises(OptionInvalid, match=message):
        made(ledger, **options)
