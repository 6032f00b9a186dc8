# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A gateway that knows people apart, and those who answer for a system at its command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from integration.gateway import Caller, Gateway, Workspace, amount, infer_request
from ombud_cli.demo.upstream import ModelServer
from ombud_cli.main import app
from ombud_ledger import query

ANSWERS: Final = """
@id("privacy-answers-people")
permit (
  principal == User::"privacy",
  action in [Action::"read", Action::"administer", Action::"erase"],
  resource == Vault::"ombud"
);
"""
_KEEPS: Final = """
@id("owners-report")
permit (
  principal == User::"owner", action in [Action::"label", Action::"report"], resource == System::"study"
);

@id("privacy-settles-too")
permit (principal == User::"privacy", action == Action::"approve", resource);
"""


@pytest.fixture(scope="module")
def peopled(triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway with a vault, for labels, incidents and requests; at the end its ledger must verify."""
    root = tmp_path_factory.mktemp("people")
    with Gateway(with_vault(Workspace(root, triton.grpc_address, more_policy=ANSWERS + _KEEPS))) as served:
        yield served
    found = served.verify()
    assert found.exit_code == 0, found.to_json()


def with_vault(made: Workspace) -> Workspace:
    """Give a gateway's folder a vault."""
    made.configure(vault={"folder": "vault", "keys": "vault-keys"})
    done = CliRunner().invoke(app, ["vault", "init", "-c", str(made.config)])
    assert done.exit_code == 0, done.stderr
    return made


def ask(gateway: Gateway, name: str, *arguments: object) -> Result:
    """Run `ombud` against the gateway as the named principal."""
    runner = CliRunner(env={"OMBUD_GATEWAY": gateway.address, "OMBUD_TOKEN": gateway.workspace.tokens[name]})
    return runner.invoke(app, [*map(str, arguments)])


def decide(caller: Caller, person: str) -> str:
    """Ask `echo` about a person; return the decision's id."""
    wire = caller.send("ModelInfer", infer_request("echo", amount(100.0, 0.75, person.encode())))
    assert wire.code == "OK"
    return wire.decision


def places_of(gateway: Gateway, words: str) -> list[str]:
    """Name every file under the gateway's folder, and every cell of the ledger, that holds the words."""
    found = [
        str(path)
        for path in gateway.workspace.root.rglob("*")
        if path.is_file() and words.encode() in path.read_bytes()
    ]
    with query.connect(gateway.workspace.ledger) as ledger:
        for view in ("entries", "facts", "facts_study"):
            for row in ledger.execute(f"SELECT * FROM {view}").fetchall():  # noqa: S608
                found += [view for cell in row if words in str(cell)]
    return found
