# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Who calls is found from a token or a certificate, or not at all; secrets are kept nowhere."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ombud_gateway.errors import Unauthenticated, Unavailable
from ombud_gateway.identity import (
    ANONYMOUS,
    Bearer,
    Certificates,
    Credentials,
    Identify,
    Principal,
    TokenFile,
    TokenFileInvalid,
    parse_principal,
)

HASH = "ab" * 32
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGENT = Principal("Agent", "underwriter")


class Clock:
    """Wall clock and monotonic clock of a test."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 0.0

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


def bearer(path: Path, clock: Clock) -> Bearer:
    return Bearer(path, clock=lambda: clock.now, monotonic=lambda: clock.seconds)


def token_file(path: Path) -> TokenFile:
    return TokenFile(path, clock=lambda: NOW)


def test_a_token_names_its_principal(tmp_path: Path) -> None:
    """Created, listed without its secret, accepted, revoked, refused."""
    path = tmp_path / "tokens.toml"
    file, clock = token_file(path), Clock()
    text = file.create(AGENT, note='the "first" one — ü')
    secret = text.split("_", 2)[2]
    who = bearer(path, clock)
    assert who.principal(f"Bearer {text}") == AGENT
    assert who.principal(f"bearer {text}") == AGENT
    (listed,) = file.list()
    assert (listed.principal, listed.created, listed.note) == (AGENT, NOW, 'the "first" one — ü')
    assert secret not in path.read_text()
    assert secret not in repr(listed)
    assert listed.sha256.hex() not in repr(listed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert file.revoke(listed.id) == listed
    clock.pass_(1.0)
    with pytest.raises(Unauthenticated, match="the token is not accepted"):
        who.principal(f"Bearer {text}")
    with pytest.raises(KeyError):
        file.revoke(listed.id)


def test_a_token_runs_out(tmp_path: Path) -> None:
    """Accepted until the moment it expires."""
    path, clock = tmp_path / "tokens.toml", Clock()
    text = token_file(path).create(AGENT, expires=NOW + timedelta(minutes=5))
    who = bearer(path, clock)
    clock.pass_(299)
    assert who.principal(f"Bearer {text}") == AGENT
    clock.pass_(1)
    with pytest.raises(Unauthenticated, match="not accepted"):
        who.principal(f"Bearer {text}")


def test_unknown_wrong_and_expired_tokens_look_alike(tmp_path: Path) -> None:
    """A caller cannot learn from a refusal which ids exist."""
    path = tmp_path / "tokens.toml"
    file = token_file(path)
    text = file.create(AGENT)
    messages = set()
    for wrong in (text[:-1] + ("A" if text[-1] != "A" else "B"), f"ombud_{'0' * 16}_{'A' * 43}"):
        with pytest.raises(Unauthenticated) as refused:
            bearer(path, Clock()).principal(f"Bearer {wrong}")
        messages.add(refused.value.message)
    assert messages == {"the token is not accepted"}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer x", "Bearer ombud_a_b", "Bearer \0"]
)
def test_headers_that_hold_no_token_are_malformed(tmp_path: Path, header: str) -> None:
    """The message says what a header looks like."""
    with pytest.raises(Unauthenticated, match="authorization must be: Bearer ombud_<id>_<secret>"):
        bearer(tmp_path / "tokens.toml", Clock()).principal(header)


@given(st.text())
def test_any_header_is_judged(header: str) -> None:
    """No header raises anything but the refusal."""
    who = Bearer(Path("/nonexistent/tokens.toml"))
    with pytest.raises(Unauthenticated):
        who.principal(header)


def test_the_file_is_looked_at_once_a_second(tmp_path: Path) -> None:
    """A new token counts at the next look, not before; a call between looks touches no file."""
    path, clock = tmp_path / "tokens.toml", Clock()
    who = bearer(path, clock)
    text = token_file(path).create(AGENT)
    clock.pass_(0.9)
    with pytest.raises(Unauthenticated):
        who.principal(f"Bearer {text}")
    clock.pass_(0.2)
    assert who.principal(f"Bearer {text}") == AGENT


def test_a_file_that_cannot_be_trusted_closes_the_door(tmp_path: Path) -> None:
    """Neither the old tokens nor none are used until the file is mended."""
    path, clock = tmp_path / "tokens.toml", Clock()
    text = token_file(path).create(AGENT)
    who = bearer(path, clock)
    good = path.read_bytes()
    for mend, spoil in _spoilers(path, good):
        spoil()
        clock.pass_(1)
        with pytest.raises(Unavailable, match="identities cannot be checked now"):
            who.principal(f"Bearer {text}")
        mend()
        clock.pass_(1)
        assert who.principal(f"Bearer {text}") == AGENT


def _spoilers(path: Path, good: bytes) -> list[tuple[Callable[[], object], Callable[[], object]]]:
    return [
        (lambda: path.write_bytes(good), lambda: path.write_bytes(good[:-5])),
        (lambda: path.write_bytes(good), lambda: path.write_bytes(good.replace(b"Agent", b"Anonymous"))),
        (lambda: path.chmod(0o600), lambda: path.chmod(0o620)),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[tokens.a]\nprincipal = 'Agent::\"a\"'\n", "must have principal, sha256, created"),
        ("tokens = 1\n", "must hold tables"),
        ("[other]\n", "must hold tables"),
        (
            "[tokens.a]\nprincipal = 1\nsha256 = ''\ncreated = 2026-01-01T00:00:00Z\n",
            "principal: must be a str",
        ),
        (
            "[tokens.a]\nprincipal = 'Agent::\"a\"'\nsha256 = 'ab'\ncreated = 2026-01-01T00:00:00Z\n",
            "sha256: must be 64 hexadecimal digits",
        ),
        (
            f"[tokens.a]\nprincipal = 'Agent::\"a\"'\nsha256 = '{HASH}'\ncreated = 2026-01-01T00:00:00\n",
            "created: must have a time zone",
        ),
        (
            f"[tokens.a]\nprincipal = 'Root::\"a\"'\nsha256 = '{HASH}'\ncreated = 2026-01-01T00:00:00Z\n",
            "must be one of Agent, Workflow, Service, User",
        ),
    ],
)
def test_token_files_are_read_strictly(tmp_path: Path, content: str, complaint: str) -> None:
    """The message names file, token and what would be right."""
    path = tmp_path / "tokens.toml"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(TokenFileInvalid, match=complaint):
        Bearer(path)
    with pytest.raises(TokenFileInvalid, match=complaint):
        token_file(path).create(AGENT)
    assert path.read_text() == content


def test_tokens_made_at_once_are_all_kept(tmp_path: Path) -> None:
    """The lock makes writers wait for each other; no token is lost."""
    path = tmp_path / "tokens.toml"
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.extend(token_file(path).create(AGENT) for _ in range(3)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    who = bearer(path, Clock())
    assert [who.principal(f"Bearer {text}") for text in made] == [AGENT] * 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokens.toml", "tokens.toml.lock"]


@pytest.mark.parametrize(
    ("principal", "expires", "note"),
    [
        (ANONYMOUS, None, ""),
        (Principal("Agent", 'quo"te'), None, ""),
        (Principal("Agent", ""), None, ""),
        (Principal("Agent", "x" * 201), None, ""),
        (AGENT, NOW, ""),
        (AGENT, datetime(2030, 1, 1), ""),  # noqa: DTZ001 - what is refused
        (AGENT, None, "two\nlines"),
        (AGENT, None, "x" * 201),
    ],
)
def test_tokens_that_would_not_hold_are_not_made(
    tmp_path: Path, principal: Principal, expires: datetime | None, note: str
) -> None:
    """Nothing is written for a principal, expiry or note that the file could not carry."""
    path = tmp_path / "tokens.toml"
    with pytest.raises(ValueError, match="must be"):
        token_file(path).create(principal, expires=expires, note=note)
    assert not path.exists()


def test_principals_are_written_as_cedar_writes_them() -> None:
    """Text and principal go back and forth."""
    assert str(AGENT) == 'Agent::"underwriter"'
    assert parse_principal(str(AGENT)) == AGENT
    assert str(Principal("Service", 'CN=a\\"b')) == 'Service::"CN=a\\\\\\"b"'


def certificate(
    *uris: str, subject: tuple[tuple[x509.ObjectIdentifier, str], ...] = (), days: int = 1
) -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, None).public_bytes(serialization.Encoding.PEM)


SUBJECT = ((NameOID.ORGANIZATION_NAME, "Example, Inc"), (NameOID.COMMON_NAME, "scorer"))


@pytest.mark.parametrize(
    ("pem", "expected"),
    [
        (certificate("spiffe://example.org/agent", subject=SUBJECT), "spiffe://example.org/agent"),
        (certificate(subject=SUBJECT), "CN=scorer,O=Example\\, Inc"),
        (certificate("https://example.org", subject=SUBJECT), "CN=scorer,O=Example\\, Inc"),
    ],
)
def test_certificates_name_a_principal(pem: bytes, expected: str) -> None:
    """The SPIFFE id if there is one, else the subject as RFC 4514 writes it."""
    certificates = Certificates("Workflow", clock=lambda: NOW)
    assert certificates.principal(pem) == Principal("Workflow", expected)
    assert certificates.principal(pem) == Principal("Workflow", expected)


@pytest.mark.parametrize(
    "pem",
    [
        certificate("spiffe://example.org/a", "spiffe://example.org/b", subject=SUBJECT),
        certificate("spiffe://example.org/a", "https://example.org", subject=SUBJECT),
        certificate("spiffe://example.org/" + "a" * 200),
        certificate(),
        certificate(subject=((NameOID.COMMON_NAME, "a\nb"),)),
        certificate("spiffe://example.org/a", days=0),
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"x" * 100_000,
    ],
)
def test_certificates_that_name_nobody_are_refused(pem: bytes) -> None:
    """Two ids, none, an unprintable or overlong one, an expired certificate, or no certificate at all."""
    with pytest.raises(Unauthenticated, match="names no usable principal"):
        Certificates(clock=lambda: NOW).principal(pem)


def test_a_connection_does_not_outlive_its_certificate() -> None:
    """gRPC checks validity when connecting; each call checks it again."""
    clock = Clock()
    certificates = Certificates(clock=lambda: clock.now)
    pem = certificate("spiffe://example.org/a")
    certificates.principal(pem)
    clock.pass_(86_400)
    with pytest.raises(Unauthenticated):
        certificates.principal(pem)


def test_remembered_certificates_are_bounded() -> None:
    """The oldest is forgotten, and read again when it comes back."""
    certificates = Certificates(clock=lambda: NOW)
    pem = certificate("spiffe://example.org/a")
    for index in range(1_100):
        certificates.principal(pem + b"\n" * index)
    assert len(certificates._known) == 1_024


def test_the_order_of_credentials(tmp_path: Path) -> None:
    """A token comes before a certificate and is not healed by one; nobody needs a policy's leave."""
    path = tmp_path / "tokens.toml"
    token = f"Bearer {token_file(path).create(AGENT)}"
    pem = certificate("spiffe://example.org/a")
    identify = Identify(Bearer(path), Certificates(clock=lambda: NOW))
    service = Principal("Service", "spiffe://example.org/a")
    assert identify.principal(Credentials(token, pem)) == AGENT
    assert identify.principal(Credentials(None, pem)) == service
    assert identify.principal(Credentials(), anonymous=True) == ANONYMOUS
    for credentials, anonymous in (
        (Credentials(), False),
        (Credentials("Bearer x", pem), True),
        (Credentials(token[:-2] + "__", pem), True),
    ):
        with pytest.raises(Unauthenticated):
            identify.principal(credentials, anonymous=anonymous)
    with pytest.raises(Unauthenticated, match="authorization must be"):
        Identify(None, None).principal(Credentials(token))
    assert "ombud_" not in repr(Credentials(token, pem))
