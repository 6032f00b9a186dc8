# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The report on drift over small real ledgers: figures against scipy on the rows that were recorded."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ombud_ledger import Vault, query
from ombud_reports.drift import effects
from ombud_reports.errors import OptionInvalid
from ombud_reports.result import Report
from reports.recorded_calls import (
    DAY,
    HOUR,
    START,
    Row,
    assert_same,
    contract,
    figures,
    notices,
    record,
    report,
    spread,
    tables,
    values,
)

MIDDLE, END = START + 10 * DAY, START + 20 * DAY


def drawn(count: int, seed: int, *, shift: float = 0.0) -> list[dict[str, Any]]:
    """Values of calls, shifted or not."""
    chance = random.Random(seed)
    return [
        {
            "amount": round(chance.gauss(100 + 20 * shift, 20), 3),
            "rooms": chance.randint(1, 6),
            "region": chance.choices(["north", "south", "east"], (5, 3, 2 + 10 * shift))[0],
            "sex": chance.choice(["f", "m"]),
            "owner": None if chance.random() < 0.05 + 0.3 * shift else chance.random() < 0.5,
            "approve": chance.random() < 0.6,
            "confidence": round(chance.random(), 4),
        }
        for _ in range(count)
    ]


OLD, NEW = drawn(300, 1), drawn(260, 2, shift=1.0)
ROWS = [*spread(OLD, START, 10), *spread(NEW, MIDDLE, 10)]


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose second ten days are shifted."""
    root = tmp_path_factory.mktemp("shifted")
    record(root, ROWS).close()
    return root


def made(root: Path, **options: Any) -> Report:
    """Report on the second ten days, against the ten before."""
    return report(root, "drift", MIDDLE, END, **options)


def column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray[Any, Any]:
    """The values of a column that are there."""
    return np.array([row[name] for row in rows if row[name] is not None])


def test_every_figure_is_what_scipy_says_of_the_rows(shifted: Path) -> None:
    """KS, Wasserstein-1, means and missing shares of numbers; chi-square's V and PSI of categories."""
    found = values(made(shifted))
    for name in ("amount", "rooms", "confidence"):
        old, new = column(OLD, name), column(NEW, name)
        distance = stats.wasserstein_distance(old, new)
        expected = {
            "ks": stats.ks_2samp(old, new).statistic,
            "w1": distance,
            "wasserstein": distance / old.std(),
            "mean.reference": old.mean(),
            "mean.current": new.mean(),
            "rows.reference": 300,
            "rows.current": 260,
        }
        assert {key: found[f"{name}.{key}"] for key in expected} == pytest.approx(expected, rel=1e-9)
    for name in ("region", "owner"):
        kinds = sorted({*column(OLD, name), *column(NEW, name)})
        table = np.array([[int(np.sum(column(rows, name) == kind)) for kind in kinds] for rows in (OLD, NEW)])
        expected = {
            "cramers_v": stats.contingency.association(table, method="cramer"),
            "psi": effects.psi(table[0], table[1]),
        }
        assert {key: found[f"{name}.{key}"] for key in expected} == pytest.approx(expected, rel=1e-9)
    missing = [sum(row["owner"] is None for row in rows) / len(rows) for rows in (OLD, NEW)]
    assert [found["owner.missing.reference"], found["owner.missing.current"]] == pytest.approx(missing)


def test_what_moved_is_said_and_since_when(shifted: Path) -> None:
    """Effects at or above their thresholds count, unless chance may do it; the day it began is named."""
    whole = made(shifted)
    kinds = ("Inputs: Numbers", "Inputs: Categories")
    findings = {row[0]: row[-1] for kind in kinds for row in tables(whole)[kind].rows}
    assert str(findings["amount"]).startswith("moved: PSI, KS, W1/sd")
    assert str(findings["region"]).startswith("moved: ")
    assert "missing" in str(findings["owner"])
    assert values(whole)["amount.began"] == MIDDLE.date().isoformat()
    assert figures(whole)["sex.began"].absent == "no 3 days in a row"
    assert values(whole)["amount.psi.2026-03-11"] > 0.25


def test_bins_above_the_bound_come_close_and_say_how_close(shifted: Path) -> None:
    """With few rows allowed one by one, values are counted in bins, and the error that is stated holds."""
    exact, rough = figures(made(shifted)), figures(made(shifted, exact_rows=0))
    for key in ("amount.ks", "amount.w1"):
        one, other = exact[key].value, rough[key].value
        assert isinstance(one, float)
        assert isinstance(other, float)
        assert other == pytest.approx(one, rel=0.02)
        stated = float(rough[key].how.rpartition("at most ")[2]) if "at most" in rough[key].how else 1e-12
        assert abs(one - other) <= stated * 1.05  # stated to two digits
    assert rough["rooms.ks"].value == exact["rooms.ks"].value
    assert "exact" in rough["rooms.ks"].how


@pytest.mark.parametrize("bins", ["sturges", "doane"])
def test_the_bins_of_others_give_their_figures(shifted: Path, bins: str) -> None:
    """PSI over numpy's bins of both windows, as it would be computed from the rows."""
    old, new = column(OLD, "amount"), column(NEW, "amount")
    edges = np.histogram_bin_edges(np.concatenate((old, new)), bins)
    counts = [np.histogram(each, edges)[0] for each in (old, new)]
    assert values(made(shifted, bins=bins))["amount.psi"] == pytest.approx(
        effects.psi(counts[0], counts[1]), rel=1e-9
    )


def test_the_order_of_calls_within_a_day_changes_nothing(shifted: Path, tmp_path: Path) -> None:
    """The same calls recorded in another order give the same figures."""
    shuffled, chance = list(OLD), random.Random(7)
    by_day = [shuffled[at : at + 30] for at in range(0, len(shuffled), 30)]
    for day in by_day:
        chance.shuffle(day)
    rows = spread([row for day in by_day for row in day], START, 10)
    record(tmp_path, [*rows, *spread(NEW, MIDDLE, 10)]).close()
    assert_same(made(tmp_path), made(shifted))


def test_two_logs_of_halves_equal_the_whole(shifted: Path, tmp_path: Path) -> None:
    """Every other call in a log of its own, one of them unsealed: the figures are those of one log."""
    record(tmp_path, ROWS[::2], log="r-0").close()
    record(tmp_path, ROWS[1::2], log="r-1", seal=False).close()
    assert_same(made(tmp_path), made(shifted))


def test_statements_are_noted_as_they_can_be_run_alone(shifted: Path) -> None:
    """What a stranger gets for a noted statement is what the report got, parts asked once among it."""
    whole = made(shifted)
    with query.connect(shifted) as ledger:
        for source in whole.sources:
            assert "lent_" not in source.sql
            rows = ledger.execute(source.sql, dict(source.parameters)).fetchall()
            if source.name == "counts":
                assert sum(row[4] for row in rows) == 560
            if source.name.startswith("values."):
                assert len(rows) == 560


def test_parts_of_several_statements_are_asked_once(shifted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs reads the rows that are held, in every statement on facts."""
    ran: list[str] = []
    for name in ("execute", "batches"):
        asked = getattr(query.Query, name)

        def note(self: query.Query, sql: str, *more: Any, asked: Any = asked, **named: Any) -> Any:
            ran.append(sql)
            return asked(self, sql, *more, **named)

        monkeypatch.setattr(query.Query, name, note)
    made(shifted)
    on_facts = [sql for sql in ran if "calls_of" in sql]
    assert on_facts
    assert all("FROM lent_stretches" in sql and "FROM lent_unusual" in sql for sql in on_facts)


def test_retried_attempts_and_outcomes_count_apart(shifted: Path, tmp_path: Path) -> None:
    """A second attempt is left out unless asked for; an outcome repeats its intent and counts for answers."""
    retry = [
        Row(MIDDLE + HOUR * at, row, {"attempt": 2, "correlation_id": "case-again"})
        for at, row in enumerate(OLD[:40])
    ]
    pair = [
        Row(MIDDLE + HOUR * 3, {**NEW[0], "approve": None, "confidence": None}, {"id": "i"}, "intent"),
        Row(MIDDLE + HOUR * 4, NEW[0], {"id": "i", "attempt": None}, "outcome"),
    ]
    pair = [replace(row, more={k: v for k, v in row.more.items() if v is not None}) for row in pair]
    record(tmp_path, [*ROWS, *retry, *pair]).close()
    found, every = values(made(tmp_path)), values(made(tmp_path, attempts="all"))
    counted = {key: found[f"current.{key}"] for key in ("calls", "cases", "retried")}
    assert counted == {"calls": 301, "cases": 262, "retried": 40}
    assert (found["amount.rows.current"], found["approve.rows.current"]) == (261, 261)
    assert (every["amount.rows.current"], every["approve.rows.current"]) == (301, 301)
    assert found["amount.ks"] != every["amount.ks"]


def test_model_versions_are_compared_apart(tmp_path: Path) -> None:
    """Each version of the current window against the whole reference."""
    second = [replace(row, more={"model_version": "2"}) for row in spread(drawn(250, 9), MIDDLE, 10)]
    record(tmp_path, [*ROWS, *second]).close()
    found = values(made(tmp_path))
    assert (found["current.answers.version.1"], found["current.answers.version.2"]) == (260, 250)
    assert found["amount.psi.version.1"] > 0.5
    assert found["amount.psi.version.2"] < 0.2


def test_too_few_rows_give_no_figure(tmp_path: Path) -> None:
    """Below the system file's least count stands how many there are."""
    record(tmp_path, [*spread(OLD, START, 10), *spread(NEW[:12], MIDDLE, 10)]).close()
    found = figures(made(tmp_path))
    assert found["amount.psi"].value is None
    assert found["amount.psi"].absent == "too few: 300 and 12 of at least 20"
    assert found["amount.missing.current"].absent == "too few: 12 of at least 20"


@pytest.mark.parametrize("exact_rows", [0, 1_000])
def test_numbers_that_no_row_has_are_said_to_have_none(tmp_path: Path, exact_rows: int) -> None:
    """Outputs without any confidence, one by one or in bins: no figure of it, and all others as ever."""
    rows = [{**each, "confidence": None} for each in drawn(60, 3)]
    record(tmp_path, [*spread(rows, START, 10), *spread(rows, MIDDLE, 10)]).close()
    found = figures(made(tmp_path, exact_rows=exact_rows))
    assert found["confidence.ks"].absent == "too few: 0 and 0 of at least 20"
    assert found["amount.ks"].value == 0


def test_nothing_to_compare_is_said(shifted: Path) -> None:
    """A window without facts gives no figure, and no error."""
    whole = report(shifted, "drift", END + DAY, END + 2 * DAY)
    assert "There are no typed facts to compare in these windows." in notices(whole)
    empty = figures(made(shifted, reference_from="2020-01-01", reference_to="2020-02-01"))
    assert empty["amount.ks"].absent == "too few: 0 and 260 of at least 20"


def test_erased_rows_are_counted_and_never_guessed(tmp_path: Path) -> None:
    """Facts of an erased person leave every distribution, and the report says how many there were."""
    vault = Vault.create(tmp_path / "store", tmp_path / "keys")
    rows = [replace(row, subject="ann" if at % 10 == 0 else f"p{at}") for at, row in enumerate(ROWS)]
    ledger = record(tmp_path / "ledger", rows, vault=vault)
    ledger.erase("ann")
    ledger.close()
    vault.close()
    whole = made(tmp_path / "ledger")
    found = values(whole)
    assert (found["amount.rows.reference"], found["amount.rows.current"]) == (270, 234)
    assert found["amount.missing.current"] == 0
    left = column([row for at, row in enumerate(NEW) if (at + 300) % 10], "amount")
    assert found["amount.mean.current"] == pytest.approx(left.mean())
    assert any("Erased: 30 rows of the reference, 26 of the current" in text for text in notices(whole))


def test_names_and_values_never_become_sql(tmp_path: Path) -> None:
    """Columns named like our own, values that look like SQL, a version that does: all are only data."""
    types = {
        "day": ("varchar", "string", "feature"),
        "current": ("double", "decimal", "feature"),
        "select": ("boolean", "boolean", "feature"),
        "approve": ("boolean", "boolean", "label"),
    }
    evil = "x'); DROP VIEW entries; --"
    rows = [
        {"day": evil if at % 2 else '"$version', "current": float(at), "select": at % 3 == 0, "approve": True}
        for at in range(60)
    ]
    more = {"model_version": "1' OR '1'='1"}
    listed = [replace(row, more=more) for row in [*spread(rows, START, 10), *spread(rows, MIDDLE, 10)]]
    record(tmp_path, listed, types=types).close()
    whole = made(tmp_path)
    found = values(whole)
    assert (found["day.psi"], found["current.ks"], found["select.cramers_v"]) == (0, 0, 0)
    assert found["current.answers.version.1' OR '1'='1"] == 60
    assert all(evil not in source.sql for source in whole.sources)


def test_out_of_contract_rates_count_too(tmp_path: Path) -> None:
    """Calls refused for a field's bound, over all calls; a jump of it counts as moved."""
    broken = {
        "breach": {"field": "amount", "bound": "at most 100"},
        "outcome": "refused",
        "reason": "CONTRACT",
    }
    rows = [Row(MIDDLE + HOUR * at, {}, broken) for at in range(40)]
    record(tmp_path, [*spread(OLD, START, 10), *spread(drawn(300, 4), MIDDLE, 10), *rows]).close()
    whole = made(tmp_path)
    found = values(whole)
    assert (found["amount.breaches.reference"], found["amount.breaches.current"]) == (0, 40 / 340)
    (finding,) = (row[-1] for row in tables(whole)["Inputs: Numbers"].rows if row[0] == "amount")
    assert finding == "moved: out of contract"


def test_new_categories_are_named_unless_rare(tmp_path: Path) -> None:
    """A category with few rows is pooled: it may name a person."""
    new = [{**row, "region": "west"} if at < 5 else row for at, row in enumerate(NEW)]
    new[7] = {**new[7], "region": "Ann Smith's"}
    record(tmp_path, [*spread(OLD, START, 10), *spread(new, MIDDLE, 10)]).close()
    whole = made(tmp_path)
    assert values(whole)["region.new_categories"] == 2
    assert tables(whole)["Inputs: New categories"].rows[0][2] == "west (5), 1 rarer (1)"


def test_labels_are_compared_by_kind_and_never_called_accuracy_of_past_decisions(tmp_path: Path) -> None:
    """Agreement with past decisions, with Wilson's interval; labels of other kinds apart."""
    rows = [
        replace(row, label=bool(row.values["approve"]) == (at % 4 > 0), label_kind="historical")
        for at, row in enumerate(ROWS)
    ]
    record(tmp_path, rows).close()
    whole = made(tmp_path)
    found = figures(whole)
    assert found["current.historical.agreement"].value == 0.75
    assert found["current.historical.labelled"].value == 260
    assert found["current.historical.agreement"].interval is not None
    assert "Answers against labels: Agreement with past decisions, approve" in tables(whole)
    assert not any("accuracy" in title.lower() for title in tables(whole))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference_from": "2026-03-01"}, "reference_to: is not given"),
        ({"reference_from": "2026-03-02", "reference_to": "2026-03-01"}, "must be after reference_from"),
        ({"reference_from": "2026-03-01", "reference_to": "2026-03-15"}, "at most the begin of the window"),
        ({"first_days": 30}, "first_days: is 30, must end before"),
        ({"first_days": 3, "reference_from": "2026-03-01"}, "first_days: excludes"),
        ({"bins": "scott"}, "bins: is 'scott', must be one of quantile, sturges, doane"),
    ],
)
def test_windows_that_make_no_sense_are_refused(shifted: Path, options: dict[str, Any], message: str) -> None:
    """The error names option, value and what would be right."""
    with pytest.raises(OptionInvalid, match=message):
        made(shifted, **options)


def test_the_first_days_can_be_the_reference(shifted: Path) -> None:
    """Of one window, the days after the first ten against these."""
    whole = report(shifted, "drift", START, END, first_days=10)
    assert values(whole)["amount.ks"] == values(made(shifted))["amount.ks"]


def test_a_contract_without_roles_is_compared_all_the_same(tmp_path: Path) -> None:
    """Columns that the contract does not describe count as inputs."""
    bare = contract({"amount": ("double", "decimal", "feature")})
    assert b'"amount"' in bare
    record(
        tmp_path, [*spread(OLD, START, 10), *spread(NEW, MIDDLE, 10)], system_file="system: credit\n"
    ).close()
    assert figures(made(tmp_path))["amount.psi"].value is not None
