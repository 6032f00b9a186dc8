# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration file: read whole, or refused with every mistake named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ombud_gateway.config import Config, is_loopback, load_config, parse_config
from ombud_gateway.problems import ConfigInvalid

MINIMAL = """\
systems = "systems"

[upstreams.triton]
address = "127.0.0.1:8001"

[ledger]
path = "ledger"
operator = "example.org"
deployment = "demo"

[policy]
bundle = "bundle"

[review]
database = "reviews.db"
key_file = "reviews.key"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what a configuration must find."""
    (tmp_path / "systems").mkdir()
    (tmp_path / "bundle").mkdir()
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (tmp_path / name).touch()
    return tmp_path


def parse(folder: Path, text: str) -> Config:
    return parse_config(text.encode(), file=folder / "ombud.toml")


def test_defaults_are_local_and_bounded(folder: Path) -> None:
    """What is not said binds to loopback and is limited; paths are found beside the file."""
    config = parse(folder, MINIMAL)
    assert (config.gateway.listen, config.gateway.max_message_bytes) == ("127.0.0.1:8080", 64 << 20)
    assert (config.limits.in_flight, config.limits.queue) == (256, 1_024)
    assert (config.ledger.path, config.policy.bundle) == (folder / "ledger", folder / "bundle")
    assert config.review.database == f"sqlite:///{folder}/reviews.db"
    assert config.upstreams["triton"].tls is None


def test_a_passphrase_needs_its_key(folder: Path) -> None:
    """A passphrase file without a signing key is a mistake; the origin is made of the three names."""
    section = 'path = "ledger"\n'
    text = MINIMAL.replace(section, section + 'signing_passphrase_file = "secret"\n')
    with pytest.raises(ConfigInvalid, match="but no signing_key that it opens"):
        parse(folder, text)
    signed = parse(folder, text.replace(section, section + 'signing_key = "signing.key"\n')).ledger
    assert (signed.signing_key, signed.signing_passphrase_file) == (folder / "signing.key", folder / "secret")
    assert signed.origin == "example.org/demo/r0"


def test_everything_can_be_said(folder: Path) -> None:
    """Every key is accepted."""
    config = parse(
        folder,
        MINIMAL.replace('"reviews.db"', '"postgresql+psycopg://u:p@db/ombud"').replace(
            "[policy]", 'replica = "r1"\nseal_entries = 1024\nseal_age_seconds = 60\n\n[policy]\nwatch = true'
        )
        + """\
expiry_seconds = 3600
[gateway]
listen = "[::]:8443"
drain_seconds = 5
max_message_bytes = 1048576
[gateway.tls]
certificate = "tls.crt"
key = "tls.key"
client_ca = "ca.crt"
[upstreams.other]
address = "models.example.org:443"
timeout_seconds = 2.5
[upstreams.other.tls]
ca = "ca.crt"
certificate = "tls.crt"
key = "tls.key"
server_name = "models"
[identity]
tokens = "tokens.toml"
mtls_principal_type = "Workflow"
[limits]
in_flight = 8
queue = 0
[telemetry]
otlp_endpoint = "http://127.0.0.1:4317"
prometheus = "127.0.0.1:9464"
log_level = "debug"
""",
    )
    assert config.gateway.tls is not None
    assert config.gateway.tls.client_ca == folder / "ca.crt"
    assert config.review.database == "postgresql+psycopg://u:p@db/ombud"
    assert config.review.expiry_seconds == 3600.0


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ('[gateway]\nlisten = "0.0.0.0:8080"', "gateway: listen is '0.0.0.0:8080': beyond loopback"),
        ('[gateway]\nlisten = "gateway.example.org:8080"', "beyond loopback"),
        ('[gateway]\nlisten = "8080"', "gateway.listen is '8080': must be host:port"),
        ('[gateway]\nlisten = "::1:8080"', "gateway.listen is '::1:8080': must be host:port, with an IPv6"),
        ('[gateway]\nlisten = "127.0.0.1:99999"', "with a port of 0 to 65535"),
        ("[gateway]\nallow_plaintext = 1", "gateway.allow_plaintext is 1: must be a valid boolean"),
        ("[gateway]\ndrain_seconds = inf", "gateway.drain_seconds is inf: must be a finite number"),
        ("[gateway]\ndrain_seconds = 0", "gateway.drain_seconds is 0: must be greater than 0"),
        ("[gateway]\nmax_message_bytes = 1", "must be greater than or equal to 1024"),
        ("[gateway]\nmax_message_bytes = 9999999999", "must be less than or equal to 1073741824"),
        ('[gateway.tls]\ncertificate = "tls.crt"', "gateway.tls.key: must be given"),
        (
            '[gateway.tls]\ncertificate = "no.crt"\nkey = "tls.key"',
            "gateway.tls.certificate is 'no.crt': must be a file",
        ),
        (
            '[upstreams.b]\naddress = "h:1"\n[upstreams.b.tls]\nkey = "tls.key"',
            "certificate and key must be given",
        ),
        ("[limits]\nin_flight = 0", "limits.in_flight is 0: must be greater than or equal to 1"),
        ("[limits]\nqueue = true", "limits.queue is True: must be a valid integer"),
        (
            '[telemetry]\nprometheus = "0.0.0.0:9464"',
            "telemetry.prometheus is '0.0.0.0:9464': the page is plaintext",
        ),
        ('[telemetry]\notlp_endpoint = "collector:4317"', "must be an http:// or https:// address"),
        ('[telemetry]\nlog_level = "loud"', "telemetry.log_level is 'loud': must be 'debug'"),
        ('[identity]\nmtls_principal_type = "Anonymous"', "identity.mtls_principal_type is 'Anonymous'"),
        ("[limitz]\nqueue = 1", "limitz: is not a known key"),
        ("[limits]\nqueue = 1\nqueue = 2", "must be TOML in UTF-8"),
    ],
)
def test_mistakes_are_named(folder: Path, addition: str, expected: str) -> None:
    """File, field, value and what was expected."""
    with pytest.raises(ConfigInvalid) as refused:
        parse(folder, f"{MINIMAL}\n{addition}\n")
    (problem,) = refused.value.problems
    assert str(problem).startswith(f"{folder}/ombud.toml:")
    assert expected in str(problem)


def test_plaintext_beyond_loopback_takes_a_flag(folder: Path) -> None:
    """`allow_plaintext` says it out loud, for door and metrics page alike."""
    page = '[telemetry]\nprometheus = "0.0.0.0:9464"\n'
    config = parse(folder, f'{MINIMAL}\n[gateway]\nlisten = "0.0.0.0:80"\nallow_plaintext = true\n{page}')
    assert config.gateway.listen == "0.0.0.0:80"


def test_all_mistakes_at_once_and_no_secret_shown(folder: Path) -> None:
    """A mistake in a database address does not print the password in it."""
    with pytest.raises(ConfigInvalid) as refused:
        parse(folder, f"[review]\ndatabase = 'postgresql://u:hunter2@{'x' * 2000}'\n[limits]\nqueue = -1")
    text = str(refused.value)
    assert "hunter2" not in text
    found = {problem.field for problem in refused.value.problems}
    assert found == {
        "systems", "upstreams", "ledger", "policy", "review.database", "review.key_file", "limits.queue"
    }  # fmt: skip


def test_the_file_is_read_from_disk(folder: Path) -> None:
    """`load_config` reads a file, and says so when there is none or too much of it."""
    path = folder / "ombud.toml"
    with pytest.raises(ConfigInvalid, match="must be readable: No such file"):
        load_config(path)
    path.write_text(MINIMAL)
    assert load_config(path).ledger.operator == "example.org"
    path.write_text(MINIMAL + "#" * (1 << 20))
    with pytest.raises(ConfigInvalid, match="must be at most"):
        load_config(path)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (("ledger/vault", "keys"), "vault.folder is '{0}/ledger/vault': must not lie in ledger.path"),
        (("vault", "ledger/keys"), "vault.keys is '{0}/ledger/keys': must not lie in ledger.path"),
        (("vault", "vault/keys"), "vault.keys is '{0}/vault/keys': must not lie in vault.folder"),
        (("keys/vault", "keys"), "vault.folder is '{0}/keys/vault': must not lie in vault.keys"),
        (("vault", "other/../vault"), "must not lie in"),
        ((".", "keys"), "must not lie in vault.folder"),
    ],
)
def test_key_store_and_keys_and_ledger_lie_apart(
    folder: Path, places: tuple[str, str], expected: str
) -> None:
    """Whoever gets a copy of one must not get another with it."""
    section = '\n[vault]\nfolder = "{}"\nkeys = "{}"\n'
    with pytest.raises(ConfigInvalid, match=re.escape(expected.format(folder))):
        parse(folder, MINIMAL + section.format(*places))
    config = parse(folder, MINIMAL + section.format("vault", "vault-keys"))
    assert config.vault is not None
    assert (config.vault.folder, config.vault.keys) == (folder / "vault", folder / "vault-keys")


def test_a_copy_of_the_ledger_lies_apart_from_the_keys(folder: Path) -> None:
    """A mounted disk that takes the ledger's copy must not hold the vault as well."""
    section = (
        f'\n[vault]\nfolder = "vault"\nkeys = "disk/keys"\n[ledger.remote]\nurl = "file://{folder}/disk"\n'
    )
    with pytest.raises(ConfigInvalid, match=r"vault\.keys is .*: must not lie in ledger\.remote\.url"):
        parse(folder, MINIMAL + section)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example.org:1", False),
    ],
)
def test_loopback_is_told_from_the_world(address: str, loopback: bool) -> None:
    """Only addresses that cannot leave the host count."""
    assert is_loopback(address) is loopback
