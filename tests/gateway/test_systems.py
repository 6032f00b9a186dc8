# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""System files: read whole, or refused with every mistake named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud_gateway.contract import cedar_types
from ombud_gateway.draft import DeclaredTensor, draft_system
from ombud_gateway.problems import ConfigInvalid
from ombud_gateway.systems import load_systems, parse_system

CASES = sorted((Path(__file__).parent / "cases" / "systems").glob("*.yaml"))
ROOT = Path(__file__).parents[2]
KEPT = (
    "retention: {entries: {period: 2y, reason: r}, facts: {period: 12m, reason: r}, "
    "payloads: {period: 90d, reason: r}}\n"
)
GOOD = (
    "system: {0}\npurpose: p\nowner: o\nrisk: limited\nmodels: [{{name: {1}, upstream: u}}]\n"
    + KEPT.replace("{", "{{").replace("}", "}}")
)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_invalid_files_are_refused(case: Path) -> None:
    """Each case file says which problems are found in it, one a line, and those are all."""
    text = case.read_text()
    expected = [
        line.removeprefix("# expect: ") for line in text.splitlines() if line.startswith("# expect: ")
    ]
    with pytest.raises(ConfigInvalid) as refused:
        parse_system(text, file="s.yaml")
    found = [str(problem) for problem in refused.value.problems]
    assert len(expected) == len(found), found
    for want, problem in zip(expected, found, strict=True):
        assert problem.startswith("s.yaml:")
        assert want in problem


def test_the_demonstration_system_loads() -> None:
    """systems/credit.yaml is valid and owns the model `loan`."""
    systems = load_systems(ROOT / "systems", upstreams=["triton"])
    found = systems.of_model("loan")
    assert found is not None
    system, model = found
    assert (system.name, system.risk, model.upstream, len(system.contract.spec.inputs)) == (
        "credit",
        "high",
        "triton",
        18,
    )
    assert systems.of_model("other") is None


def test_the_demonstration_bundle_knows_the_contract() -> None:
    """The credit bundle's schema declares exactly what the credit contract lets policy see."""
    found = load_systems(ROOT / "systems").get("credit")
    assert found is not None
    schema = (ROOT / "policies" / "bundles" / "credit" / "schema.cedarschema").read_text()
    assert cedar_types(found.contract.spec) in schema


def test_cedar_types_leave_out_subject_and_protected() -> None:
    """A schema has no attribute that no context will hold."""
    text = GOOD.format("a", "m") + (
        "contract:\n  inputs:\n"
        "    - {name: who, type: string, role: subject}\n"
        "    - {name: age, type: integer, role: protected}\n"
        "    - {name: note, type: string, optional: true}\n"
    )
    spec = parse_system(text, file="a.yaml").contract.spec
    assert cedar_types(spec) == "type Input = {\n  note?: String,\n};\ntype Output = {};\n"


def test_a_model_belongs_to_one_system(tmp_path: Path) -> None:
    """Problems of all files are told at once, clashes between them included."""
    (tmp_path / "a.yaml").write_text(GOOD.format("a", "m"))
    (tmp_path / "b.yaml").write_text(GOOD.format("a", "m"))
    (tmp_path / "c.yaml").write_text("system: c\n")
    (tmp_path / "d.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigInvalid) as refused:
        load_systems(tmp_path, upstreams=["v"])
    text = str(refused.value)
    for expected in (
        "c.yaml: purpose: must be given",
        "d.yaml: must be readable UTF-8",
        "b.yaml: system is 'a': must not be the name of another system",
        "b.yaml: models[0].name is 'm': must not belong to another system",
        "a.yaml: models[0].upstream is 'u': must be a configured upstream: v",
    ):
        assert expected in text


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A gateway that governs nothing is a mistake."""
    with pytest.raises(ConfigInvalid, match="at least one system file"):
        load_systems(tmp_path)


def test_contract_bytes_are_canonical() -> None:
    """The object has columns in declared order, no floats, no null, sorted keys; its digest is stable."""
    text = GOOD.format("a", "m") + (
        "contract:\n"
        "  inputs:\n"
        "    - {name: amount, type: decimal, digits: 2, range: [0, 0.5], unit: EUR}\n"
        "    - {name: who, type: string, role: subject}\n"
        "    - {name: sex, type: integer, role: protected, values: [1, 2]}\n"
        "  outputs: [{name: ok, type: boolean, role: label, tensor: OK}]\n"
    )
    contract = parse_system(text, file="a.yaml").contract
    assert json.loads(contract.to_bytes())["columns"] == [
        {"name": "amount", "type": "double"},
        {"name": "who", "type": "varchar"},
        {"name": "sex", "type": "bigint"},
        {"name": "ok", "type": "boolean"},
    ]
    assert contract.to_bytes() == (
        b'{"columns":[{"name":"amount","type":"double"},{"name":"who","type":"varchar"},'
        b'{"name":"sex","type":"bigint"},{"name":"ok","type":"boolean"}],"format":"ombud-contract/1",'
        b'"inputs":[{"digits":2,"name":"amount","optional":false,"range":["0","0.5"],"role":"feature",'
        b'"tensor":"amount","type":"decimal","unit":"EUR"},{"max_bytes":1024,"name":"who","optional":false,'
        b'"role":"subject","tensor":"who","type":"string"},{"name":"sex","optional":false,"role":"protected",'
        b'"tensor":"sex","type":"integer","values":["1","2"]}],"outputs":[{"name":"ok","optional":false,'
        b'"role":"label","tensor":"OK","type":"boolean"}]}'
    )
    assert parse_system(text, file="b.yaml").contract.digest == contract.digest


def test_a_draft_types_what_it_can() -> None:
    """Fixed small tensors become fields, others a comment that says why."""
    system, text = draft_system(
        "My Model/1",
        "triton",
        inputs=[
            DeclaredTensor("X", "FP32", (-1, 2)),
            DeclaredTensor("TEXT", "BYTES", (1,), optional=True),
            DeclaredTensor("tokens", "INT64", (-1,)),
            DeclaredTensor("image", "FP32", (1, 3, 224, 224)),
            DeclaredTensor("matrix", "FP32", (2, 2)),
            DeclaredTensor("in", "UINT8", (1,)),
        ],
        outputs=[DeclaredTensor("y", "FP8", (1,))],
        keep="24m",
        reason="a trial",
    )
    assert (system.name, [model.name for model in system.models]) == ("my_model_1", ["My Model/1"])
    assert [
        (field.name, field.type, field.source, field.position) for field in system.contract.spec.inputs
    ] == [
        ("x_0", "decimal", "X", 0),
        ("x_1", "decimal", "X", 1),
        ("text", "string", "TEXT", None),
        ("x_in", "integer", "in", None),
    ]
    for comment in (
        "tensor tokens, INT64 [-1]: of variable size",
        "tensor image, FP32 [1, 3, 224, 224]: more than 32 elements",
        "tensor matrix, FP32 [2, 2]: its first dimension does not count rows",
        "tensor y, FP8 [1]: of no known datatype",
    ):
        assert f"# left out: {comment}" in text


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Random files are refused by name, never by a crash."""
    with pytest.raises(ConfigInvalid):
        parse_system(text, file="s.yaml")


TENSORS = st.lists(
    st.builds(
        DeclaredTensor,
        name=st.text(min_size=1, max_size=30),
        datatype=st.sampled_from(["FP32", "INT64", "BOOL", "BYTES", "FP8"]),
        shape=st.lists(st.integers(-1, 20), max_size=3).map(tuple),
        optional=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda tensor: tensor.name,
)


@given(st.text(min_size=1, max_size=60), TENSORS, TENSORS, st.booleans())
def test_every_draft_is_a_valid_system(
    model: str, inputs: list[DeclaredTensor], outputs: list[DeclaredTensor], batched: bool
) -> None:
    """Whatever a server calls its models and tensors, the drafted file reads back as that model's system."""
    system, text = draft_system(
        model, "u", inputs=inputs, outputs=outputs, keep="24m", reason=model, batched=batched
    )
    assert parse_system(text, file="x").contract.digest == system.contract.digest
    assert system.models[0].name == model
