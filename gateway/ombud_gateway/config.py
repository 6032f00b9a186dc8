# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway's configuration, `ombud.toml`: what runs where, and within which bounds."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from ombud_gateway.problems import ConfigInvalid, Problem, problems_of
from ombud_gateway.systems import Name

if TYPE_CHECKING:
    from ombud_ledger import remote

_LARGEST_FILE = 1 << 20
MIB = 1 << 20


def _beside_file(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be a path")
    base: Path = (info.context or {}).get("base", Path())
    return base / Path(value).expanduser()


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"must be a file; there is none at {path}")
    return path


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"must be a folder; there is none at {path}")
    return path


def _database(value: Any, info: ValidationInfo) -> str:
    """A path stands for an SQLite file."""
    if isinstance(value, str) and "://" in value:
        return value
    return f"sqlite:///{_beside_file(value, info).absolute()}"


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise ValueError("must be host:port, with an IPv6 host in brackets")
    if not host.strip("[]") or not port.isascii() or not port.isdigit() or not int(port) <= 65_535:
        raise ValueError("must be host:port, with a port of 0 to 65535")
    return text


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    return text


def _prefix(text: str) -> str:
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.username or parts.port == 0:
        raise ValueError("must be an address to append a path to: no user, query or fragment")
    return text


def _witness_key(text: str) -> str:
    from ombud_ledger import KeyUnusable, transparency  # here: only a log with witnesses needs it

    try:
        return str(transparency.parse_vkey(text, kind=transparency.COSIGNATURE))
    except KeyUnusable as error:
        raise ValueError(str(error)) from error


AnyPath = Annotated[Path, BeforeValidator(_beside_file)]
ExistingFile = Annotated[AnyPath, AfterValidator(_existing_file)]
ExistingFolder = Annotated[AnyPath, AfterValidator(_existing_folder)]
Database = Annotated[str, Field(max_length=1_000), BeforeValidator(_database)]
Address = Annotated[str, Field(max_length=300), AfterValidator(_address)]
HttpUrl = Annotated[str, Field(max_length=1_000), AfterValidator(_http_url)]
OriginPart = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
Seconds = Annotated[float, Field(strict=False, gt=0, le=86_400, allow_inf_nan=False)]


def is_loopback(address: str) -> bool:
    """Tell whether a host:port can only be reached from this host."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ServerTls(_Section):
    """The door's certificate. With `client_ca`, callers must present a certificate that it signed."""

    certificate: ExistingFile
    key: ExistingFile
    client_ca: ExistingFile | None = None


class GatewaySection(_Section):
    """Where the gateway listens."""

    listen: Address = "127.0.0.1:8080"
    allow_plaintext: bool = False
    drain_seconds: Seconds = 30.0
    max_message_bytes: int = Field(default=64 * MIB, ge=1_024, le=1_024 * MIB)
    tls: ServerTls | None = None

    @model_validator(mode="after")
    def _sealed_or_local(self) -> Self:
        if self.tls is None and not self.allow_plaintext and not is_loopback(self.listen):
            raise ValueError(
                f"listen is {self.listen!r}: beyond loopback, give [gateway.tls] or allow_plaintext = true"
            )
        return self


class UpstreamTls(_Section):
    """How the gateway trusts an upstream, and what it presents to it."""

    ca: ExistingFile | None = None
    certificate: ExistingFile | None = None
    key: ExistingFile | None = None
    server_name: str | None = Field(default=None, min_length=1, max_length=253)

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key must be given together")
        return self


class UpstreamSection(_Section):
    """A model server."""

    address: Address
    timeout_seconds: Seconds = 30.0
    tls: UpstreamTls | None = None


class WitnessSection(_Section):
    """A witness that is asked to cosign checkpoints, and its public key, as its operator gives it out."""

    url: Annotated[HttpUrl, AfterValidator(_prefix)]
    vkey: Annotated[str, AfterValidator(_witness_key)]


def _keep_local(text: str) -> str:
    from ombud_ledger import remote  # here: only a ledger that is copied needs it

    remote.parse_keep_local(text)
    return text


class RemoteSection(_Section):
    """Other storage that the ledger is copied to, while it is written; never holds a secret.

    `url` is s3://bucket/prefix, or file:///folder of a mounted disk. The access key is in `credentials_file`,
    as AWS tools write it; without one it comes from where these look. With `keep_local`, as 30d or 12h,
    sealed files whose newest entry is older are let go here, once the copy was read back again.
    """

    url: Annotated[str, Field(max_length=1_000)]
    endpoint: HttpUrl | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = None
    credentials_file: AnyPath | None = None
    allow_plaintext: bool = False
    seconds: Annotated[float, Field(strict=False, ge=1, le=86_400, allow_inf_nan=False)] = 60.0
    keep_local: Annotated[str, AfterValidator(_keep_local)] | None = None

    @property
    def keep_local_us(self) -> int | None:
        """The time that sealed files are kept here, microseconds; None for ever."""
        from ombud_ledger import remote

        return None if self.keep_local is None else remote.parse_keep_local(self.keep_local)

    @model_validator(mode="after")
    def _an_address(self) -> Self:
        _ = self.address
        return self

    @property
    def address(self) -> remote.RemoteAddress:
        """The address, as the ledger takes it. Raises ValueError."""
        from ombud_ledger import remote  # here: only a ledger that is copied needs it

        return remote.RemoteAddress(
            self.url, self.endpoint, self.region, self.credentials_file, self.allow_plaintext
        )


class LedgerSection(_Section):
    """Where the ledger lives and who writes it. With `signing_key`, a file of `ombud key`, it is signed.

    With `publish_listen`, what the signed log publishes is served there over HTTP, its records included. To
    let it be reached from beyond this host takes a flag of its own: nobody authenticates there. A checkpoint
    counts as witnessed once `witness_quorum` of the witnesses cosigned it; all of them, if it is not given.
    A reply whose caller wants it signed or witnessed waits `reply_wait_seconds` at most.
    """

    path: AnyPath
    operator: OriginPart
    deployment: OriginPart
    replica: OriginPart = "r0"
    seal_entries: int = Field(default=65_536, ge=16, le=65_536)
    seal_age_seconds: Annotated[float, Field(strict=False, ge=1, le=7 * 86_400, allow_inf_nan=False)] = (
        3_600.0
    )
    signing_key: AnyPath | None = None
    signing_passphrase_file: AnyPath | None = None
    publish_listen: Address | None = None
    publish_plaintext: bool = False
    witness: list[WitnessSection] = Field(default=[], max_length=16)
    witness_quorum: int | None = Field(default=None, ge=1)
    reply_wait_seconds: Annotated[float, Field(strict=False, gt=0, le=600, allow_inf_nan=False)] = 10.0
    remote: RemoteSection | None = None

    @model_validator(mode="after")
    def _passphrase_of_a_key(self) -> Self:
        if self.signing_passphrase_file is not None and self.signing_key is None:
            raise ValueError("signing_passphrase_file is given, but no signing_key that it opens")
        return self

    @model_validator(mode="after")
    def _published_at_home(self) -> Self:
        if self.publish_listen is None:
            return self
        if self.signing_key is None:
            raise ValueError("publish_listen is given, but no signing_key: an unsigned log publishes nothing")
        if not self.publish_plaintext and not is_loopback(self.publish_listen):
            raise ValueError(
                f"publish_listen is {self.publish_listen!r}: beyond loopback, put TLS in front of it, or set "
                "publish_plaintext = true; records are among what is served"
            )
        return self

    @model_validator(mode="after")
    def _witnesses_of_a_signed_log(self) -> Self:
        if self.witness and self.signing_key is None:
            raise ValueError("witnesses are given, but no signing_key: there is nothing for them to cosign")
        if len({each.vkey for each in self.witness}) < len(self.witness):
            raise ValueError("two witnesses have the same vkey: it counts once")
        if self.origin in {each.vkey.partition("+")[0] for each in self.witness}:
            raise ValueError(f"a witness is called {self.origin!r}, like the log: it needs a name of its own")
        if self.witness_quorum is not None and self.witness_quorum > len(self.witness):
            raise ValueError(
                f"witness_quorum is {self.witness_quorum}: must be at most the number of witnesses, "
                f"{len(self.witness)}"
            )
        return self

    @property
    def origin(self) -> str:
        """The origin of this gateway's log, and the name of the keys that sign it."""
        return f"{self.operator}/{self.deployment}/{self.replica}"


class VaultSection(_Section):
    """The vault: key store in `folder`, epoch keys in `keys`, apart, so that a copy of either alone is dark.

    Made by `ombud vault init`.
    """

    folder: AnyPath
    keys: AnyPath


class PolicySection(_Section):
    """The bundle that is asked. With `watch`, changes in its folder are validated, not activated."""

    bundle: ExistingFolder
    watch: bool = False


class IdentitySection(_Section):
    """How callers are recognised."""

    tokens: AnyPath | None = None
    mtls_principal_type: Literal["Agent", "Workflow", "Service", "User"] = "Service"


class ReviewSection(_Section):
    """Where reviews wait, and the key that encrypts parked answers. `database` becomes an SQLAlchemy URL."""

    database: Database
    key_file: AnyPath
    expiry_seconds: Annotated[float, Field(strict=False, ge=1, le=90 * 86_400, allow_inf_nan=False)] = (
        86_400.0
    )


class LimitsSection(_Section):
    """Calls worked on at once, and calls that may wait for their turn; past both, calls are shed.

    And `QueryLedger`s at once, with the time, memory and rows that each may take.
    """

    in_flight: int = Field(default=256, ge=1, le=65_536)
    queue: int = Field(default=1_024, ge=0, le=1_048_576)
    queries: int = Field(default=2, ge=1, le=64)
    query_seconds: Annotated[float, Field(strict=False, ge=0.1, le=3_600, allow_inf_nan=False)] = 30.0
    query_memory_mb: int = Field(default=512, ge=64, le=65_536)
    query_rows: int = Field(default=1_000_000, ge=1, le=1_000_000_000)
    report_seconds: Annotated[float, Field(strict=False, ge=1, le=3_600, allow_inf_nan=False)] = 600.0
    report_memory_mb: int = Field(default=1_024, ge=64, le=65_536)


class CoverageSection(_Section):
    """How often, in seconds, model servers are asked what they counted, beside start and stop."""

    sample_seconds: Seconds = 300.0


class TelemetrySection(_Section):
    """Where spans and metrics go, and how much is logged."""

    otlp_endpoint: HttpUrl | None = None
    prometheus: Address | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Config(_Section):
    """All of `ombud.toml`. Relative paths are resolved against the folder of the file."""

    systems: ExistingFolder
    gateway: GatewaySection = GatewaySection()
    upstreams: Annotated[dict[Name, UpstreamSection], Field(min_length=1, max_length=256)]
    ledger: LedgerSection
    policy: PolicySection
    review: ReviewSection
    identity: IdentitySection = IdentitySection()
    limits: LimitsSection = LimitsSection()
    telemetry: TelemetrySection = TelemetrySection()
    coverage: CoverageSection = CoverageSection()
    vault: VaultSection | None = None

    @model_validator(mode="after")
    def _metrics_stay_home(self) -> Self:
        page = self.telemetry.prometheus
        if page is not None and not self.gateway.allow_plaintext and not is_loopback(page):
            raise ValueError(
                f"telemetry.prometheus is {page!r}: the page is plaintext; bind it to loopback, "
                "or set gateway.allow_plaintext = true"
            )
        return self

    @model_validator(mode="after")
    def _vault_apart(self) -> Self:
        """Whoever copies the ledger must not get its keys, nor with one half of the vault the other."""
        if self.vault is None:
            return self
        places = {
            "ledger.path": self.ledger.path,
            "vault.folder": self.vault.folder,
            "vault.keys": self.vault.keys,
        }
        remote = self.ledger.remote
        if remote is not None and remote.url.startswith("file://"):
            places["ledger.remote.url"] = Path(remote.url.removeprefix("file://"))
        resolved = {name: path.resolve() for name, path in places.items()}
        for inner, within in resolved.items():
            for outer, place in resolved.items():
                if outer != inner and within.is_relative_to(place):
                    raise ValueError(
                        f"{inner} is {str(places[inner])!r}: must not lie in {outer}, {str(places[outer])!r}"
                    )
        return self


def load_config(path: Path) -> Config:
    """Read `ombud.toml`; raise `ConfigInvalid` with everything that is wrong in it."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigInvalid([Problem(str(path), "", "", f"must be readable: {error.strerror}")]) from error
    if len(raw) > _LARGEST_FILE:
        raise ConfigInvalid([Problem(str(path), "", "", f"must be at most {_LARGEST_FILE} bytes")])
    return parse_config(raw, file=path)


def parse_config(raw: bytes, *, file: Path) -> Config:
    """Parse the bytes of a configuration file that lies, or would lie, at `file`."""
    try:
        return Config.model_validate(tomllib.loads(raw.decode()), context={"base": file.absolute().parent})
    except ValidationError as error:
        raise ConfigInvalid(problems_of(file, error)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid([Problem(str(file), "", "", f"must be TOML in UTF-8: {error}")]) from error
