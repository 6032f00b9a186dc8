# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The gRPC server of a gateway process: doors, health, reflection, and a drain that loses nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ombud.v1 import incident_pb2, label_pb2, ledger_pb2, policy_pb2, request_pb2, review_pb2, subject_pb2
from ombud_gateway.config import ServerTls
from ombud_gateway.doors.methods import SERVICE
from ombud_gateway.recorder import Recorder
from ombud_gateway.reviews import Reviews

_LOG = logging.getLogger(__name__)
_SWEEP_SECONDS = 2.0
_NAMES = (
    SERVICE,
    *(
        file.DESCRIPTOR.services_by_name[name].full_name
        for file, name in (
            (incident_pb2, "IncidentService"),
            (label_pb2, "LabelService"),
            (ledger_pb2, "LedgerService"),
            (policy_pb2, "PolicyService"),
            (request_pb2, "RequestService"),
            (review_pb2, "ReviewService"),
            (subject_pb2, "SubjectService"),
        )
    ),
    health.SERVICE_NAME,
)


class Server:
    """Serves until told to stop. Health is SERVING only while the ledger can be written."""

    def __init__(
        self,
        doors: Sequence[grpc.GenericRpcHandler],
        *,
        reviews: Reviews,
        recorder: Recorder,
        listen: str,
        tls: ServerTls | None,
        message_bytes: int,
        drain_seconds: float,
    ) -> None:
        self._reviews = reviews
        self._recorder = recorder
        self._drain = drain_seconds
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=(
                # The door refuses, and records, what is past message_bytes; gRPC itself ends at twice that.
                ("grpc.max_receive_message_length", 2 * message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
            )
        )
        self._server.add_generic_rpc_handlers(tuple(doors))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*_NAMES, reflection.SERVICE_NAME), self._server)
        if tls is None:
            self.port = self._server.add_insecure_port(listen)
        else:
            self.port = self._server.add_secure_port(listen, _server_credentials(tls))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Answer calls from now on."""
        await self._reviews.recover()
        await self._server.start()
        await self.say_serving(serving=True)
        self._tasks = [
            asyncio.ensure_future(self._recorder.run()),
            asyncio.ensure_future(_every(_SWEEP_SECONDS, self._reviews.expire)),
        ]

    async def say_serving(self, *, serving: bool) -> None:
        """Tell health checks whether calls can be judged and recorded."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        for name in ("", SERVICE):
            await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self) -> None:
        """Refuse new calls, finish those under way within the drain time, write what is left to write."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self._drain)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._recorder.drain()


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            _LOG.exception("%s failed; it is tried again", work.__qualname__)


def _server_credentials(tls: ServerTls) -> grpc.ServerCredentials:
    authority = tls.client_ca.read_bytes() if tls.client_ca else None
    return grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.certificate.read_bytes())],
        root_certificates=authority,
        require_client_auth=authority is not None,
    )
