# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""`ombud review`, `policy show|activate` and `ledger head|seal` against a control plane."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from typer.testing import CliRunner, Result

from cli.fakes import serving
from ombud.v1 import ledger_pb2, policy_pb2, review_pb2
from ombud_cli.main import app
from ombud_policies import Bundle, starter_bundle

REVIEW = review_pb2.Review(
    id="0190",
    state="open",
    stage="infer",
    system="credit",
    requester='Agent::"intake"',
    action="infer",
    resource='Model::"loans"',
    groups=["adjusters"],
    policies=["large"],
    opened_us=1_760_000_000_000_000,
    expires_us=1_760_000_060_000_000,
    correlation_id="loan-1",
)
SHOWN = {
    "id": "0190",
    "state": "open",
    "stage": "infer",
    "system": "credit",
    "requester": 'Agent::"intake"',
    "action": "infer",
    "resource": 'Model::"loans"',
    "groups": ["adjusters"],
    "approved_groups": [],
    "policies": ["large"],
    "opened": "2025-10-09T08:53:20+00:00",
    "expires": "2025-10-09T08:54:20+00:00",
    "correlation_id": "loan-1",
}
TOKEN = "ombud_0011223344556677_" + "s" * 43


def ombud(gateway: str, *arguments: object, token: str | None = TOKEN) -> Result:
    """Run the command line against a gateway, with a token in the environment."""
    return CliRunner(env={"OMBUD_GATEWAY": gateway, "OMBUD_TOKEN": token}).invoke(app, [*map(str, arguments)])


def test_reviews_are_listed_with_the_callers_token() -> None:
    """The list asks for open reviews with the token as bearer metadata, and prints them."""
    replies = {"/ombud.v1.ReviewService/ListReviews": review_pb2.ListReviewsResponse(reviews=[REVIEW])}
    with serving(replies) as (address, asked):
        done = ombud(address, "review", "list", "--system", "credit", "-o", "json")
        table = ombud(address, "review", "list")
    (listed,) = json.loads(done.stdout)
    assert {key: SHOWN[key] for key in listed} == listed
    _, body, metadata = asked.calls[0]
    wanted = review_pb2.ListReviewsRequest(state="open", system="credit", page_size=100)
    assert wanted == review_pb2.ListReviewsRequest.FromString(body)
    assert metadata["authorization"] == f"Bearer {TOKEN}"
    assert "0190" in table.stdout
    assert TOKEN not in done.output + table.output


def test_a_review_is_shown_with_its_facts() -> None:
    """Show prints what the reviewer needs to see, for people flat, for machines as sent."""
    review = review_pb2.Review()
    review.CopyFrom(REVIEW)
    review.facts_json = '{"input": {"amount": "900.5"}}'
    replies = {"/ombud.v1.ReviewService/GetReview": review_pb2.GetReviewResponse(review=review)}
    with serving(replies) as (address, _):
        as_json = ombud(address, "review", "show", "0190", "--json")
        shown = ombud(address, "review", "show", "0190")
    assert json.loads(as_json.stdout) == {**SHOWN, "facts": {"input": {"amount": "900.5"}}}
    assert "input.amount" in shown.stdout
    assert "900.5" in shown.stdout


@pytest.mark.parametrize(
    ("verb", "method", "request_type", "reply"),
    [
        ("approve", "ApproveReview", review_pb2.ApproveReviewRequest, review_pb2.ApproveReviewResponse),
        ("reject", "RejectReview", review_pb2.RejectReviewRequest, review_pb2.RejectReviewResponse),
    ],
)
def test_a_verdict_is_sent_for_a_group_with_its_reason(
    verb: str, method: str, request_type: Any, reply: Any
) -> None:
    """Approve and reject send id, group and reason, with the token of the file named."""
    with serving({f"/ombud.v1.ReviewService/{method}": reply(review=REVIEW)}) as (address, asked):
        done = ombud(address, "review", verb, "0190", "--group", "adjusters", "--reason", "seen", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, SHOWN)
    wanted = request_type(id="0190", group="adjusters", reason="seen")
    assert wanted == request_type.FromString(asked.calls[0][1])


def refuse(code: grpc.StatusCode, reason: str) -> Any:
    """Refuse as the gateway does."""

    def abort(context: Any) -> None:
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="ombud"))
        status = status_pb2.Status(code=code.value[0], message="no", details=[detail])
        context.set_trailing_metadata(
            (("ombud-decision-id", "0199"), ("grpc-status-details-bin", status.SerializeToString()))
        )
        context.abort(code, "policy denies this call")

    return abort


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, 1),
        (grpc.StatusCode.FAILED_PRECONDITION, 1),
        (grpc.StatusCode.NOT_FOUND, 1),
        (grpc.StatusCode.INVALID_ARGUMENT, 2),
        (grpc.StatusCode.UNAUTHENTICATED, 2),
        (grpc.StatusCode.UNAVAILABLE, 2),
        (grpc.StatusCode.INTERNAL, 2),
    ],
)
def test_a_refusal_is_one_line_with_reason_and_decision_id(code: grpc.StatusCode, exit_code: int) -> None:
    """What the gateway refuses is told with status, reason and decision id; its no is exit code 1."""
    with serving({"/ombud.v1.ReviewService/ApproveReview": refuse(code, "DENIED")}) as (address, _):
        done = ombud(address, "review", "approve", "0190")
    assert (exit_code, "") == (done.exit_code, done.stdout)
    start = f"ombud: gateway {address}: {code.name} (DENIED): policy denies this call"
    assert done.stderr.startswith(start)
    assert done.stderr.endswith("[ombud-decision-id: 0199]\n")
    assert done.stderr.count("\n") == 1


def test_policies_are_shown_and_activated() -> None:
    """A bundle that holds is sent with its files and the reason; the digests come back."""
    folder = starter_bundle("observe")
    active = policy_pb2.GetActivePolicyResponse(digest="d0", entities_digest="e0", policies=["observe-calls"])
    replies = {
        "/ombud.v1.PolicyService/GetActivePolicy": active,
        "/ombud.v1.PolicyService/ActivatePolicy": policy_pb2.ActivatePolicyResponse(
            old_digest="d0", new_digest="d1"
        ),
    }
    with serving(replies) as (address, asked):
        shown = ombud(address, "policy", "show", "--json")
        done = ombud(address, "policy", "activate", folder, "--reason", "first", "--json")
    assert json.loads(shown.stdout) == {
        "digest": "d0",
        "entities_digest": "e0",
        "policies": ["observe-calls"],
    }
    assert json.loads(done.stdout) == {"old_digest": "d0", "new_digest": "d1"}
    sent = policy_pb2.ActivatePolicyRequest.FromString(asked.calls[1][1])
    assert (dict(Bundle.load(folder).files), "first") == (dict(sent.files), sent.reason)


def test_the_gateway_seals_and_tells_its_head() -> None:
    """Without PATH, seal and head ask the gateway."""
    chain = bytes(range(32))
    replies = {
        "/ombud.v1.LedgerService/GetHead": ledger_pb2.GetHeadResponse(log="r0-0", size=7, chain=chain),
        "/ombud.v1.LedgerService/SealLedger": ledger_pb2.SealLedgerResponse(
            log="r0-0", entries=5, size=8, chain=chain
        ),
    }
    with serving(replies) as (address, _):
        head = ombud(address, "ledger", "head", "-o", "json")
        sealed = ombud(address, "ledger", "seal", "-o", "json")
    assert [{"log": "r0-0", "head": f"7:{chain.hex()}"}] == json.loads(head.stdout)
    assert [{"log": "r0-0", "sealed": 5, "head": f"8:{chain.hex()}"}] == json.loads(sealed.stdout)


def test_a_gateway_that_is_not_there_is_said() -> None:
    """Nobody listening is exit code 2 and one line."""
    done = ombud("127.0.0.1:1", "review", "list")
    assert done.exit_code == 2
    assert done.stderr.startswith("ombud: gateway 127.0.0.1:1: cannot be reached: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("address", ["nowhere", "host:port", ":1", "host:99999"])
def test_an_address_is_checked(address: str) -> None:
    """A gateway is HOST:PORT."""
    done = ombud(address, "review", "list")
    assert (2, f"ombud: --gateway: is {address!r}, must be HOST:PORT\n") == (done.exit_code, done.stderr)


def test_a_token_comes_from_a_file_of_one_token(tmp_path: Path) -> None:
    """A token file is read before the environment; one with more than a token is refused, unprinted."""
    file = tmp_path / "token"
    file.write_text("file-token\n")
    replies = {"/ombud.v1.ReviewService/ListReviews": review_pb2.ListReviewsResponse()}
    with serving(replies) as (address, asked):
        assert ombud(address, "review", "list", "--token-file", file).exit_code == 0
        assert ombud(address, "review", "list", token=None).exit_code == 0
        file.write_text("two secrets")
        done = ombud(address, "review", "list", "--token-file", file)
    assert asked.calls[0][2]["authorization"] == "Bearer file-token"
    assert "authorization" not in asked.calls[1][2]
    assert (done.exit_code, "secrets" in done.output) == (2, False)


def test_a_token_leaves_this_host_only_over_tls(tmp_path: Path) -> None:
    """For another host the channel is TLS; plaintext must be asked for, and excludes certificates."""
    ca = tmp_path / "ca.pem"
    ca.write_text("no certificate")
    both = ombud("192.0.2.1:1", "review", "list", "--plaintext", "--ca", ca)
    assert (both.exit_code, both.stderr) == (2, "ombud: --plaintext: excludes --ca, --cert and --key\n")
    half = ombud("192.0.2.1:1", "review", "list", "--cert", ca)
    assert (half.exit_code, half.stderr) == (2, "ombud: --cert, --key: must be given together\n")
