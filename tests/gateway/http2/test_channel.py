# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Unary calls over our own HTTP/2, against a server that does what HTTP/2 lets it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from typing import Any

import h2.errors
import pytest

from gateway.http2.calls import LIMIT, PATH, SECONDS, ask, echo, failure, opened, packed, run
from gateway.http2.server import DONE, OK, Peer, Request, message, serving
from ombud_gateway.errors import UpstreamFailed
from ombud_gateway.http2 import frames


def test_small_windows_and_frames_are_kept() -> None:
    """A server that takes ten bytes of a stream at a time gets the message whole; ours go on beside it."""

    async def work() -> None:
        async with serving(echo, INITIAL_WINDOW_SIZE=1_000) as server, opened(server.address) as channel:
            bodies = [bytes([number]) * 5_000 for number in range(5)]
            assert await asyncio.gather(*(ask(channel, body) for body in bodies)) == bodies
            assert max(server.pieces) <= 1_000

    run(work)


def test_more_calls_than_a_connection_takes_open_another() -> None:
    """The peer's limit of streams holds for each connection."""
    held: list[tuple[Peer, Request]] = []

    def hold(peer: Peer, request: Request) -> None:
        held.append((peer, request))
        if len(held) == 5:
            for each, asked in held:
                echo(each, asked)
                each.flush()
            held.clear()

    async def work() -> None:
        async with serving(hold, MAX_CONCURRENT_STREAMS=2) as server, opened(server.address) as channel:
            assert await asyncio.gather(*(ask(channel, b"%d" % n) for n in range(5))) == [
                b"0",
                b"1",
                b"2",
                b"3",
                b"4",
            ]
            assert len(server.peers) == 3

    run(work)


def test_a_server_that_takes_no_calls_is_not_drowned_in_connections() -> None:
    """There is an end to them, and the call says so."""

    async def work() -> None:
        async with serving(echo, MAX_CONCURRENT_STREAMS=0) as server, opened(server.address) as channel:
            assert await failure(channel) == (
                "UNAVAILABLE",
                "the server takes no more calls at a time",
                False,
            )
            assert len(server.peers) == 64

    run(work)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_answers_are_read(encoding: str) -> None:
    """The server may choose; so may it for a single message."""

    def act(peer: Peer, request: Request) -> None:
        compress = gzip.compress if encoding == "gzip" else zlib.compress
        body = bytes(request.body[5:])
        assert encoding in request.headers["grpc-accept-encoding"].split(",")
        whole = b"\x01" + message(compress(body))[1:] if len(body) > 10 else message(body)
        packed(encoding, whole)(peer, request)

    async def work() -> None:
        async with serving(act) as server, opened(server.address) as channel:
            assert [await ask(channel, bytes(size)) for size in (3, 100_000)] == [bytes(3), bytes(100_000)]

    run(work)


def test_header_blocks_in_pieces_and_padding_are_read() -> None:
    """CONTINUATION from the server, and to it; padded DATA."""
    long = "x" * 12_000

    def answer(peer: Peer, request: Request) -> None:
        assert request.headers["long"] == long * 2
        peer.http.send_headers(request.stream, [*OK, ("long", long)])
        peer.http.send_data(request.stream, message(b"padded"), pad_length=200)
        peer.http.send_headers(request.stream, DONE, end_stream=True)

    async def work() -> None:
        async with serving(answer, MAX_HEADER_LIST_SIZE=65_536) as server, opened(server.address) as channel:
            reply = await channel.unary(PATH, b"", metadata=(("long", long * 2),), seconds=SECONDS)
        assert (reply.body, dict(reply.initial)["long"]) == (b"padded", long)

    run(work)


def test_a_server_that_goes_away_at_once_is_found_when_it_stays() -> None:
    """Its connections are not kept, nor made without end: one that drains may say so in the first read."""

    async def work() -> None:
        leaving = [True]

        class Draining(Peer):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                if leaving[0]:
                    self.raw(frames.head(8, frames.GOAWAY, 0, 0) + bytes(8))

        async with serving(echo, peer=Draining) as server, opened(server.address) as channel:
            for _ in range(20):
                assert (await failure(channel))[0] == "UNAVAILABLE"
            assert len(server.peers) < 10
            leaving[0] = False
            async with asyncio.timeout(SECONDS):
                while True:
                    with contextlib.suppress(UpstreamFailed):
                        assert await ask(channel) == b"ask"
                        break
                    await asyncio.sleep(0.05)

    run(work)


class TestTriedAgain:
    """Only a call that the server surely did not process goes out twice."""

    def test_refused_streams_and_goaway(self) -> None:
        """On the next connection, or the next try, the call is answered; nobody notices."""
        tries: list[str] = []

        def first_no(peer: Peer, request: Request) -> None:
            tries.append("")
            if len(tries) == 1:
                peer.http.reset_stream(request.stream, h2.errors.ErrorCodes.REFUSED_STREAM)
            elif len(tries) == 2:
                peer.http.close_connection(last_stream_id=request.stream - 2)
            else:
                echo(peer, request)

        async def work() -> None:
            tries.clear()
            async with serving(first_no) as server, opened(server.address) as channel:
                assert await ask(channel) == b"ask"
                assert (len(tries), len(server.peers)) == (3, 2)

        run(work)

    def test_a_goaway_lets_calls_under_way_end(self) -> None:
        """They are answered on the old connection, new ones on another."""

        async def work() -> None:
            waiting: asyncio.Queue[tuple[Peer, Request]] = asyncio.Queue()

            def drain(peer: Peer, request: Request) -> None:
                if bytes(request.body[5:]) != b"old":
                    echo(peer, request)
                    return
                peer.raw(frames.head(8, frames.GOAWAY, 0, 0) + request.stream.to_bytes(4, "big") + bytes(4))
                waiting.put_nowait((peer, request))

            async with serving(drain) as server, opened(server.address) as channel:
                old = asyncio.ensure_future(ask(channel, b"old"))
                peer, request = await asyncio.wait_for(waiting.get(), SECONDS)
                await asyncio.sleep(0.1)
                assert await ask(channel, b"new") == b"new"
                echo(peer, request)
                peer.flush()
                assert await old == b"old"
                assert len(server.peers) == 2

        run(work)

    def test_a_lost_connection_is_not_tried_again(self) -> None:
        """The server may have acted."""
        asked: list[Request] = []

        def die(peer: Peer, request: Request) -> None:
            asked.append(request)
            peer.transport.abort()

        async def work() -> None:
            asked.clear()
            async with serving(die) as server, opened(server.address) as channel:
                assert (await failure(channel))[::2] == ("UNAVAILABLE", True)
            assert len(asked) == 1

        run(work)

    def test_tries_share_one_deadline(self) -> None:
        """A call that is refused late has no more time than it was given, and the server is told how much."""
        told: list[str] = []

        def late(peer: Peer, request: Request) -> None:
            told.append(request.headers["grpc-timeout"])

            def refuse() -> None:
                peer.http.reset_stream(request.stream, h2.errors.ErrorCodes.REFUSED_STREAM)
                peer.flush()

            asyncio.get_running_loop().call_later(0.4, refuse)

        async def work() -> None:
            told.clear()
            async with serving(late) as server, opened(server.address) as channel:
                before = asyncio.get_running_loop().time()
                assert (await failure(channel, seconds=0.6))[0] == "DEADLINE_EXCEEDED"
                assert asyncio.get_running_loop().time() - before < 1.1
                await asyncio.sleep(0.5)
            assert [int(each.removesuffix("m")) <= most for each, most in zip(told, (600, 200), strict=True)]

        run(work)

    def test_a_server_that_refuses_everything_is_unavailable(self) -> None:
        """After a few tries."""

        def refuse(peer: Peer, request: Request) -> None:
            peer.http.reset_stream(request.stream, h2.errors.ErrorCodes.REFUSED_STREAM)

        async def work() -> None:
            async with serving(refuse) as server, opened(server.address) as channel:
                assert (await failure(channel))[:2] == ("UNAVAILABLE", "the server refuses calls")

        run(work)


def test_any_split_of_what_arrives_gives_the_same() -> None:
    """Bytes come in pieces as the network likes; replies do not depend on it."""
    from ombud_gateway.http2.connection import Connection

    heads = bytes.fromhex("88") + b"\x00\x0ccontent-type\x10application/grpc"
    done = b"\x00\x0bgrpc-status\x010"

    def answer(number: int, body: bytes) -> bytes:
        whole = message(body)
        return (
            frames.head(len(heads), frames.HEADERS, frames.END_HEADERS, number)
            + heads
            + b"".join(frames.head(1, frames.DATA, 0, number) + bytes([each]) for each in whole)
            + frames.head(len(done), frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, number)
            + done
        )

    class Nowhere(asyncio.Transport):
        def write(self, data: Any) -> None:
            pass

        def close(self) -> None:
            pass

    async def work() -> None:
        stream = frames.settings({}) + answer(3, b"second") + answer(1, b"first")
        for size in (1, 2, 3, 7, 8, 9, 10, 11, 64, len(stream)):
            connection = Connection(LIMIT, lambda _: None)
            connection.connection_made(Nowhere())
            first, second = (connection.begin(b"\x83", b"", SECONDS)[1] for _ in range(2))
            for at in range(0, len(stream), size):
                connection.data_received(stream[at : at + size])
            assert ((await first).body, (await second).body) == (b"first", b"second")

    run(work)


def test_the_window_of_a_connection_is_given_back() -> None:
    """More than it holds arrives, in many calls, some of which nobody waits for any more."""

    def large(peer: Peer, request: Request) -> None:
        peer.reply(request, bytes(1_000_000))

    async def work() -> None:
        async with serving(large) as server, opened(server.address) as channel:
            for number in range(60):
                if number % 3:
                    assert len(await ask(channel)) == 1_000_000
                else:
                    task = asyncio.ensure_future(ask(channel))
                    await asyncio.sleep(0.001)
                    task.cancel()
            assert len(server.peers) == 1

    run(work)
