# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Builds a gateway from its configuration. Every collaborator is made here and handed on as an argument."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from ombud_cli.publishing import ledger_root, published, remote_keeper, witnesses
from ombud_gateway.activation import ActivePolicy, starting_policy, unkept
from ombud_gateway.admission import Admission
from ombud_gateway.call import Upstream
from ombud_gateway.config import Config, LedgerSection, UpstreamSection
from ombud_gateway.coverage import Counts, Coverage
from ombud_gateway.doors.control import CONTROL, ControlDoor
from ombud_gateway.doors.kserve import KServeDoor
from ombud_gateway.http2 import Channel, tls_context
from ombud_gateway.identity import Bearer, Certificates, Identify
from ombud_gateway.ids import Ids
from ombud_gateway.incidents import Incidents
from ombud_gateway.labels import Labels
from ombud_gateway.matters import Matters
from ombud_gateway.pipeline import Pipeline
from ombud_gateway.problems import ConfigInvalid, Problem
from ombud_gateway.randomness import Randomness
from ombud_gateway.recorder import Recorder
from ombud_gateway.replies import Replies
from ombud_gateway.requests import Requests
from ombud_gateway.reviews import ParkedAnswers, Reviews, ReviewStore, key_from_file
from ombud_gateway.server import Server
from ombud_gateway.subjects import Pseudonyms
from ombud_gateway.systems import Systems, load_systems
from ombud_gateway.telemetry import Metrics, OtlpMetrics, PrometheusMetrics, Telemetry, Tracing
from ombud_gateway.upstreams import incidents, labelling, requests
from ombud_gateway.upstreams.alone import Alone
from ombud_gateway.upstreams.control import ControlUpstream
from ombud_gateway.upstreams.disclosures import Disclosures
from ombud_gateway.upstreams.kserve import KServeUpstream
from ombud_gateway.upstreams.people import People
from ombud_gateway.upstreams.queries import Queries
from ombud_gateway.upstreams.reporting import Reports
from ombud_gateway.upstreams.retention import Retention
from ombud_ledger import KeyUnusable, Ledger, LedgerReadOnly, Options, Vault, keys, query_apart
from ombud_policies import Bundle

if TYPE_CHECKING:
    from ombud_ledger import remote

_LOG = logging.getLogger(__name__)
_PARTING = 20.0  # seconds that a copy may take to follow a ledger that is closed


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that serves: where, under which policies, into which ledger."""

    port: int
    policy: ActivePolicy
    ledger: Ledger
    systems: Systems
    publish_port: int | None = None


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1_000


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Gateway]:
    """Serve for the length of a with block; leaving it drains calls and closes the ledger.

    Raises what is wrong with configuration, bundle or ledger before anything listens.
    """
    async with AsyncExitStack() as stack:
        # 1. What is declared: systems and policies. Nothing is opened if they do not hold.
        systems = load_systems(config.systems, upstreams=config.upstreams)
        bundle = await asyncio.to_thread(Bundle.load, config.policy.bundle)
        keeps_payloads = config.vault is not None
        _refuse_without_vault(bundle, keeps_payloads=keeps_payloads)
        # 2. The ledger: locked and recovered; what decisions depend on is kept in it by digest.
        randomness = Randomness()
        vault = await asyncio.to_thread(open_vault, config)
        if vault is not None:
            stack.push_async_callback(asyncio.to_thread, vault.close)
        ledger, keeper = await stack.enter_async_context(remembering(config, randomness, vault))
        await asyncio.to_thread(declare_systems, ledger, systems)
        policy = await asyncio.to_thread(starting_policy, ledger, bundle, keeps_payloads=keeps_payloads)
        _refuse_without_vault(policy.engine.bundle, keeps_payloads=keeps_payloads)
        if policy.engine.bundle.digest != bundle.digest:
            _LOG.warning(
                "the active bundle is %s; %s holds %s, which `ombud policy activate` would put in force",
                policy.engine.bundle.digest[:16],
                config.policy.bundle,
                bundle.digest[:16],
            )
        # 3. Reviews.
        store = await asyncio.to_thread(ReviewStore, config.review.database)
        stack.callback(store.close)
        reviews = Reviews(
            store,
            ParkedAnswers(key_from_file(config.review.key_file)),
            ledger,
            lifetime_us=int(config.review.expiry_seconds * 1e6),
            clock=now_us,
        )
        # 4. Where calls go, and how they are watched.
        admission = Admission(config.limits.in_flight, config.limits.queue)
        telemetry = _telemetry(config, admission, ledger, keeper)
        stack.callback(telemetry.close)
        pseudonyms = Pseudonyms(vault)
        people = People(ledger, vault, reviews, pseudonyms, now_us)
        limits = query_apart.Limits(
            config.limits.query_seconds, config.limits.query_memory_mb, config.limits.query_rows
        )
        queries = Queries(ledger, limits, config.limits.queries)
        alone = Alone()
        control = ControlUpstream(
            reviews,
            policy,
            ledger,
            labelling.operations(Labels(ledger, systems)),
            incidents.operations(Incidents(Matters(ledger, systems, "incident", now_us))),
            requests.operations(
                Requests(Matters(ledger, systems, "request", now_us), ledger, reviews, pseudonyms)
            ),
            people=people,
            queries=queries,
            retention=Retention(ledger, alone, limits),
            disclosures=Disclosures(ledger, alone),
            reports=_reports(config, ledger),
        )
        upstreams: dict[str, Upstream] = {CONTROL: control}
        counts: dict[str, Counts] = {}
        for name, section in config.upstreams.items():
            upstream = KServeUpstream(
                _channel(name, section, config),
                _streams(section, config),
                section.timeout_seconds,
                config.gateway.max_message_bytes,
            )
            stack.push_async_callback(upstream.close)
            upstreams[name] = counts[name] = upstream
        # 5. The pipeline and its doors.
        recorder = Recorder(ledger, now_us, lambda: admission.active, pseudonyms=pseudonyms)
        pipeline = Pipeline(
            identity=_identity(config),
            engine=lambda: policy.engine,
            reviews=reviews,
            recorder=recorder,
            replies=Replies(ledger, config.ledger.reply_wait_seconds),
            upstreams=upstreams,
            admission=admission,
            telemetry=telemetry,
        )
        ids, tls = Ids(now_us, randomness), config.gateway.tls is not None
        server = Server(
            [
                KServeDoor(
                    pipeline,
                    systems,
                    ids,
                    upstream=next(iter(config.upstreams)),
                    message_bytes=config.gateway.max_message_bytes,
                    tls=tls,
                ),
                ControlDoor(pipeline, reviews, lambda: policy.engine.bundle.digest, ids, tls=tls),
            ],
            reviews=reviews,
            recorder=recorder,
            listen=config.gateway.listen,
            tls=config.gateway.tls,
            message_bytes=config.gateway.max_message_bytes,
            drain_seconds=config.gateway.drain_seconds,
        )
        _follow(ledger, server, reviews)
        # 6. What the log publishes, beside the calls: from before the first of them until after the last.
        publish_port = stack.enter_context(published(config.ledger, ledger))
        # 7. What model servers counted: before the first call, in between, and once the last is recorded.
        coverage = Coverage(ledger, systems, counts, clock=now_us, seconds=config.coverage.sample_seconds)
        await coverage.sample()
        stack.push_async_callback(coverage.sample)
        await server.start()
        stack.push_async_callback(server.stop)
        sampling = asyncio.ensure_future(coverage.run())
        stack.callback(sampling.cancel)
        yield Gateway(server.port, policy, ledger, systems, publish_port)


def open_vault(config: Config) -> Vault | None:
    """Open the vault, if one is configured; raise VaultUnusable."""
    section = config.vault
    if section is None:
        return None
    if not section.folder.is_dir():
        text, made = str(section.folder), "must be a vault; `ombud vault init` makes one"
        raise ConfigInvalid([Problem("ombud.toml", "vault.folder", repr(text), made)])
    return Vault.open(section.folder, section.keys, clock=now_us)


def _refuse_without_vault(bundle: Bundle, *, keeps_payloads: bool) -> None:
    if why := unkept(bundle, keeps_payloads=keeps_payloads):
        raise ConfigInvalid([Problem("ombud.toml", "vault", "", f"must be given: {why}")])


@asynccontextmanager
async def remembering(
    config: Config, randomness: Callable[[int], bytes], vault: Vault | None
) -> AsyncIterator[tuple[Ledger, remote.RemoteKeeper | None]]:
    """Hold the ledger open for the length of a with block, and, where it is copied, what copies it.

    The copy is brought up to date once more after the ledger is closed. Raises as `open_ledger`.
    """
    ledger = await asyncio.to_thread(open_ledger, config, randomness, vault)
    keeper = None
    try:
        keeper = await asyncio.to_thread(remote_keeper, config.ledger, ledger)
        if keeper is not None:
            keeper.start()
        yield ledger, keeper
    finally:
        await asyncio.to_thread(ledger.close)
        if keeper is not None:
            await asyncio.to_thread(keeper.finish, _PARTING)


def open_ledger(config: Config, randomness: Callable[[int], bytes], vault: Vault | None = None) -> Ledger:
    """Open the log of this gateway process: one worker of one replica.

    Raises LedgerReadOnly, too: a gateway that cannot record must not serve.
    """
    section = config.ledger
    ledger = Ledger.open(
        ledger_root(section),
        log=f"{section.replica}-0",
        origin=section.origin,
        options=Options(segment_entries=section.seal_entries, segment_age=section.seal_age_seconds),
        clock=now_us,
        randomness=randomness,
        signers=signing_keys(section),
        witnesses=witnesses(section),
        vault=vault,
    )
    if ledger.why:
        ledger.close()
        raise LedgerReadOnly(f"log {ledger.log} is read-only: {ledger.why}")
    return ledger


def signing_keys(section: LedgerSection) -> Sequence[keys.Signer]:
    """Return the keys that sign the log, none where none is configured. Raises KeyUnusable."""
    if section.signing_key is None:
        return ()

    def passphrase() -> bytes:
        if section.signing_passphrase_file is None:
            raise KeyUnusable(
                f"{section.signing_key}: is encrypted, or wants a PIN; give ledger.signing_passphrase_file"
            )
        return keys.read_passphrase(section.signing_passphrase_file)

    return keys.read_key_file(section.signing_key).open(passphrase)


def declare_systems(ledger: Ledger, systems: Systems) -> None:
    """Keep every system and contract by digest, and record those that are new or have changed."""
    for system in systems:
        contract = ledger.put_object(system.contract.to_bytes())
        digest = ledger.put_object(system.source)
        last = ledger.latest("system", {"event": "declared", "system": system.name})
        if last is None or last["digest"] != digest:
            # Periods stand in the record, so that what prunes the log, and who checks that, reads no YAML.
            body = {
                "event": "declared",
                "system": system.name,
                "digest": digest,
                "contract": contract,
                "retention": system.retention.periods(),
            }
            ledger.append_blocking("system", body, None)


def _reports(config: Config, ledger: Ledger) -> Reports | None:
    """Return what has reports made; None where the packages for them are not installed."""
    if importlib.util.find_spec("jinja2") is None or importlib.util.find_spec("reportlab") is None:
        return None
    limits = query_apart.Limits(config.limits.report_seconds, config.limits.report_memory_mb)
    return Reports(ledger, limits, "ombud_reports.apart")


def _identity(config: Config) -> Identify:
    tokens = config.identity.tokens
    certificates = Certificates(config.identity.mtls_principal_type) if config.gateway.tls else None
    return Identify(Bearer(tokens) if tokens else None, certificates)


def _telemetry(
    config: Config, admission: Admission, ledger: Ledger, keeper: remote.RemoteKeeper | None
) -> Telemetry:
    gauges: dict[str, Callable[[], int]] = {
        "ombud_calls_in_flight": lambda: admission.active,
        "ombud_calls_waiting": lambda: admission.waiting,
        "ombud_ledger_queue": lambda: ledger.depth,
        "ombud_hot_tail_entries": lambda: ledger.hot_entries,
    }
    if config.ledger.witness:
        gauges["ombud_witness_lag_entries"] = lambda: ledger.witness_lag
    if keeper is not None:
        gauges["ombud_remote_lag_entries"] = lambda: ledger.size - keeper.size
        gauges["ombud_remote_failing"] = lambda: int(keeper.error is not None)
    sinks: list[Metrics] = []
    tracing = Tracing()
    endpoint, page = config.telemetry.otlp_endpoint, config.telemetry.prometheus
    if endpoint:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        insecure = endpoint.startswith("http://")
        tracing = Tracing(OTLPSpanExporter(endpoint=endpoint, insecure=insecure))
        sinks.append(OtlpMetrics(endpoint, gauges, insecure=insecure))
    if page:
        host, _, port = page.rpartition(":")
        try:
            sinks.append(PrometheusMetrics((host.strip("[]"), int(port)), gauges))
        except OSError as error:
            problem = Problem("ombud.toml", "telemetry.prometheus", page, f"cannot listen: {error.strerror}")
            raise ConfigInvalid([problem]) from error
    return Telemetry(tracing, tuple(sinks))


def _channel(name: str, section: UpstreamSection, config: Config) -> Channel:
    tls = section.tls
    if tls is None:
        return Channel(section.address, config.gateway.max_message_bytes)
    try:
        context = tls_context(tls.ca, tls.certificate, tls.key)
    except OSError as error:
        problem = Problem("ombud.toml", f"upstreams.{name}.tls", "", f"its files cannot be used: {error}")
        raise ConfigInvalid([problem]) from error
    return Channel(section.address, config.gateway.max_message_bytes, context, tls.server_name)


def _streams(section: UpstreamSection, config: Config) -> grpc.aio.Channel:
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", config.gateway.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.enable_retries", 0),
    ]
    tls = section.tls
    if tls is None:
        return grpc.aio.insecure_channel(section.address, options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(_bytes(tls.ca), _bytes(tls.key), _bytes(tls.certificate))
    return grpc.aio.secure_channel(section.address, credentials, options)


def _bytes(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None


def _follow(ledger: Ledger, server: Server, reviews: Reviews) -> None:
    """Let health follow the ledger, and settle claims once a failed ledger is back."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    async def changed(state: str) -> None:
        await server.say_serving(serving=state == "serving")
        if state == "serving":
            await reviews.recover()

    def follow(state: str) -> None:
        task = loop.create_task(changed(state))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    def from_any_thread(state: str) -> None:
        if state != "closed":
            loop.call_soon_threadsafe(follow, state)

    ledger.on_state = from_any_thread
