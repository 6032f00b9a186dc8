# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The processes that benchmarks set against each other: stub model server, bare proxy, gateway, client.

Each runs in a process of its own, the one under test alone on core 0, the others on the last core.
`python -m benchmarks.parties stub PORT`, `... proxy PORT UPSTREAM`,
`... load ADDRESS COUNT IN_FLIGHT TOKEN [WHO]`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import uvloop
from tritonclient.grpc import service_pb2 as wire

from ombud_cli.demo.gateway_process import GatewayProcess
from ombud_cli.demo.upstream.server_process import free_ports
from ombud_cli.demo.workspace import Workspace, lay_out
from ombud_ledger import Vault

INFER = "/inference.GRPCInferenceService/ModelInfer"
_CONFIG = "/inference.GRPCInferenceService/ModelConfig"
SUBJECT = "applicant"
KNOWN = 500
_CORES = sorted(os.sched_getaffinity(0))
TESTED, OTHERS = {_CORES[0]}, {_CORES[-1]}
_TICK = os.sysconf("SC_CLK_TCK")


def bodies(count: int, who: str = "") -> list[bytes]:
    """Requests as tritonclient encodes them, no two alike, all within what `credit` lets through.

    They are about `KNOWN` people, in turn, where `who` is "known"; with "new", each about another.

    Real applications, with loan amount and obligation ratio drawn anew by every client: a gateway that
    remembers verdicts must not profit from a client that repeats itself. It does profit from policies that
    cannot tell amounts below a limit apart, as those of `credit` cannot (ADR 0009).
    """
    import numpy as np
    from tritonclient.grpc import InferInput
    from tritonclient.grpc._utils import _get_inference_request

    from ombud_cli.demo.upstream import MODEL, held_out_half, infer_inputs, load

    chance, found = random.Random(), []
    applications = held_out_half(load())
    for number in range(count):
        one = applications[number % len(applications)]
        drawn = {"loan_amount": chance.uniform(10, 250), "obligation_ratio": chance.uniform(1, 45)}
        one = replace(one, features={**one.features, **drawn})
        inputs = infer_inputs(one)
        if who:
            person = InferInput(SUBJECT, [1], "BYTES")
            name = f"person {number % KNOWN}" if who == "known" else str(uuid.uuid4())
            person.set_data_from_numpy(np.array([name.encode()], dtype=object))
            inputs = [*inputs, person]
        request = _get_inference_request(
            model_name=MODEL,
            inputs=inputs,
            model_version="",
            request_id="",
            outputs=None,
            sequence_id=0,
            sequence_start=False,
            sequence_end=False,
            priority=0,
            timeout=None,
            parameters=None,
        )
        found.append(request.SerializeToString())
    return found


def answer(confidence: float) -> bytes:
    """An answer of the stub: approved, and how sure it is."""
    response = wire.ModelInferResponse(model_name="loan", model_version="1")
    for name, datatype in (("approve", "BOOL"), ("confidence", "FP64")):
        response.outputs.add(name=name, datatype=datatype, shape=[1])
    response.raw_output_contents.extend([b"\x01", struct.pack("<d", confidence)])
    return bytes(response.SerializeToString())


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, methods: dict[str, Callable[[bytes, Any], Awaitable[bytes]]]) -> None:
        self._handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(one) for name, one in methods.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)


async def _serve(port: str, methods: dict[str, Callable[[bytes, Any], Awaitable[bytes]]]) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Methods(methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


async def _stub(port: str) -> None:
    chance, config = random.Random(2), wire.ModelConfigResponse()
    answers = itertools.cycle([answer(chance.uniform(0.7, 1.0)) for _ in range(20_000)])
    config.config.name = "loan"
    described = config.SerializeToString()

    async def infer(_body: bytes, _context: Any) -> bytes:
        return next(answers)

    async def describe(_body: bytes, _context: Any) -> bytes:
        return bytes(described)

    await _serve(port, {INFER: infer, _CONFIG: describe})


async def _proxy(port: str, upstream: str) -> None:
    """Forward bytes and nothing else: the least a proxy in this language and library can do."""
    call: Any = grpc.aio.insecure_channel(upstream).unary_unary(INFER)

    async def forward(body: bytes, _context: Any) -> bytes:
        return bytes(await call(body))

    await _serve(port, {INFER: forward})


async def _load(address: str, count: int, in_flight: int, token: str, who: str = "") -> None:
    """Send `count` requests, `in_flight` at a time; print seconds in all and of each that was answered."""
    requests, metadata = bodies(count + 50, who), (("authorization", f"Bearer {token}"),)
    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(INFER)

        async def send(body: bytes) -> bool:
            """Tell whether it was answered: a real model may be unsure, and then a human is asked."""
            try:
                await call(body, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                    raise
                return False
            return True

        for body in requests[count:]:
            await send(body)
        left, seconds = iter(range(count)), []

        async def work() -> None:
            for number in left:
                start = time.perf_counter()
                if await send(requests[number]):
                    seconds.append(time.perf_counter() - start)

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        print(json.dumps({"seconds": time.perf_counter() - begun, "each": seconds}))


@contextmanager
def party(role: str, *arguments: str, cores: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a role in a process of its own for the length of a with block."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.parties", role, *arguments])
    try:
        os.sched_setaffinity(process.pid, cores)
        yield process
    finally:
        process.terminate()
        process.wait()


def load(address: str, count: int, in_flight: int, token: str, who: str = "") -> dict[str, Any]:
    """Drive a party from a process on the other core; return {"seconds", "each"}."""
    arguments = ("load", address, str(count), str(in_flight), token, who)
    command = [sys.executable, "-m", "benchmarks.parties", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        os.sched_setaffinity(process.pid, OTHERS)
        assert process.stdout is not None
        printed = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"the client of {address} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(printed)
    return found


@contextmanager
def gateway(
    folder: Path, upstream: str, *, people: bool = False
) -> Iterator[tuple[GatewayProcess, Workspace]]:
    """Run `ombud serve` with the demonstration's system, policies and tokens, alone on the tested core.

    With `people` there is a vault, and the system has an input that says whom a call is about.
    """
    port, metrics = free_ports(2)
    workspace = lay_out(folder, port=port, metrics=metrics, upstream=upstream, artifact="0" * 64)
    if people:
        _name_people(workspace)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, TESTED)  # a child inherits it with all its threads
    try:
        process = GatewayProcess(workspace, f"127.0.0.1:{port}")
        process.__enter__()
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process, workspace
    finally:
        process.stop()


def _name_people(workspace: Workspace) -> None:
    Vault.create(workspace.root / "vault", workspace.root / "vault-keys").close()
    with workspace.config.open("a") as config:
        config.write('\n[vault]\nfolder = "vault"\nkeys = "vault-keys"\n')
    (system,) = (workspace.root / "systems").iterdir()
    field = f"    - {{name: {SUBJECT}, type: string, optional: true, role: subject}}\n"
    system.write_text(system.read_text().replace("  inputs:\n", f"  inputs:\n{field}", 1))


def processor_seconds(pid: int) -> float:
    """User and system time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def wait_until_listening(address: str) -> None:
    """Return once something accepts connections."""
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=30)


def _main(role: str, *arguments: str) -> None:
    roles: dict[str, Callable[[], Any]] = {
        "stub": lambda: _stub(*arguments),
        "proxy": lambda: _proxy(*arguments),
        "load": lambda: _load(arguments[0], int(arguments[1]), int(arguments[2]), *arguments[3:]),
    }
    uvloop.run(roles[role]())


if __name__ == "__main__":
    _main(*sys.argv[1:])
