# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""A gateway's life: start, activation, drain, restart; and the starts that are refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from typer.testing import CliRunner

from integration.gateway import (
    SECONDS,
    TRIAL,
    Caller,
    Gateway,
    Workspace,
    activate,
    infer_request,
    number,
    plain,
    until,
)
from integration.reviews import send, settle, told
from ledger.samples import completeness_of
from ombud.v1 import ledger_pb2, policy_pb2
from ombud_cli.demo.upstream import ModelServer
from ombud_cli.main import app
from ombud_policies import Bundle

MORE = '@id("nothing-large") forbid (principal, action == Action::"infer", resource == Model::"nowhere");\n'
BROKEN = '@id("mistaken") permit (principal, action == Action::"infer", resource) when { context.inputt };\n'


def active(caller: Caller) -> str:
    """Ask which bundle decides now."""
    answer = caller.control("PolicyService/GetActivePolicy", policy_pb2.GetActivePolicyRequest())
    return policy_pb2.GetActivePolicyResponse.FromString(answer.body).digest


def digest_with(folder: Path, more: str) -> str:
    """Return the digest that the folder's bundle has with more policies in `more.cedar`."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return Bundle.from_files({**files, "more.cedar": more.encode()}).digest


def test_health_tells_of_every_service(gateway: Gateway) -> None:
    """The standard health service needs no token and knows the server and its inference service."""
    serving = health_pb2.HealthCheckResponse.SERVING

    assert [gateway.health(name) for name in ("", "inference.GRPCInferenceService")] == [serving, serving]


def test_reflection_lists_the_services(gateway: Gateway) -> None:
    """Tools that know nothing of the gateway can ask what it serves."""
    with gateway.channel() as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = stub.ServerReflectionInfo(iter([asked]), timeout=SECONDS)
        symbol = reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="inference.GRPCInferenceService"
        )
        (found,) = stub.ServerReflectionInfo(iter([symbol]), timeout=SECONDS)

    assert sorted(service.name for service in answer.list_services_response.service) == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
        "ombud.v1.IncidentService",
        "ombud.v1.LabelService",
        "ombud.v1.LedgerService",
        "ombud.v1.PolicyService",
        "ombud.v1.ReportService",
        "ombud.v1.RequestService",
        "ombud.v1.ReviewService",
        "ombud.v1.SubjectService",
    ]
    assert found.file_descriptor_response.file_descriptor_proto


def test_operator_seals_the_ledger(gateway: Gateway) -> None:
    """Sealing on demand moves the hot tail into Parquet; what was recorded stays to be found."""
    with gateway.caller("agent") as agent, gateway.caller("operator") as operator:
        send(agent, 1)
        before = agent.entries()
        answer = operator.control("LedgerService/SealLedger", ledger_pb2.SealLedgerRequest())
        denied = agent.control("LedgerService/SealLedger", ledger_pb2.SealLedgerRequest())

        sealed = ledger_pb2.SealLedgerResponse.FromString(answer.body)
        assert sealed.entries > before[-1].seq - sealed.entries
        assert (sealed.log, len(sealed.chain), denied.code) == ("r0-0", 32, "PERMISSION_DENIED")
        assert list((gateway.workspace.ledger / "logs" / "r0-0" / "entries").glob("*.parquet"))
        assert agent.entries()[: len(before)] == before
    assert gateway.verify().exit_code == 0


def test_sigterm_lets_calls_finish(triton: ModelServer, tmp_path: Path) -> None:
    """A call under way is answered and recorded, later ones are refused, and the log is closed properly."""
    with (
        Gateway(Workspace(tmp_path, triton.grpc_address)) as gateway,
        gateway.caller("agent") as agent,
        ThreadPoolExecutor(1) as pool,
    ):
        sent = pool.submit(agent.send, "ModelInfer", infer_request("slow", [number("DELAY_MS", 1_500)]))
        until(gateway.in_flight, "a call in flight")
        gateway.terminate()
        until(lambda: "draining" in gateway.said(), "the drain")

        def refused() -> bool:
            with gateway.channel() as channel:
                rpc: Any = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
                try:
                    rpc(b"", timeout=1)
                except grpc.RpcError as error:
                    return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
                return False

        until(refused, "a closed door")
        finished = sent.result(SECONDS)

        assert (gateway.stop(), finished.code) == (0, "OK")
        assert agent.record()["outcome"] == "answered"
        assert gateway.entries("e.kind = 'close'")
        found = gateway.verify()
        assert (found.exit_code, completeness_of(found).crashes) == (0, 0)


def test_restarts_keep_policies_and_reviews(triton: ModelServer, tmp_path: Path) -> None:
    """The activated bundle, parked calls and held answers outlive a drained process, and a killed one."""
    workspace = Workspace(tmp_path, triton.grpc_address)
    # 1. Parked, held and activated by a gateway that is drained.
    with (
        Gateway(workspace) as first,
        first.caller("agent") as agent,
        first.caller("owner") as owner,
    ):
        parked, held = send(agent, 600), send(agent, 1, 0.25)
        activate(owner, workspace.bundle, MORE)
        assert first.stop() == 0
    # 2. Approved at one that is killed.
    with Gateway(workspace) as second, second.caller("reviewer") as reviewer:
        settle(reviewer, "Approve", held.decision)
        second.kill()
    # 3. Approved and resumed at a third.
    with (
        Gateway(workspace) as third,
        third.caller("agent") as again,
        third.caller("reviewer") as reviewer,
    ):
        again.correlation = agent.correlation
        retried = send(again, 600)
        settle(reviewer, "Approve", parked.decision)
        answers = [
            send(again, 600, ombud_resume=parked.decision),
            send(again, 1, 0.25, ombud_resume=held.decision),
        ]

        assert active(reviewer) == digest_with(TRIAL, MORE)
        assert retried.about["review_id"] == parked.decision
        assert [answer.code for answer in answers] == ["OK", "OK"]
        assert told(again.entries()) == [
            ("review", "opened", ""),
            ("decision", "refused", "REVIEW_REQUIRED"),
            ("review", "opened", ""),
            ("decision", "held", "REVIEW_REQUIRED"),
            ("review", "approved", "reviewers"),
            ("decision", "refused", "REVIEW_REQUIRED"),
            ("review", "approved", "reviewers"),
            ("intent", "", ""),
            ("outcome", "answered", ""),
            ("intent", "", ""),
            ("outcome", "answered", ""),
        ]
        assert third.stop() == 0
        found = third.verify()
        assert (found.exit_code, completeness_of(found).crashes) == (0, 1)


class TestActivation:
    """Bundles come into force as a whole, or not at all."""

    def test_no_call_is_decided_by_a_mix(self, triton: ModelServer, tmp_path: Path) -> None:
        """While bundles change under traffic, each record's policies are those of the bundle it names."""
        other = tmp_path / "other"
        shutil.copytree(TRIAL, other)
        calls = (other / "calls.cedar").read_text()
        (other / "calls.cedar").write_text(calls.replace('@id("callers-infer")', '@id("callers-infer-too")'))
        digests = {Bundle.load(TRIAL).digest: "callers-infer", Bundle.load(other).digest: "callers-infer-too"}
        done = threading.Event()
        with (
            Gateway(Workspace(tmp_path / "gateway", triton.grpc_address)) as gateway,
            gateway.caller("agent") as agent,
            gateway.caller("owner") as owner,
            ThreadPoolExecutor(4) as pool,
        ):

            def traffic() -> set[str]:
                codes = set()
                while not done.is_set():
                    codes.add(send(agent, 1).code)
                return codes

            running = [pool.submit(traffic) for _ in range(4)]
            try:
                changes = [activate(owner, folder).code for folder in (other, TRIAL) * 4]
            finally:
                done.set()
            codes = {code for each in running for code in each.result(SECONDS)}

            assert (set(changes), codes) == ({"OK"}, {"OK"})
            records = [entry.record for entry in agent.entries()]
            assert {record["bundle"] for record in records} == set(digests)
            assert [record for record in records if record["policies"] != [digests[record["bundle"]]]] == []
            first, second = digests
            steps = [plain(entry) for entry in gateway.entries("e.kind = 'policy'")]
            assert [(step.get("old"), step["new"], step["by"], step["source"]) for step in steps] == [
                (None, first, "configuration", "start"),
                *[
                    (first, second, 'User::"owner"', "control"),
                    (second, first, 'User::"owner"', "control"),
                ]
                * 4,
            ]

    def test_broken_bundle_is_refused_and_the_old_one_stays(self, gateway: Gateway) -> None:
        """What does not validate strictly changes nothing; the refusal names file, line and policy."""
        with gateway.caller("owner") as owner:
            before = active(owner)
            refused = activate(owner, TRIAL, BROKEN)

            assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "BUNDLE")
            assert "more.cedar:1: policy 'mistaken'" in refused.text or "mistaken" in refused.text
            assert active(owner) == before
            assert [row[:2] for row in told(owner.entries())][1:3] == [("intent", ""), ("outcome", "refused")]

    def test_activation_needs_a_permit(self, gateway: Gateway) -> None:
        """Reviewers and callers change no policies."""
        for name in ("agent", "reviewer", "stranger"):
            with gateway.caller(name) as caller:
                assert activate(caller, TRIAL, MORE).code == "PERMISSION_DENIED"

    def test_watched_folder_only_validates(self, triton: ModelServer, tmp_path: Path) -> None:
        """Without `--dev` a change is validated and told; what decides stays what it was."""
        workspace = Workspace(tmp_path, triton.grpc_address, policy={"watch": True})
        with Gateway(workspace) as gateway, gateway.caller("owner") as owner:
            before = active(owner)
            (workspace.bundle / "more.cedar").write_text(BROKEN)
            until(lambda: "the changed bundle does not hold" in gateway.said(), "a word on the broken one")
            (workspace.bundle / "more.cedar").write_text(MORE)
            until(lambda: "`ombud policy activate` puts it in force" in gateway.said(), "a word on the next")

            assert active(owner) == before
            assert len(gateway.entries("e.kind = 'policy'")) == 1

    def test_dev_activates_what_holds(self, triton: ModelServer, tmp_path: Path) -> None:
        """With `--dev` a saved change takes effect by itself; a broken one keeps the last that held."""
        workspace = Workspace(tmp_path, triton.grpc_address)
        with Gateway(workspace, "--dev") as gateway, gateway.caller("owner") as owner:
            (workspace.bundle / "more.cedar").write_text(MORE)
            wanted = digest_with(TRIAL, MORE)
            until(lambda: active(owner) == wanted, "activation")
            (workspace.bundle / "more.cedar").write_text(BROKEN)
            until(lambda: "the changed bundle does not hold" in gateway.said(), "a word on the broken one")

            assert active(owner) == wanted
            assert plain(gateway.entries("e.kind = 'policy'")[-1]) == {
                "kind": "policy",
                "event": "activated",
                "old": Bundle.load(TRIAL).digest,
                "new": wanted,
                "by": "--dev",
                "source": "watch",
                "object": gateway.entries("e.kind = 'policy'")[-1].record["object"],
            }


def start_in_vain(workspace: Workspace) -> str:
    """Start a gateway that must refuse to; return what it says on one run."""
    ended = subprocess.run(
        [sys.executable, "-m", "ombud_cli.main", "serve", "-c", str(workspace.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 2, said
    assert "Traceback" not in said
    return said


def refusal(workspace: Workspace) -> str:
    """The same within this process, for starts that end before anything listens."""
    ended = CliRunner().invoke(app, ["serve", "-c", str(workspace.config)])
    assert ended.exit_code == 2, ended.output
    return ended.output


class TestRefusedStarts:
    """What cannot be served is said in words, with exit code 2, before anything listens."""

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Workspace:
        """Give a workspace whose upstream nobody needs."""
        return Workspace(tmp_path, "127.0.0.1:9")

    def test_plaintext_beyond_loopback(self, workspace: Workspace) -> None:
        """Listening to everybody needs TLS, or a flag that says so."""
        workspace.configure(gateway={"listen": "0.0.0.0:0"})

        assert "beyond loopback, give [gateway.tls] or allow_plaintext = true" in refusal(workspace)

    def test_broken_bundle(self, workspace: Workspace) -> None:
        """No gateway starts on policies that do not hold, and no ledger is begun."""
        (workspace.bundle / "more.cedar").write_text(BROKEN)

        assert "mistaken" in refusal(workspace)
        assert not workspace.ledger.exists()

    def test_failing_policy_test(self, workspace: Workspace) -> None:
        """Nor on policies that fail their own tests."""
        tests = workspace.bundle / "tests"
        tests.mkdir()
        (tests / "wrong.yaml").write_text(
            "cases:\n"
            "  - name: strangers may read\n"
            '    principal: Agent::"stranger"\n'
            "    action: read\n"
            '    resource: Upstream::"triton"\n'
            '    context: {system: "", method: ServerLive}\n'
            "    expect: {verdict: allow, policies: []}\n"
        )

        assert "strangers may read" in refusal(workspace)

    def test_system_of_an_unknown_upstream(self, workspace: Workspace) -> None:
        """A system file that names an upstream nobody configured is named."""
        path = workspace.root / "systems" / "study.yaml"
        path.write_text(path.read_text().replace("upstream: triton", "upstream: elsewhere"))

        assert "elsewhere" in refusal(workspace)

    def test_token_file_that_others_may_write(self, workspace: Workspace) -> None:
        """Tokens that anyone could have put there are not trusted."""
        (workspace.root / "tokens.toml").chmod(0o666)

        assert "chmod 600" in refusal(workspace)


def test_two_gateways_cannot_share_a_log(gateway: Gateway, tmp_path: Path, triton: ModelServer) -> None:
    """The second is told who holds the log, and the first does not notice."""
    second = Workspace(tmp_path, triton.grpc_address, ledger={"path": str(gateway.workspace.ledger)})

    said = start_in_vain(second)

    assert str(gateway.process.pid) in said
    with gateway.caller("agent") as agent:
        assert send(agent, 1).code == "OK"


@pytest.mark.parametrize("which", ["gateway.listen", "telemetry.prometheus"])
def test_taken_port_is_named(gateway: Gateway, tmp_path: Path, which: str) -> None:
    """A port that is in use ends the start with where it is configured."""
    section, _, key = which.partition(".")
    taken = {"listen": gateway.address, "prometheus": gateway.workspace.metrics}[key]
    second = Workspace(tmp_path, "127.0.0.1:9")
    second.configure(**{section: {key: taken}})

    said = refusal(second)

    assert which in said
    assert taken in said
