# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A real gateway before real Triton: `ombud serve` as a process of its own, and what clients do with it.

`gateway` is one for the whole session, over the systems `study` (echo) and `timing` and the bundle `trial`; a
test that stops, restarts or reconfigures its gateway runs one of its own with `Workspace` and `Gateway`.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import InferenceServerClient, InferInput

from integration.triton import tensor
from ombud.v1 import policy_pb2
from ombud_cli.demo.upstream import ModelServer
from ombud_gateway.identity import TokenFile, parse_principal
from ombud_gateway.systems import load_systems
from ombud_ledger import Verification, query, verify
from ombud_policies import Bundle

__all__ = [
    "BUNDLES",
    "PRINCIPALS",
    "SECONDS",
    "TRIAL",
    "Caller",
    "Entry",
    "Gateway",
    "Wire",
    "Workspace",
    "agent",
    "amount",
    "direct",
    "gateway",
    "infer_request",
    "number",
    "plain",
    "until",
]

HERE: Final = Path(__file__).parent
BUNDLES: Final = HERE / "bundles"
TRIAL: Final = BUNDLES / "trial"
SYSTEMS: Final = HERE / "systems"
SECONDS: Final = 20.0
"""How long a test waits for something that should come at once."""

PRINCIPALS: Final = {
    "agent": 'Agent::"agent"',
    "other": 'Agent::"other"',
    "sharer": 'Agent::"sharer"',
    "stranger": 'Agent::"stranger"',
    "operator": 'User::"operator"',
    "owner": 'User::"owner"',
    "privacy": 'User::"privacy"',
    "reviewer": 'User::"reviewer"',
    "senior": 'User::"senior"',
}
"""Who holds a token. No policy of the bundle `trial` knows the stranger,
nor privacy, who answers people where a test says so."""

_SERVICE = "inference.GRPCInferenceService"
_VOLATILE = frozenset(
    {"added_us", "facts_commit", "facts_contract", "kind", "request_bytes", "response_bytes", "ts"}
)
_T = TypeVar("_T")


def until(found: Callable[[], _T | None], what: str, seconds: float = SECONDS) -> _T:
    """Ask again and again until there is an answer; fail naming what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger entry as it is stored: the record, and the facts beside it."""

    seq: int
    record: Mapping[str, Any]
    facts: Mapping[str, Any] | None

    @property
    def kind(self) -> str:
        """Kind of the entry."""
        return str(self.record["kind"])


def plain(entry: Entry) -> dict[str, Any]:
    """Return a record without what differs from run to run: times, sizes, salted hashes; steps by name."""
    kept = {key: value for key, value in entry.record.items() if key not in _VOLATILE}
    if "steps" in kept:
        kept["steps"] = sorted(kept["steps"])
    return {"kind": entry.kind, **kept}


class Workspace:
    """A gateway's folder: configuration, systems, bundle, tokens; the ledger comes to lie in it."""

    def __init__(
        self,
        root: Path,
        upstream: str,
        *,
        bundle: Path = TRIAL,
        more_policy: str = "",
        systems: Path = SYSTEMS,
        **sections: Mapping[str, Any],
    ) -> None:
        """Write everything. `sections` add to, or replace keys of, the sections of `ombud.toml`."""
        self.root = root
        self.config = root / "ombud.toml"
        self.bundle = root / "bundle"
        self.ledger = root / "ledger"
        root.mkdir(parents=True, exist_ok=True)
        shutil.copytree(bundle, self.bundle)
        if more_policy:
            (self.bundle / "more.cedar").write_text(more_policy)
        shutil.copytree(systems, root / "systems")
        accepted = TokenFile(root / "tokens.toml")
        self.tokens = {name: accepted.create(parse_principal(text)) for name, text in PRINCIPALS.items()}
        self._sections: dict[str, dict[str, Any]] = {
            "gateway": {"listen": "127.0.0.1:0"},
            "upstreams.triton": {"address": upstream},
            "ledger": {"path": "ledger", "operator": "tests.example", "deployment": "trial"},
            "policy": {"bundle": "bundle"},
            "identity": {"tokens": "tokens.toml"},
            "review": {"database": "reviews.sqlite", "key_file": "reviews.key"},
            "telemetry": {"prometheus": f"127.0.0.1:{_free_port()}"},
        }
        self.configure(**sections)

    @property
    def metrics(self) -> str:
        """Where the Prometheus page is, host:port."""
        return str(self._sections["telemetry"]["prometheus"])

    def configure(self, **sections: Mapping[str, Any]) -> None:
        """Change keys of the configuration; `upstreams__triton` names the section `upstreams.triton`."""
        for name, values in sections.items():
            self._sections.setdefault(name.replace("__", "."), {}).update(values)
        lines = ['systems = "systems"']
        for name, values in self._sections.items():
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        self.config.write_text("\n".join(lines) + "\n")

    def digests(self) -> tuple[str, str]:
        """Return the digests of the bundle in its folder and of that bundle's entities."""
        loaded = Bundle.load(self.bundle)
        return loaded.digest, loaded.entities_digest

    def contract(self, system: str) -> str:
        """Return the digest of a system's contract."""
        found = load_systems(self.root / "systems").get(system)
        assert found is not None
        return found.contract.digest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Gateway:
    """`ombud serve` for the length of a with block; stopped by its own process id, with SIGTERM."""

    def __init__(
        self, workspace: Workspace, *arguments: str, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        self.workspace = workspace
        self.log = workspace.root / "gateway.log"
        self._arguments = arguments
        self._credentials = credentials
        self.address = ""

    def __enter__(self) -> Self:
        start = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "ombud_cli.main", "serve", "-c", str(self.workspace.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self._arguments], stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_serving(start)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def said(self) -> str:
        """Return what the gateway has logged."""
        return self.log.read_text()

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        self.process.terminate()

    def stop(self) -> int:
        """Send SIGTERM unless it has ended, wait, and return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"the gateway did not drain:\n{self.said()[-4000:]}")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def caller(self, name: str) -> Caller:
        """Return a client that calls as the named principal."""
        return Caller(self, name)

    def channel(self) -> grpc.Channel:
        """Open a channel of its own to the gateway."""
        if self._credentials is not None:
            return grpc.secure_channel(self.address, self._credentials)
        return grpc.insecure_channel(self.address)

    def entries(self, where: str, *parameters: object) -> list[Entry]:
        """Read ledger entries, in order, through the ledger's own views; `e` is the entry."""
        sql = (
            "SELECT e.seq, e.record, f.facts FROM entries e LEFT JOIN facts f USING (log, seq)"  # noqa: S608
            f" WHERE {where} ORDER BY e.log, e.seq"
        )
        with query.connect(self.workspace.ledger) as ledger:
            rows = ledger.execute(sql, list(parameters)).fetchall()
        return [
            Entry(seq, json.loads(record), json.loads(facts) if facts else None)
            for seq, record, facts in rows
        ]

    def run(self, correlation: str) -> list[Entry]:
        """Read the entries of every call with a correlation id, outcomes among them."""
        same = "SELECT id FROM entries WHERE correlation_id = $1"
        return self.entries(f"e.correlation_id = $1 OR e.id IN ({same})", correlation)

    def page(self) -> str:
        """Read the Prometheus page."""
        connection = http.client.HTTPConnection(self.workspace.metrics, timeout=SECONDS)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def metric(self, series: str) -> float:
        """Read one figure of the page, 0 while it is not there."""
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.page(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def in_flight(self) -> int:
        """Count the calls that the gateway works on now."""
        return int(self.metric("ombud_calls_in_flight"))

    def verify(self) -> Verification:
        """Verify the whole ledger, offline."""
        return verify(self.workspace.ledger)

    def health(self, service: str = "") -> int:
        """Ask the health service."""
        with self.channel() as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            return int(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS).status)

    def _wait_until_serving(self, start: int) -> None:
        def announced() -> str | None:
            assert self.process.poll() is None, f"the gateway ended at its start:\n{self.said()[start:]}"
            found = re.search(r"serving on port (\d+)", self.said()[start:])
            return found[1] if found else None

        self.address = f"127.0.0.1:{until(announced, 'a serving gateway', 60)}"
        assert self.health() == health_pb2.HealthCheckResponse.SERVING


@dataclass(frozen=True, slots=True)
class Wire:
    """How a call ended on the wire: status, text, ErrorInfo, both ends of metadata, and bytes."""

    code: str
    text: str
    reason: str
    about: Mapping[str, str]
    initial: Mapping[str, Any]
    trailing: Mapping[str, Any]
    body: bytes

    @property
    def decision(self) -> str:
        """Decision id from the trailing metadata."""
        return str(self.trailing["ombud-decision-id"])

    @classmethod
    def of(cls, call: Any) -> Self:
        """Read the end of a grpc call, or error, whatever became of it."""
        trailing = dict(call.trailing_metadata() or ())
        info = error_details_pb2.ErrorInfo()
        if detail := trailing.pop("grpc-status-details-bin", b""):
            status = status_pb2.Status.FromString(detail)
            assert (status.code, status.message) == (call.code().value[0], call.details())
            assert status.details[0].Unpack(info)
            assert info.domain == "ombud"
        ok = call.code() is grpc.StatusCode.OK
        return cls(
            call.code().name,
            call.details() or "",
            info.reason,
            dict(info.metadata),
            dict(call.initial_metadata() or ()),
            trailing,
            bytes(call.result()) if ok else b"",
        )


class Caller:
    """One principal at a gateway: the unmodified Triton client, and bare bytes. Each run has its own id."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self.gateway = gateway
        self.principal = PRINCIPALS[name]
        self.token = gateway.workspace.tokens[name]
        self.correlation = uuid.uuid4().hex

    def __enter__(self) -> Self:
        self.client = InferenceServerClient(self.gateway.address)
        self.channel = self.gateway.channel()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.channel.close()

    def headers(self, **more: str) -> dict[str, str]:
        """Metadata of a call: the token, this run's id, and more (`ombud_resume` for `ombud-resume`)."""
        return {
            "authorization": f"Bearer {self.token}",
            "ombud-correlation-id": self.correlation,
            **{
                key.replace("_", "-") if key.startswith("ombud") else key: value
                for key, value in more.items()
            },
        }

    def send(
        self,
        method: str,
        request: Any,
        *,
        seconds: float = SECONDS,
        metadata: Mapping[str, str] | None = None,
        **more: str,
    ) -> Wire:
        """Send a message, or any bytes, and return how it ended; `metadata` instead of this run's own."""
        path = method if method.startswith("/") else f"/{_SERVICE}/{method}"
        sent = tuple((self.headers(**more) if metadata is None else metadata).items())
        body = request if isinstance(request, bytes) else request.SerializeToString()
        rpc: Any = self.channel.unary_unary(path)
        call = rpc.future(body, timeout=seconds, metadata=sent)
        call.exception()
        return Wire.of(call)

    def control(self, method: str, request: Any) -> Wire:
        """Call the control plane, such as `ReviewService/ListReviews`."""
        return self.send(f"/ombud.v1.{method}", request)

    def entries(self) -> list[Entry]:
        """Read the ledger's entries of this run."""
        return self.gateway.run(self.correlation)

    def record(self) -> dict[str, Any]:
        """Return the one record of this run."""
        entries = self.entries()
        assert len(entries) == 1, [plain(entry) for entry in entries]
        return plain(entries[0])

    def judged(self, model: str, *, method: str = "ModelInfer", action: str = "infer") -> dict[str, Any]:
        """What any record of a call to a model of the test systems says of who, what and which policies."""
        bundle, entities = self.gateway.workspace.digests()
        system = {"echo": "study"}.get(model, "timing")
        about = {
            "door": "kserve-grpc",
            "action": action,
            "method": method,
            "resource": f'Model::"{model}"',
            "model": model,
            "system": system,
            "attempt": 1,
            "principal": self.principal,
            "principal_type": self.principal.partition("::")[0],
            "correlation_id": self.correlation,
            "artifact_digest": "not supplied",
            "bundle": bundle,
            "entities": entities,
        }
        return about | ({"contract": self.gateway.workspace.contract(system)} if action == "infer" else {})


def direct(server: ModelServer, method: str, request: Any) -> Wire:
    """Send a message to the model server itself."""
    with grpc.insecure_channel(server.grpc_address) as channel:
        rpc: Any = channel.unary_unary(f"/{_SERVICE}/{method}")
        call = rpc.future(request.SerializeToString(), timeout=SECONDS)
        call.exception()
        return Wire.of(call)


def amount(value: float, certainty: float = 0.9, *names: bytes) -> list[InferInput]:
    """Make the inputs of `echo`: an amount, how certain the answer will be, and who it is about."""
    made = [tensor("IN_FLOATS", [value, certainty], np.float32)]
    return [*made, tensor("IN_BYTES", list(names), np.object_)] if names else made


def number(name: str, value: int) -> InferInput:
    """Make an input tensor of one integer."""
    return tensor(name, [value], np.int64)


def infer_request(model: str, inputs: list[InferInput], **fields: Any) -> Any:
    """Build the message that the client would send."""
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name=model, **fields)
    for each in inputs:
        request.inputs.append(each._get_tensor())
        if (content := each._get_content()) is not None:
            request.raw_input_contents.append(content)
    return request


def activate(owner: Caller, folder: Path, more: str = "") -> Wire:
    """Activate the bundle of a folder, with more policies."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    request = policy_pb2.ActivatePolicyRequest(files=files)
    if more:
        request.files["more.cedar"] = more.encode()
    return owner.control("PolicyService/ActivatePolicy", request)


@pytest.fixture(scope="session")
def gateway(triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run one gateway for every test that leaves it as it is; at the end its ledger must verify."""
    with Gateway(Workspace(tmp_path_factory.mktemp("gateway"), triton.grpc_address)) as served:
        yield served
    found = served.verify()
    assert found.exit_code == 0, found.to_json()


@pytest.fixture
def agent(gateway: Gateway) -> Iterator[Caller]:
    """Call as the agent whom policies let in."""
    with gateway.caller("agent") as caller:
        yield caller
