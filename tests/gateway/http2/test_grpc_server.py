# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Unary calls over our own HTTP/2, against gRPC's own server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any

import grpc
import pytest

from gateway.http2.calls import LIMIT, PATH, SECONDS, Handler, ask, failure, grpc_server, opened, run
from ombud_gateway.errors import GRPC_CODES, UpstreamFailed


class TestGrpcsOwnServer:
    """What gRPC's C core says and hears."""

    def test_messages_of_every_size_come_back(self) -> None:
        """None, one of a frame, some of many frames, and larger than any window."""

        async def echo(body: bytes, _context: Any) -> bytes:
            return body

        async def work() -> None:
            sizes = [0, 1, 16_379, 16_380, 65_530, 65_531, 1_000_000, LIMIT]
            async with grpc_server(echo) as address, opened(address) as channel:
                bodies = [random.Random(size).randbytes(size) for size in sizes]
                assert [await ask(channel, body) for body in bodies] == bodies
                assert await asyncio.gather(*(ask(channel, body) for body in bodies)) == bodies

        run(work)

    def test_many_calls_at_a_time_get_their_own_answers(self) -> None:
        """A thousand calls, two hundred at a time, of mixed sizes."""

        async def echo(body: bytes, _context: Any) -> bytes:
            await asyncio.sleep(len(body) % 7 / 1_000)
            return body

        async def work() -> None:
            chance, room = random.Random(1), asyncio.Semaphore(200)
            async with grpc_server(echo) as address, opened(address) as channel:

                async def one() -> None:
                    body = chance.randbytes(chance.choice([10, 2_000, 40_000]))
                    async with room:
                        assert await ask(channel, body) == body

                await asyncio.gather(*(one() for _ in range(1_000)))

        run(work)

    def test_metadata_goes_both_ways(self) -> None:
        """Text and bytes, at the beginning and at the end; the method, the deadline and the agent arrive."""
        sent = (("correlation", "a b;c"), ("raw-bin", bytes(range(256))), ("twice", "1"), ("twice", "2"))
        seen: dict[str, Any] = {}

        async def method(_body: bytes, context: Any) -> bytes:
            seen["metadata"] = [tuple(pair) for pair in context.invocation_metadata()]
            seen["left"] = context.time_remaining()
            await context.send_initial_metadata((("first", "x"), ("first-bin", b"\x00\xff")))
            context.set_trailing_metadata((("last", "y"), ("last-bin", b"\x01,\x02")))
            return b""

        async def work() -> None:
            async with grpc_server(method) as address, opened(address) as channel:
                reply = await channel.unary(PATH, b"", metadata=sent, seconds=SECONDS)
            assert set(sent) <= set(seen["metadata"])
            assert [value for key, value in seen["metadata"] if key == "twice"] == ["1", "2"]
            assert dict(seen["metadata"])["user-agent"].startswith("ombud/")
            assert SECONDS - 2 < seen["left"] <= SECONDS
            assert {("first", "x"), ("first-bin", b"\x00\xff")} <= set(reply.initial)
            assert set(reply.trailing) == {("last", "y"), ("last-bin", b"\x01,\x02")}

        run(work)

    @pytest.mark.parametrize("metadata", [("Key", "x"), ("a b", "x"), ("key", "ä"), ("key", "a\nb")])
    def test_metadata_that_cannot_be_sent_is_named(self, metadata: tuple[str, str]) -> None:
        """Nothing of the call leaves."""

        async def work() -> None:
            async with opened("127.0.0.1:1") as channel:
                code, text, _ = await failure(channel, metadata=(metadata,))
            assert (code, metadata[0] in text) == ("INTERNAL", True)

        run(work)

    def test_statuses_pass_with_words_and_metadata(self) -> None:
        """Every code, and words beyond ASCII."""

        async def refuse(body: bytes, context: Any) -> bytes:
            context.set_trailing_metadata((("why-bin", b"\x00"),))
            code = next(each for each in grpc.StatusCode if each.name == body.decode())
            await context.abort(code, f"nein – {body.decode()} 100%\n")
            raise AssertionError

        async def work() -> None:
            async with grpc_server(refuse) as address, opened(address) as channel:
                for name in GRPC_CODES[1:]:
                    with pytest.raises(UpstreamFailed) as raised:
                        await ask(channel, name.encode())
                    told = raised.value
                    assert (GRPC_CODES[told.code], told.message) == (name, f"nein – {name} 100%\n")
                    assert told.metadata == (("why-bin", b"\x00"),)
                with pytest.raises(UpstreamFailed) as raised:
                    await channel.unary("/a.Service/Other", b"", seconds=SECONDS)
                assert GRPC_CODES[raised.value.code] == "UNIMPLEMENTED"

        run(work)

    def test_deadlines_and_cancellation_reach_the_server(self) -> None:
        """The caller learns in time, and the server stops working."""

        async def work() -> None:
            stopped: asyncio.Queue[str] = asyncio.Queue()

            async def never(body: bytes, _context: Any) -> bytes:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    stopped.put_nowait(body.decode())
                    raise
                return b""

            async with grpc_server(never) as address, opened(address) as channel:
                assert (await failure(channel, b"late", seconds=0.2))[0] == "DEADLINE_EXCEEDED"
                assert await asyncio.wait_for(stopped.get(), SECONDS) == "late"
                task = asyncio.ensure_future(ask(channel, b"given up"))
                await asyncio.sleep(0.2)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await asyncio.wait_for(stopped.get(), SECONDS) == "given up"

        run(work)

    def test_answers_past_the_limit_are_refused(self) -> None:
        """By their prefix, before they are here; the next call goes on."""

        async def grow(body: bytes, _context: Any) -> bytes:
            return bytes(int(body))

        async def work() -> None:
            async with grpc_server(grow) as address, opened(address, 100_000) as channel:
                assert len(await ask(channel, b"100000")) == 100_000
                code, text, _ = await failure(channel, b"100001")
                assert (code, "100,001" in text) == ("RESOURCE_EXHAUSTED", True)
                assert len(await ask(channel, b"5")) == 5

        run(work)

    def test_a_server_that_comes_back_is_found(self) -> None:
        """While it is gone, calls fail and say that it was not reached."""

        async def echo(body: bytes, _context: Any) -> bytes:
            return body

        async def work() -> None:
            with socket.socket() as place:
                place.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{place.getsockname()[1]}"
            async with opened(address) as channel:
                assert await failure(channel) == ("UNAVAILABLE", "the server cannot be reached", False)
                server = grpc.aio.server()
                server.add_generic_rpc_handlers((Handler(echo),))
                server.add_insecure_port(address)
                await server.start()
                async with asyncio.timeout(SECONDS):
                    while True:
                        with contextlib.suppress(UpstreamFailed):
                            assert await ask(channel) == b"ask"
                            break
                        await asyncio.sleep(0.05)
                await server.stop(None)
                assert (await failure(channel))[0] == "UNAVAILABLE"

        run(work)
