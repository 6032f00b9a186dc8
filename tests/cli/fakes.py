# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Servers that answer as told: the control plane, and a model server's metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc


class Answering(grpc.GenericRpcHandler):
    """Answers unary methods from a table of reply, status or function; keeps requests and metadata."""

    def __init__(self, replies: Mapping[str, Any]) -> None:
        self.replies = dict(replies)
        self.calls: list[tuple[str, bytes, dict[str, Any]]] = []

    def service(self, details: Any) -> Any:
        """Return a handler for any method."""
        method = details.method

        def answer(body: bytes, context: Any) -> bytes:
            self.calls.append((method, body, dict(context.invocation_metadata())))
            reply = self.replies.get(method)
            if reply is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method")
            elif callable(reply):
                reply(context)
            else:
                return bytes(reply.SerializeToString())
            raise AssertionError("abort always raises")

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def serving(replies: Mapping[str, Any]) -> Iterator[tuple[str, Answering]]:
    """Serve on a free port of this host; yield its address and what it was asked."""
    handler = Answering(replies)
    with ThreadPoolExecutor(2) as workers:
        server = grpc.server(workers, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}", handler
        finally:
            server.stop(None).wait()
