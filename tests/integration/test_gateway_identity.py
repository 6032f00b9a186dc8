# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Who calls, over TLS: certificates with a SPIFFE id or a subject, tokens beside them, and nobody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from certificates import Authority
from integration.gateway import SECONDS, Gateway, Workspace, amount, until
from ombud_cli.demo.upstream import ModelServer
from ombud_gateway.identity import TokenFile

SPIFFE = "spiffe://example.org/scorer"
SUBJECT = "CN=scorer,O=Example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make certificates: of the server, of callers, and of a caller that another authority vouches for."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority.make(folder, "authority"), Authority.make(folder, "other")
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    authority.issue("server", {NameOID.COMMON_NAME: "gateway"}, loopback)
    named = {NameOID.ORGANIZATION_NAME: "Example", NameOID.COMMON_NAME: "scorer"}
    authority.issue("spiffe", named, x509.UniformResourceIdentifier(SPIFFE))
    authority.issue("subject", named)
    authority.issue(
        "two",
        named,
        x509.UniformResourceIdentifier(SPIFFE),
        x509.UniformResourceIdentifier("spiffe://example.org/second"),
    )
    other.issue("foreign", named, x509.UniformResourceIdentifier(SPIFFE))
    return folder


@pytest.fixture(scope="module")
def mutual(folder: Path, triton: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that lets nobody connect without a certificate."""
    tls = {
        "certificate": str(folder / "server.pem"),
        "key": str(folder / "server.key"),
        "client_ca": str(folder / "authority.pem"),
    }
    workspace = Workspace(tmp_path_factory.mktemp("mutual"), triton.grpc_address, gateway__tls=tls)
    with Gateway(workspace, credentials=_credentials(folder, "spiffe")) as gateway:
        yield gateway


def _credentials(folder: Path, client: str = "") -> grpc.ChannelCredentials:
    read = [(folder / f"{client}.{kind}").read_bytes() if client else None for kind in ("key", "pem")]
    return grpc.ssl_channel_credentials((folder / "authority.pem").read_bytes(), *read)


def _client(gateway: Gateway, folder: Path, client: str = "") -> InferenceServerClient:
    more: dict[str, Any] = {"root_certificates": str(folder / "authority.pem")}
    if client:
        more["private_key"] = str(folder / f"{client}.key")
        more["certificate_chain"] = str(folder / f"{client}.pem")
    return InferenceServerClient(gateway.address, ssl=True, **more)


@pytest.mark.parametrize(("client", "who"), [("spiffe", SPIFFE), ("subject", SUBJECT)])
def test_certificate_names_the_principal(mutual: Gateway, folder: Path, client: str, who: str) -> None:
    """A SPIFFE id is the principal, or else the subject as RFC 4514 writes it; no token is needed."""
    correlation = f"certificate-{client}"
    with _client(mutual, folder, client) as connected:
        answer = connected.infer("echo", amount(1), headers={"ombud-correlation-id": correlation})

    assert answer.as_numpy("OUT_FLOATS").tolist()[0] == 1.0
    (entry,) = mutual.run(correlation)
    found = {key: entry.record[key] for key in ("principal", "principal_type", "outcome")}
    assert found == {
        "principal": f'Service::"{who}"',
        "principal_type": "Service",
        "outcome": "answered",
    }


def test_token_beside_a_certificate_says_who(mutual: Gateway, folder: Path) -> None:
    """Who presents a token calls as its holder, through whatever connection."""
    with _client(mutual, folder, "spiffe") as connected:
        connected.infer(
            "echo", amount(2), headers=mutual.caller("agent").headers() | {"ombud-run-id": "beside"}
        )

    (entry,) = mutual.entries("e.run_id = 'beside'")
    assert entry.record["principal"] == 'Agent::"agent"'


@pytest.mark.parametrize(
    ("client", "headers", "text"),
    [
        ("spiffe", {"authorization": "Bearer nonsense"}, "authorization must be: Bearer ombud_<id>_<secret>"),
        ("two", {}, "the client certificate names no usable principal"),
    ],
)
def test_credentials_that_do_not_hold_are_refused(
    mutual: Gateway, folder: Path, client: str, headers: dict[str, str], text: str
) -> None:
    """A bad token is not made good by a certificate, and a certificate of two ids names nobody."""
    with (
        _client(mutual, folder, client) as connected,
        pytest.raises(InferenceServerException) as raised,
    ):
        connected.infer("echo", amount(1), headers=headers)

    assert raised.value.status() == str(grpc.StatusCode.UNAUTHENTICATED)
    assert raised.value.message().startswith(f"{text} [ombud-decision-id: ")


@pytest.mark.parametrize("client", ["", "foreign"])
def test_connections_without_a_known_certificate_fail(mutual: Gateway, folder: Path, client: str) -> None:
    """No certificate, or one of another authority: there is no connection to call on."""
    with (
        _client(mutual, folder, client) as connected,
        pytest.raises(InferenceServerException) as raised,
    ):
        connected.infer("echo", amount(1), headers=mutual.caller("agent").headers(), client_timeout=SECONDS)

    assert raised.value.status() == str(grpc.StatusCode.UNAVAILABLE)


def test_plaintext_to_a_gateway_with_tls_fails(mutual: Gateway) -> None:
    """TLS is not optional where it is configured."""
    with (
        InferenceServerClient(mutual.address) as connected,
        pytest.raises(InferenceServerException) as raised,
    ):
        connected.is_server_live(headers=mutual.caller("agent").headers(), client_timeout=SECONDS)

    assert raised.value.status() == str(grpc.StatusCode.UNAVAILABLE)


def test_tokens_over_tls_and_a_door_for_anybody(folder: Path, triton: ModelServer, tmp_path: Path) -> None:
    """Without `client_ca` callers bring tokens; whoever brings none is Anonymous where a policy knows it."""
    tls = {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key")}
    anybody = (
        '@id("anybody-asks-for-life")\n'
        'permit (principal is Anonymous, action == Action::"read", resource is Upstream)\n'
        'when { context.method == "ServerLive" };\n'
    )
    workspace = Workspace(tmp_path, triton.grpc_address, more_policy=anybody, gateway__tls=tls)
    with (
        Gateway(workspace, credentials=_credentials(folder)) as gateway,
        _client(gateway, folder) as connected,
    ):
        agent = gateway.caller("agent").headers(ombud_run_id="token")
        nobody = {"ombud-run-id": "nobody"}
        answer = connected.infer("echo", amount(3), headers=agent).as_numpy("OUT_FLOATS").tolist()
        alive = connected.is_server_live(headers=nobody)
        with pytest.raises(InferenceServerException) as raised:
            connected.infer("echo", amount(3), headers=nobody)

        assert (answer[0], alive) == (3.0, True)
        assert raised.value.status() == str(grpc.StatusCode.PERMISSION_DENIED)
        records = [entry.record for entry in gateway.entries("e.run_id IN ('token', 'nobody')")]
        assert [(record["principal"], record["method"], record["verdict"]) for record in records] == [
            ('Agent::"agent"', "ModelInfer", "allow"),
            ('Anonymous::"anonymous"', "ServerLive", "allow"),
            ('Anonymous::"anonymous"', "ModelInfer", "deny"),
        ]


def test_token_revoked_while_serving_is_refused(triton: ModelServer, tmp_path: Path) -> None:
    """A running gateway sees changes of the token file."""
    workspace = Workspace(tmp_path, triton.grpc_address)
    with Gateway(workspace) as gateway, gateway.caller("agent") as agent:
        assert agent.client.is_server_live(headers=agent.headers())
        TokenFile(workspace.root / "tokens.toml").revoke(agent.token.split("_")[1])

        def refused() -> bool:
            try:
                agent.client.is_server_live(headers=agent.headers())
            except InferenceServerException as error:
                return bool(error.status() == str(grpc.StatusCode.UNAUTHENTICATED))
            return False

        until(refused, "a refusal")
