# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Explaining real decisions of the loan model: real Triton, a real gateway, the command line as its users
run it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException
from typer.testing import CliRunner

from integration.gateway import Gateway, Workspace
from ombud_cli.demo.upstream import ModelServer, Prepared, held_out_half, infer_inputs, load
from ombud_cli.main import app
from ombud_ledger import query
from ombud_reports.explain import parse_transcript
from ombud_reports.kinds import Given
from ombud_reports.making import make
from ombud_reports.result import Figure, Notice, Report, Text

REPOSITORY: Final = Path(__file__).parents[2]
APPLICATIONS: Final = 60
MORE: Final = """\
@id("the-agent-asks")
permit (principal == Agent::"agent", action in [Action::"infer", Action::"release", Action::"read"], resource)
when { context.system == "credit" };
@id("the-reviewer-explains")
permit (principal == User::"reviewer", action in [Action::"explain", Action::"read"], resource)
when { context.system == "credit" };
"""


@pytest.fixture(scope="module")
def served(triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway over the credit system that has decided some applications; at the end its ledger verifies."""
    workspace = Workspace(
        tmp_path_factory.mktemp("explain"),
        triton.grpc_address,
        bundle=REPOSITORY / "policies/bundles/credit",
        systems=REPOSITORY / "systems",
        more_policy=MORE,
    )
    with Gateway(workspace) as gateway, gateway.caller("agent") as caller:
        for application in held_out_half(load())[:APPLICATIONS]:
            with suppress(InferenceServerException):  # denied, or held for a person
                caller.client.infer("loan", infer_inputs(application), headers=caller.headers())
        yield gateway
    assert gateway.verify().exit_code == 0


@pytest.fixture(scope="module")
def decision(served: Gateway) -> str:
    """One answered decision whose case leaves nothing out."""
    found = served.entries("e.action = 'infer' AND e.outcome = 'answered'")
    most = max(len(entry.facts["values"]) for entry in found if entry.facts)
    return next(
        str(entry.record["id"]) for entry in found if entry.facts and len(entry.facts["values"]) == most
    )


def explain(gateway: Gateway, out: Path, *options: str, caller: str = "reviewer") -> Any:
    """Run `ombud explain` as somebody."""
    arguments = ["explain", str(gateway.workspace.ledger), "--system", "credit", "--out", str(out)]
    environment = {"OMBUD_TOKEN": gateway.workspace.tokens[caller], "OMBUD_GATEWAY": gateway.address}
    return CliRunner().invoke(app, [*arguments, *options], env=environment)


@pytest.fixture(scope="module")
def answers(served: Gateway, decision: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the model answered about that decision."""
    out = tmp_path_factory.mktemp("answers") / "answers.json"
    result = explain(served, out, "--decision", decision, "--pairs", "60", "--background", "20")
    assert result.exit_code == 0, result.output
    return out


def report(gateway: Gateway, **options: object) -> Report:
    """Make the report over the ledger as it is now."""
    with query.connect(gateway.workspace.ledger) as ledger:
        return make("explain", ledger, system="credit", options=options)


def given(path: Path) -> Given:
    """A file as a report is given it."""
    return Given(path, sha256(path.read_bytes()).hexdigest())


def figures(made: Report) -> dict[str, Figure]:
    """Figures by name."""
    return {figure.name: figure for figure in made.figures()}


def words(made: Report, title: str) -> str:
    """All that a section says in words."""
    (section,) = (each for each in made.sections if each.title == title)
    return "\n".join(block.text for block in section.blocks if isinstance(block, Text | Notice))


def test_attributions_of_a_real_decision_are_those_of_the_trees(
    served: Gateway, decision: str, answers: Path, prepared: Prepared
) -> None:
    """Through gateway and Triton as in closed form on the saved trees: within error bars, and the sum is
    exact."""
    found = figures(report(served, decision=decision, answers=given(answers)))
    expected = _exact(served, answers, prepared)

    values = {name: found[f"attribution.{name}"] for name in expected}
    assert found["additivity.gap"].value == pytest.approx(0, abs=1e-9)
    assert sum(float(figure.value or 0) for figure in values.values()) == pytest.approx(
        float(found["answer"].value or 0) - float(found["base"].value or 0), abs=1e-9
    )
    for name, figure in values.items():
        assert figure.interval is not None
        width = figure.interval.high - figure.interval.low
        assert abs(float(figure.value or 0) - expected[name]) <= width + 1e-9, name
    assert math.isclose(
        sum(expected.values()), sum(float(f.value or 0) for f in values.values()), abs_tol=1e-9
    )


def test_every_explanation_call_is_recorded_and_marked(served: Gateway, decision: str, answers: Path) -> None:
    """Each is recorded of whoever explains, names the decision explained and how many cases, keeps no
    facts."""
    calls = parse_transcript(answers.read_bytes()).calls
    entries = {
        str(entry.record["id"]): entry
        for entry in served.entries("e.action = 'explain' AND e.decision = $1", decision)
    }

    assert [call.decision for call in calls] == list(entries)
    for call in calls:
        record = entries[call.decision].record
        assert {
            key: record[key]
            for key in ("kind", "principal", "verdict", "outcome", "cases", "decision", "policies")
        } == {
            "kind": "decision",
            "principal": 'User::"reviewer"',
            "verdict": "allow",
            "outcome": "answered",
            "cases": call.cases,
            "decision": decision,
            "policies": ["the-reviewer-explains"],
        }
        assert record["requests"] == call.cases  # the model takes one case at a time
        assert entries[call.decision].facts is None
    found = figures(report(served, decision=decision, answers=given(answers)))
    assert found["explanation.calls"].value == found["explanation.same"].value == len(calls)
    assert found["explanation.cases"].value == sum(call.cases for call in calls)


def test_figures_follow_from_the_file_without_the_model(
    served: Gateway, decision: str, answers: Path
) -> None:
    """Made twice, the report is the same, figure by figure; the file is for its owner alone."""
    first, second = (figures(report(served, decision=decision, answers=given(answers))) for _ in range(2))

    model = [name for name in first if not name.startswith("basis.")]
    assert {name: first[name] for name in model} == {name: second[name] for name in model}
    assert answers.stat().st_mode & 0o777 == 0o600


def test_a_changed_file_of_answers_is_refused_or_shows(
    served: Gateway, decision: str, answers: Path, tmp_path: Path
) -> None:
    """An answer that was changed does not pass for what the model says: the sum no longer tells the recorded
    answer."""
    body = json.loads(answers.read_bytes())
    body["asked"][0]["outputs"][0][1] = 0.5
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(body))

    with pytest.raises(Exception, match="otherwise than is recorded"):
        report(served, decision=decision, answers=given(changed))


def test_the_nearest_other_answer_is_one_that_the_model_gives(
    served: Gateway, decision: str, answers: Path
) -> None:
    """The counterfactual was put to the model itself: its explained number is on the other side of even
    odds."""
    found = figures(report(served, decision=decision, answers=given(answers)))

    before, after = float(found["answer"].value or 0), float(found["counterfactual.answer"].value or 0)
    assert before * after <= 0
    assert float(found["counterfactual.distance"].value or 0) > 0


def test_reasons_and_letter_rest_on_the_record(served: Gateway, decision: str) -> None:
    """Without the model there are policies with file and line, similar decisions, and a draft to be
    signed."""
    made = report(served, decision=decision, similar=3)

    assert [f"similar.{at}.distance" in figures(made) for at in (1, 2, 3, 4)] == [True, True, True, False]
    assert "let through" in words(made, "Recorded reasons")
    letter = words(made, "Letter to the person (draft)")
    assert "DRAFT" in letter
    assert "to be signed by a person" in letter
    assert "loan officer remains responsible" in letter


def test_another_model_than_decided_is_refused(served: Gateway, decision: str, tmp_path: Path) -> None:
    """A gateway whose system declares another artifact is told apart before anything is explained."""
    system = served.workspace.root / "systems" / "credit.yaml"
    kept = system.read_text()
    system.write_text(kept.replace("upstream: triton", f"upstream: triton\n    artifact_digest: {'ab' * 32}"))
    served.stop()
    try:
        with Gateway(served.workspace) as changed:
            result = explain(changed, tmp_path / "a.json", "--decision", decision)
    finally:
        system.write_text(kept)
        served.__enter__()

    assert (result.exit_code, (tmp_path / "a.json").exists()) == (1, False)
    assert "the live model is not the one that decided: it has artifact abababab" in result.stderr


def test_who_may_not_explain_is_refused(served: Gateway, decision: str, tmp_path: Path) -> None:
    """The agent that may ask for decisions gets no answer past release by calling it an explanation."""
    result = explain(served, tmp_path / "a.json", "--decision", decision, caller="agent")

    assert result.exit_code == 1
    assert "PERMISSION_DENIED (DENIED)" in result.stderr


def test_a_system_is_explained_by_a_sample(served: Gateway, tmp_path: Path) -> None:
    """Weights with intervals, dependence by bins, and a rank correlation of 1 with itself."""
    out = tmp_path / "system.json"
    result = explain(served, out, "--sample", "8", "--pairs", "10", "--background", "10")
    assert result.exit_code == 0, result.output

    found = figures(report(served, answers=given(out), against=given(out)))

    assert found["sample"].value == 8
    assert found["weight.consumer_credit"].interval is not None
    assert found["stability.rank"].value == pytest.approx(1.0)
    assert any(name.startswith("dependence.loan_amount.") for name in found)


def _exact(gateway: Gateway, answers: Path, prepared: Prepared) -> dict[str, float]:
    """Shapley values of the saved trees in closed form, leaf by leaf, against the same background rows."""
    path = next(prepared.repository.rglob("model.json"))
    model = json.loads(path.read_text())
    transcript = parse_transcript(answers.read_bytes())
    (case,) = _rows(gateway, [transcript.case or ("", 0)], model)
    values = np.zeros(len(model["features"]))
    for other in _rows(gateway, list(transcript.background), model):
        for tree in model["trees"]:
            _leaves(tree, 0, (case, other), frozenset(), frozenset(), values)
    values *= model["calibration"]["slope"] / len(transcript.background)
    return {feature["name"]: float(value) for feature, value in zip(model["features"], values, strict=True)}


def _rows(gateway: Gateway, places: list[tuple[str, int]], model: dict[str, Any]) -> list[list[float | None]]:
    found = []
    for log, seq in places:
        (entry,) = gateway.entries("e.log = $1 AND e.seq = $2", log, seq)
        values = (entry.facts or {})["values"]
        row = [values.get(feature["name"]) for feature in model["features"]]
        found.append([None if value is None else float(value) for value in row])
    return found


def _leaves(  # noqa: PLR0917 - it calls itself
    tree: list[Any],
    at: int,
    rows: tuple[list[float | None], list[float | None]],
    ours: frozenset[int],
    theirs: frozenset[int],
    values: Any,  # added to
) -> None:
    node = tree[at]
    if len(node) == 1:
        a, b = len(ours), len(theirs)
        for feature in ours:
            values[feature] += node[0] * math.factorial(a - 1) * math.factorial(b) / math.factorial(a + b)
        for feature in theirs:
            values[feature] -= node[0] * math.factorial(a) * math.factorial(b - 1) / math.factorial(a + b)
        return
    feature, threshold, missing_left, left, right = node

    def side(row: list[float | None]) -> bool:
        value = row[feature]
        return bool(missing_left) if value is None else value <= threshold

    for branch, goes in ((left, True), (right, False)):
        mine, hers = (side(row) == goes for row in rows)
        if mine and hers:
            _leaves(tree, branch, rows, ours, theirs, values)
        elif mine and feature not in theirs:
            _leaves(tree, branch, rows, ours | {feature}, theirs, values)
        elif hers and feature not in ours:
            _leaves(tree, branch, rows, ours, theirs | {feature}, values)
