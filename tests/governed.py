# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A small governed system, in files: one model, its contract, a bundle with every kind of verdict, tokens."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tritonclient.grpc import service_pb2 as wire

from ombud_gateway.identity import TokenFile, parse_principal

MODEL: Final = "scorer"
AGENT: Final = 'Agent::"intake"'
OFFICER: Final = 'User::"olga"'
OPERATOR: Final = 'User::"otto"'
STRANGER: Final = 'Agent::"nobody"'
SURE: Final = 0.75
UNSURE: Final = 0.25
"""A score that policy holds for an officer."""
SMALL: Final = 100.0
HOLDS: Final = 13.0
"""An amount that stubs of a model server answer with `UNSURE`, as all below `SURE_FROM`."""
SURE_FROM: Final = 20.0
LARGE: Final = 2_000.0
"""An amount that an officer must see before the model does."""
FORBIDDEN: Final = 7_000.0
BREACH: Final = -1.0
"""An amount outside the contract."""

SYSTEM: Final = """\
system: lending
purpose: Score applications in tests.
owner: The tests
risk: minimal
retention:
  entries: {period: 12m, reason: The tests read them back.}
  facts: {period: 12m, reason: The tests read them back.}
  payloads: {period: 30d, reason: The tests read them back.}
models:
  - {name: scorer, upstream: models, cost_micros: 40, currency: EUR}
contract:
  inputs:
    - {name: amount, type: decimal, digits: 2, range: [0, 10000]}
    - {name: applicant, type: string, optional: true, role: subject}
  outputs:
    - {name: score, type: decimal, digits: 4, range: [0, 1], role: score}
"""

SCHEMA: Final = """\
entity Group;
entity Agent in [Group];
entity Workflow in [Group];
entity Service in [Group];
entity User in [Group];
entity Anonymous;
entity System;
entity Model in [System];
entity Upstream;
entity Gateway;
entity Review;
type Approval = { review: String, groups: Set<String>, approvers: Long };
type Requester = {
  agent?: Agent, anonymous?: Anonymous, service?: Service, user?: User, workflow?: Workflow,
};
type Input = { amount: decimal };
type Output = { score: decimal };
action infer appliesTo {
  principal: [Agent, Workflow, Service, User], resource: [Model],
  context: {
    system: String, method: String, model_version: String, shared_memory: Bool, attempt: Long,
    approval?: Approval, input: Input,
  },
};
action release appliesTo {
  principal: [Agent, Workflow, Service, User], resource: [Model],
  context: {
    system: String, method: String, model_version: String, shared_memory: Bool, attempt: Long,
    approval?: Approval, input: Input, output: Output,
  },
};
action explain appliesTo {
  principal: [Agent, Workflow, Service, User], resource: [Model],
  context: {
    system: String, method: String, model_version: String, cases: Long, decision: String, approval?: Approval,
  },
};
action read appliesTo {
  principal: [Agent, Workflow, Service, User], resource: [Model, Upstream, Gateway],
  context: { system: String, method: String, approval?: Approval },
};
action administer appliesTo {
  principal: [Agent, Workflow, Service, User], resource: [Model, Upstream, Gateway],
  context: { system: String, method: String, declared_digest?: String, approval?: Approval },
};
action approve appliesTo {
  principal: [User, Service], resource: [Review],
  context: {
    system: String, method: String, group: String, requester: Requester, stage: String, decision: String,
  },
};
action activate appliesTo {
  principal: [User, Service], resource: [Gateway],
  context: { system: String, method: String, old: String, new: String },
};
action invoke, stop, erase;
"""

POLICIES: Final = """\
@id("agents-ask")
@capture("features")
permit (
  principal in Group::"agents",
  action in [Action::"infer", Action::"release"],
  resource == Model::"scorer"
);

@id("officers-explain")
permit (principal in Group::"officers", action == Action::"explain", resource == Model::"scorer")
when { context.cases <= 100 };

@id("agents-read")
permit (principal in Group::"agents", action == Action::"read", resource);

@id("agents-map-memory")
permit (principal in Group::"agents", action == Action::"administer", resource == Model::"scorer")
when { context.method == "SharedMemory" }
when { context has declared_digest && context.declared_digest == "sound" };

@id("too-much")
forbid (principal, action == Action::"infer", resource)
when { context.input.amount.greaterThan(decimal("5000.0")) };

@id("large")
@review("officers")
forbid (principal, action == Action::"infer", resource)
when { context.input.amount.greaterThan(decimal("1000.0")) }
unless { context has approval && context.approval.groups.contains("officers") };

@id("unsure")
@review("officers")
forbid (principal, action == Action::"release", resource)
when { context.output.score.lessThan(decimal("0.5")) }
unless { context has approval && context.approval.groups.contains("officers") };

@id("officers-settle")
permit (principal in Group::"officers", action in [Action::"approve", Action::"read"], resource);

@id("operators-run")
permit (
  principal in Group::"operators",
  action in [Action::"activate", Action::"administer", Action::"read"],
  resource == Gateway::"ombud"
);
"""

ENTITIES: Final = """\
[
  {"uid": {"type": "Group", "id": "agents"}, "attrs": {}, "parents": []},
  {"uid": {"type": "Group", "id": "officers"}, "attrs": {}, "parents": []},
  {"uid": {"type": "Group", "id": "operators"}, "attrs": {}, "parents": []},
  {"uid": {"type": "Agent", "id": "intake"}, "attrs": {}, "parents": [{"type": "Group", "id": "agents"}]},
  {"uid": {"type": "User", "id": "olga"}, "attrs": {}, "parents": [{"type": "Group", "id": "officers"}]},
  {"uid": {"type": "User", "id": "otto"}, "attrs": {}, "parents": [{"type": "Group", "id": "operators"}]}
]
"""

_CONFIG: Final = """\
systems = "systems"
[gateway]
listen = "127.0.0.1:{port}"
drain_seconds = 10
[upstreams.models]
address = "127.0.0.1:{upstream}"
timeout_seconds = 20
[ledger]
path = "ledger"
operator = "acme.example"
deployment = "test"
seal_entries = {seal_entries}
[policy]
bundle = "bundle"
[identity]
tokens = "tokens.toml"
[review]
database = "reviews.sqlite"
key_file = "reviews.key"
[telemetry]
log_level = "warning"
"""


def bundle_files(policies: str = POLICIES) -> dict[str, bytes]:
    """Return the files of the bundle."""
    return {
        "policies.cedar": policies.encode(),
        "schema.cedarschema": SCHEMA.encode(),
        "entities.json": ENTITIES.encode(),
    }


@dataclass(frozen=True)
class Deployment:
    """A folder with everything a gateway needs; tokens by principal."""

    folder: Path
    config: Path
    port: int
    tokens: dict[str, str]

    @property
    def address(self) -> str:
        """Where the gateway listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def ledger(self) -> Path:
        """The ledger's root."""
        return self.folder / "ledger"

    def metadata(self, principal: str = AGENT, **more: str) -> tuple[tuple[str, str], ...]:
        """Return a principal's bearer token and `ombud-*` entries, underscores written as dashes."""
        named = ((f"ombud-{key.replace('_', '-')}", value) for key, value in more.items())
        return (("authorization", f"Bearer {self.tokens[principal]}"), *named)


def deploy(folder: Path, *, port: int, upstream: int, seal_entries: int = 65_536) -> Deployment:
    """Write the files of a deployment."""
    (folder / "systems").mkdir(parents=True)
    (folder / "systems/lending.yaml").write_text(SYSTEM)
    (folder / "bundle").mkdir()
    for name, content in bundle_files().items():
        (folder / "bundle" / name).write_bytes(content)
    config = folder / "ombud.toml"
    config.write_text(_CONFIG.format(port=port, upstream=upstream, seal_entries=seal_entries))
    file = TokenFile(folder / "tokens.toml")
    tokens = {name: file.create(parse_principal(name)) for name in (AGENT, OFFICER, OPERATOR, STRANGER)}
    return Deployment(folder, config, port, tokens)


def infer_request(amount: float, *, applicant: str = "", name: str = "") -> Any:
    """Return a `ModelInferRequest` for one application."""
    request = wire.ModelInferRequest(model_name=MODEL, id=name)
    request.inputs.add(name="amount", datatype="FP64", shape=[1])
    request.raw_input_contents.append(struct.pack("<d", amount))
    if applicant:
        text = applicant.encode()
        request.inputs.add(name="applicant", datatype="BYTES", shape=[1])
        request.raw_input_contents.append(struct.pack("<I", len(text)) + text)
    return request


def score_of(amount: float) -> float:
    """Return what stubs of a model server answer."""
    return SURE if amount >= SURE_FROM else UNSURE


def infer_response(score: float, *, name: str = "") -> Any:
    """Return the `ModelInferResponse` with a score."""
    response = wire.ModelInferResponse(model_name=MODEL, model_version="1", id=name)
    response.outputs.add(name="score", datatype="FP64", shape=[1])
    response.raw_output_contents.append(struct.pack("<d", score))
    return response
