# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Replies that wait for more than `durable`: a real gateway, a real witness, a client that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from cli.test_witness_commands import ombud, witness
from integration.gateway import Caller, Gateway, Workspace, amount, infer_request
from integration.test_gateway_metadata import Stub
from integration.test_gateway_streams import Bare
from ledger.witnessed import NAME
from ombud.v1 import ledger_pb2
from ombud_ledger import transparency

ORIGIN = "tests.example/trial/r0"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """Run a stand-in for the model server; it echoes."""
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Stub()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Make the log's key and a witness's; files, and vkeys."""
    folder = tmp_path_factory.mktemp("keys")
    made: dict[str, Any] = {"log": folder / "log.key", "witness": folder / "witness.key"}
    for name, arguments in (("log", ("--origin", ORIGIN)), ("witness", ("--witness", NAME))):
        made[f"{name} vkey"] = ombud("key", "init", made[name], *arguments, "--unencrypted").stdout.strip()
    return made


def signed_by(keys: dict[str, Any], root: Path, upstream: str, *urls: str, **ledger: Any) -> Workspace:
    """Write a gateway that signs, and asks a witness at each of the URLs."""
    workspace = Workspace(root, upstream)
    workspace.configure(ledger={"signing_key": str(keys["log"]), **ledger})
    named = "".join(f'[[ledger.witness]]\nurl = "{url}"\nvkey = "{keys["witness vkey"]}"\n' for url in urls)
    workspace.config.write_text(workspace.config.read_text() + named)
    return workspace


def ask(caller: Caller, when: str, **more: Any) -> Any:
    """Have one request judged, its reply to wait for `when`."""
    return caller.send("ModelInfer", infer_request("echo", amount(1)), ombud_ledger=when, **more)


def test_signed_and_witnessed(keys: dict[str, Any], upstream: str, tmp_path: Path) -> None:
    """The reply leaves once a published, or cosigned, checkpoint covers its record, and says which size."""
    options = ("--state", tmp_path / "witness", "--key", keys["witness"], "--log", keys["log vkey"])
    with (
        witness(*options) as port,
        Gateway(signed_by(keys, tmp_path / "gateway", upstream, f"http://127.0.0.1:{port}")) as gateway,
        gateway.caller("agent") as caller,
    ):
        pub = gateway.workspace.ledger / "logs/r0-0/pub"
        for when, file in (("witnessed", "cosigned"), ("signed", "checkpoint")):
            answer = ask(caller, when)
            assert (answer.code, answer.trailing["ombud-ledger"]) == ("OK", when), answer.text
            size = int(answer.trailing["ombud-checkpoint"])
            _, _, seq = answer.trailing["ombud-position"].partition(":")
            published = transparency.parse_checkpoint((pub / file).read_bytes())
            assert int(seq) < size <= published.checkpoint.size
        durable = ask(caller, "durable")
        assert (durable.code, durable.trailing["ombud-ledger"]) == ("OK", "durable")
        assert "ombud-checkpoint" not in durable.trailing
        told = [entry.record.get("reply_when") for entry in caller.entries()]
        assert told == ["witnessed", "signed", None]
    assert gateway.verify().exit_code == 0


def test_each_answer_of_a_stream_waits(keys: dict[str, Any], upstream: str, tmp_path: Path) -> None:
    """Answers leave in order, each under a checkpoint; the end says how far the last of them came."""
    with (
        Gateway(signed_by(keys, tmp_path, upstream)) as gateway,
        gateway.caller("agent") as caller,
    ):
        bare = Bare(caller, ombud_ledger="signed")
        for number in range(20):
            bare.send(infer_request("echo", amount(number), id=str(number)))
        assert [bare.take().infer_response.id for _ in range(20)] == [str(number) for number in range(20)]
        ended = bare.end()
        # Requests of a stream are recorded side by side: the last answer need not be the last entry.
        (last,) = [
            entry
            for entry in caller.entries()
            if (entry.record["id"], entry.kind) == (f"{bare.id}.20", "outcome")
        ]
        assert ended.decision == f"{bare.id}.20"
        assert ended.trailing["ombud-ledger"] == "signed"
        assert ended.trailing["ombud-position"] == f"r0-0:{last.seq}"
        assert int(ended.trailing["ombud-checkpoint"]) > last.seq


def test_a_reply_that_is_not_witnessed_in_time_is_refused(
    keys: dict[str, Any], upstream: str, tmp_path: Path
) -> None:
    """No witness answers: at the configured most, or the deadline, the reply is withheld.

    The refusal says what is recorded, and how far that came. Meanwhile other calls are answered.
    """
    workspace = signed_by(keys, tmp_path, upstream, NOWHERE, reply_wait_seconds=1.5)
    with Gateway(workspace) as gateway, gateway.caller("agent") as caller, gateway.caller("agent") as other:
        rpc: Any = caller.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        sent = tuple(caller.headers(ombud_ledger="witnessed").items())
        body = infer_request("echo", amount(1)).SerializeToString()
        held = rpc.future(body, timeout=20, metadata=sent)
        for _ in range(3):
            assert ask(other, "signed").code == "OK"
        assert not held.done()
        held.exception()
        refused = type(ask(other, "durable")).of(held)
        (entry,) = caller.entries()
        assert (refused.code, refused.reason) == ("DEADLINE_EXCEEDED", "NOT_WITNESSED")
        assert refused.about["position"] == refused.trailing["ombud-position"] == f"r0-0:{entry.seq}"
        assert refused.trailing["ombud-ledger"] == "signed"
        assert int(refused.trailing["ombud-checkpoint"]) > entry.seq
        assert "the answer is withheld" in refused.text
        assert (entry.record["outcome"], entry.record["reply_when"]) == ("answered", "witnessed")
        sooner = ask(other, "witnessed", seconds=0.6)
        assert (sooner.code, sooner.reason) == ("DEADLINE_EXCEEDED", "NOT_WITNESSED")
        bare = Bare(caller, ombud_ledger="witnessed")
        bare.send(infer_request("echo", amount(1), id="mine"))
        withheld = bare.take()
        assert withheld.infer_response.id == "mine"
        assert "was not witnessed in time" in withheld.error_message
        bare.end()


@pytest.mark.parametrize(
    ("sign", "cases"),
    [
        (
            False,
            [
                ("signed", "FAILED_PRECONDITION", "UNSIGNED", "metadata ombud-ledger must be durable"),
                ("witnessed", "FAILED_PRECONDITION", "UNSIGNED", "is not signed"),
            ],
        ),
        (
            True,
            [
                ("witnessed", "FAILED_PRECONDITION", "UNWITNESSED", "must be durable or signed"),
                (
                    "Signed",
                    "INVALID_ARGUMENT",
                    "METADATA",
                    "is 'Signed', must be durable, signed or witnessed",
                ),
            ],
        ),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_happens(
    keys: dict[str, Any], upstream: str, tmp_path: Path, *, sign: bool, cases: list[tuple[str, ...]]
) -> None:
    """An unsigned log, no witnesses, an unknown word: the call is refused and recorded, and goes nowhere."""
    workspace = signed_by(keys, tmp_path, upstream) if sign else Workspace(tmp_path, upstream)
    with Gateway(workspace) as gateway:
        for when, code, reason, said in cases:
            with gateway.caller("agent") as caller:
                refused = ask(caller, when)
                assert (refused.code, refused.reason) == (code, reason)
                assert said in refused.text
                (entry,) = caller.entries()
                assert (entry.record["outcome"], entry.record["status"]) == ("refused", code)
                assert "forward" not in entry.record["steps"]
                method, request = "/ombud.v1.LedgerService/GetHead", ledger_pb2.GetHeadRequest()
                read = caller.send(method, request, ombud_ledger=when)
                assert (read.code, read.reason) == (code, reason)
