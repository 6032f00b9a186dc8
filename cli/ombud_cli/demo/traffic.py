# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's workflow: unmodified Triton clients that send loan applications through the gateway.

Nothing here knows Ombud: `tritonclient` with another address and a bearer token.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from ombud_cli.demo.upstream import MODEL, Application, infer_inputs

_REVIEW = re.compile(r"ombud-resume: ([0-9a-f-]+)")


@dataclass(slots=True)
class Traffic:
    """What came of the calls: how many ended how, which wait for a human, and the seconds each took."""

    ends: Counter[str] = field(default_factory=Counter)
    parked: list[tuple[Application, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, application: Application, end: str, message: str, seconds: float) -> None:
        """Count one call."""
        self.ends[end] += 1
        self.seconds.append(seconds)
        self.messages.setdefault(end, message)
        waits = _REVIEW.search(message)
        if waits:
            self.parked.append((application, waits[1]))


def send(
    address: str,
    token: str,
    applications: Iterable[Application],
    *,
    clients: int,
    sent: Callable[[], None],
    case: Callable[[Application], str] = lambda application: application.subject,
) -> Traffic:
    """Send applications from several clients at once; `sent` is called after each. `case` names each."""
    waiting: SimpleQueue[Application] = SimpleQueue()
    for application in applications:
        waiting.put(application)
    traffic = Traffic()

    def work() -> None:
        with InferenceServerClient(address) as client:
            while True:
                try:
                    application = waiting.get_nowait()
                except Empty:
                    return
                start = time.perf_counter()
                end, message = ask_with(client, token, infer_inputs(application), case(application))
                traffic.add(application, end, message, time.perf_counter() - start)
                sent()

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work) for _ in range(clients)]:
            done.result()
    return traffic


def ask(
    client: InferenceServerClient, token: str, application: Application, **headers: str
) -> tuple[str, str]:
    """Send one application; return "answered" and the answer, or the gRPC status and its message."""
    return ask_with(client, token, infer_inputs(application), application.subject, **headers)


def ask_with(
    client: InferenceServerClient, token: str, inputs: list[InferInput], case: str, **headers: str
) -> tuple[str, str]:
    """Send one request as it is, under the case's name as correlation id."""
    metadata = {"authorization": f"Bearer {token}", "ombud-correlation-id": case}
    metadata.update({name.replace("_", "-"): value for name, value in headers.items()})
    try:
        answer = client.infer(MODEL, inputs, headers=metadata, client_timeout=30.0)
    except InferenceServerException as error:
        return str(error.status()).removeprefix("StatusCode."), str(error.message())
    approve, confidence = answer.as_numpy("approve")[0], answer.as_numpy("confidence")[0]
    return "answered", f"approve={bool(approve)} confidence={float(confidence):.4f}"


def out_of_contract(application: Application) -> list[InferInput]:
    """The application's tensors, but with an obligation ratio that is not a number."""
    inputs: list[Any] = infer_inputs(application)
    for one in inputs:
        if one.name() == "obligation_ratio":
            one.set_data_from_numpy(np.array([np.nan], np.float32))
    return inputs
