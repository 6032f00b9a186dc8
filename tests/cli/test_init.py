# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud init` and `ombud config check`: from a model server's metadata to a gateway that can start."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc import service_pb2 as wire
from typer.testing import CliRunner, Result

from cli.fakes import serving
from ombud_cli.main import app
from ombud_gateway.identity import Bearer, Principal
from ombud_gateway.systems import load_systems
from ombud_policies import Bundle, Engine, Question, Uid

KEEP = ("--keep", "24m", "--keep-reason", "until complaints have lapsed")
SERVICE = "/inference.GRPCInferenceService/"


def ombud(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def loans() -> dict[str, Any]:
    """What a server says of a batching model with two inputs and two outputs."""
    tensor = wire.ModelMetadataResponse.TensorMetadata
    metadata = wire.ModelMetadataResponse(
        name="Loans-v2",
        inputs=[
            tensor(name="amount", datatype="FP32", shape=[-1, 1]),
            tensor(name="months", datatype="INT32", shape=[-1, 1]),
        ],
        outputs=[
            tensor(name="approve", datatype="BOOL", shape=[-1, 1]),
            tensor(name="confidence", datatype="FP64", shape=[-1, 1]),
        ],
    )
    config = model_config_pb2.ModelConfig(name="Loans-v2", max_batch_size=8)
    config.input.append(model_config_pb2.ModelInput(name="amount"))
    config.input.append(model_config_pb2.ModelInput(name="months", optional=True))
    return {
        f"{SERVICE}ModelMetadata": metadata,
        f"{SERVICE}ModelConfig": wire.ModelConfigResponse(config=config),
    }


@pytest.fixture
def drafted(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A drafted gateway and what init said of it."""
    folder = tmp_path / "governed"
    with serving(loans()) as (address, _):
        done = ombud("init", "--upstream", address, "--model", "Loans-v2", *KEEP, "--dir", folder, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    return folder, json.loads(done.stdout)


def test_init_drafts_a_gateway_that_checks(drafted: tuple[Path, dict[str, Any]]) -> None:
    """Configuration, system, bundle and token hold together, and the next commands are said."""
    folder, said = drafted
    assert [f"cd {folder} && ombud config check", f"cd {folder} && ombud serve"] == said["next"]
    checked = ombud("config", "check", folder / "ombud.toml", "--json")
    about = json.loads(checked.stdout)
    assert (
        checked.exit_code,
        about["valid"],
        about["systems"],
        about["tokens"],
    ) == (0, True, ["loans_v2"], 1)
    assert about["retention"] == [
        {"system": "loans_v2", "kept": part, "for": "24m", "because": KEEP[3]}
        for part in ("entries", "facts", "payloads")
    ]
    table = ombud("config", "check", folder / "ombud.toml").stdout
    assert [line.split() for line in table.splitlines() if "payloads" in line] == [
        ["loans_v2", "payloads", "24m", *KEEP[3].split()]
    ]
    assert Principal("Agent", "first-agent") == Bearer(folder / "tokens.toml").principal(
        f"Bearer {said['token']}"
    )
    assert {f"{folder}/ombud.toml", f"{folder}/systems/loans_v2.yaml", f"{folder}/tokens.toml"} <= set(
        said["files"]
    )


@pytest.mark.parametrize(
    ("keep", "reason", "wrong"),
    [
        ("2 years", "why", "--keep: is '2 years', must be a whole number"),
        ("2y", " ", "--keep-reason: must say why"),
    ],
)
def test_init_takes_no_default_for_retention(tmp_path: Path, keep: str, reason: str, wrong: str) -> None:
    """Somebody says how long and why, or nothing is drafted."""
    with serving(loans()) as (address, _):
        arguments = ["init", "--upstream", address, "--model", "Loans-v2", "--dir", tmp_path / "new"]
        left_out = ombud(*arguments)
        refused = ombud(*arguments, "--keep", keep, "--keep-reason", reason)
    assert (left_out.exit_code, "--keep" in left_out.stderr) == (2, True)
    assert wrong in refused.stderr
    assert not (tmp_path / "new").exists()


def test_the_drafted_bundle_observes_the_drafted_system(drafted: tuple[Path, dict[str, Any]]) -> None:
    """A call with the system's features is allowed, with and without the optional one."""
    folder, _ = drafted
    system = load_systems(folder / "systems", upstreams=["main"]).get("loans_v2")
    assert system is not None
    assert [(field.name, field.optional) for field in system.contract.spec.inputs] == [
        ("amount", False),
        ("months", True),
    ]
    engine = Engine(Bundle.load(folder / "policies" / "loans_v2"))
    verdict = engine.decide(
        Question(
            Uid("Agent", "first-agent"),
            "infer",
            Uid("Model", "Loans-v2"),
            {
                "system": "loans_v2",
                "method": "ModelInfer",
                "model_version": "",
                "shared_memory": False,
                "attempt": 1,
                "input": {"months": 12},
            },
        )
    )
    assert (verdict.kind, verdict.policies) == ("allow", ("observe-calls",))


def test_init_never_overwrites(drafted: tuple[Path, dict[str, Any]]) -> None:
    """A second init into the same folder changes nothing and ends with 2."""
    folder, _ = drafted
    before = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    with serving(loans()) as (address, _asked):
        done = ombud("init", "--upstream", address, "--model", "Loans-v2", *KEEP, "--dir", folder)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ombud: --dir: {folder}/ombud.toml is there already")
    assert before == {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_init_takes_a_name_and_says_the_token_once(tmp_path: Path) -> None:
    """--name names system and bundle; people get the token on stdout, and it is in no file."""
    with serving(loans()) as (address, _):
        done = ombud(
            "init", "--upstream", address, "--model", "Loans-v2", *KEEP, "--name", "credit", "--dir", tmp_path
        )
    assert done.exit_code == 0
    (token,) = [line for line in done.stdout.splitlines() if line.startswith("ombud_")]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert [content for content in written if token.encode() in content] == []
    config = tomllib.loads((tmp_path / "ombud.toml").read_text())
    assert config["policy"]["bundle"] == "policies/credit"
    assert ombud("config", "check", tmp_path / "ombud.toml").exit_code == 0


def test_init_works_without_a_model_configuration(tmp_path: Path) -> None:
    """A server that has no ModelConfig is a KServe v2 server all the same."""
    replies = loans()
    del replies[f"{SERVICE}ModelConfig"]
    with serving(replies) as (address, _):
        done = ombud("init", "--upstream", address, "--model", "Loans-v2", *KEEP, "--dir", tmp_path)
    assert done.exit_code == 0
    assert ombud("config", "check", tmp_path / "ombud.toml").exit_code == 0


@pytest.mark.parametrize(
    ("name", "expected"), [("Bad Name", "--name: system is 'Bad Name'"), ("a" * 60, "--name: system is ")]
)
def test_init_refuses_a_name_no_system_can_have(tmp_path: Path, name: str, expected: str) -> None:
    """A name that no system can have is refused before anything is written."""
    with serving(loans()) as (address, _):
        done = ombud(
            "init", "--upstream", address, "--model", "Loans-v2", *KEEP, "--name", name, "--dir", tmp_path
        )
    assert done.exit_code == 2
    assert expected in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_names_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """Nobody listening is exit code 2, one line, and nothing written."""
    done = ombud("init", "--upstream", "127.0.0.1:1", "--model", "m", *KEEP, "--dir", tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith("ombud: --upstream: 127.0.0.1:1 cannot be asked: UNAVAILABLE")
    assert list(tmp_path.iterdir()) == []


def test_config_check_names_what_the_schema_does_not_fit(drafted: tuple[Path, dict[str, Any]]) -> None:
    """A feature of another type, and one that the contract has not, are named; exit code 1."""
    folder, _ = drafted
    schema = folder / "policies" / "loans_v2" / "schema.cedarschema"
    text = schema.read_text().replace("amount: decimal", "amount: Long, income: Long")
    schema.write_text(text)
    done = ombud("config", "check", folder / "ombud.toml", "--json")
    assert done.exit_code == 1
    where = f"{schema}: system loans_v2, action {{}}, context.input"
    why = "the contract has no such field"
    expected = []
    for action in ("infer", "release"):
        at = where.format(action)
        expected += [
            f"{at}.amount: is Long in the schema, must be decimal as in the contract",
            f"{at}.income: is required by the schema, but {why}; write `income?: Long`",
        ]
    assert expected == json.loads(done.stdout)["problems"]


def test_config_check_names_every_problem(drafted: tuple[Path, dict[str, Any]]) -> None:
    """Systems, policies and tokens are all looked at, whatever else is wrong."""
    folder, _ = drafted
    (folder / "systems" / "loans_v2.yaml").write_text("system: Loans\n")
    (folder / "policies" / "loans_v2" / "entities.json").write_text("[")
    (folder / "tokens.toml").write_text("nonsense")
    done = ombud("config", "check", folder / "ombud.toml")
    assert done.exit_code == 1
    assert [
        name for name in ("loans_v2.yaml", "entities.json", "tokens.toml") if name not in done.stdout
    ] == []
    assert "does not hold" in done.stdout


def test_config_check_without_a_file_is_bad_input(tmp_path: Path) -> None:
    """No configuration file is exit code 2, and says how to get one."""
    done = ombud("config", "check", tmp_path / "ombud.toml")
    assert done.exit_code == 2
    assert "`ombud init` drafts one" in done.stderr
