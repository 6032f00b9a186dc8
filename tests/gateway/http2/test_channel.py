# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
"""Unary calls over our own HTTP/2, against gRPC's own server, and against one that misbehaves as told."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import h2.errors
import pytest
import uvloop

from gateway.http2.server import DONE, OK, Peer, Request, message, serving
from ombud_gateway.errors import GRPC_CODES, UpstreamFailed
from ombud_gateway.http2 import Channel, frames

SECONDS = 10.0
LIMIT = 8 * 2**20
PATH = "/a.Service/Method"


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run on both event loops that a gateway may have."""
    asyncio.run(work())  # type: ignore[arg-type]
    uvloop.run(work())  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def opened(address: str, limit: int = LIMIT) -> AsyncIterator[Channel]:
    """Give a channel."""
    channel = Channel(address, limit)
    try:
        yield channel
    finally:
        await channel.close()


async def ask(channel: Channel, body: bytes = b"ask", **how: Any) -> bytes:
    """Call, and return the body of the reply."""
    return (await channel.unary(PATH, body, **{"seconds": SECONDS, **how})).body


async def failure(channel: Channel, body: bytes = b"ask", **how: Any) -> tuple[str, str, bool]:
    """Call, and return code, message and whether the server was reached."""
    with pytest.raises(UpstreamFailed) as raised:
        await ask(channel, body, **how)
    return GRPC_CODES[raised.value.code], raised.value.message, raised.value.reached


class Handler(grpc.GenericRpcHandler):
    """One method, for gRPC's own server."""

    def __init__(self, method: Callable[[bytes, Any], Awaitable[bytes]]) -> None:
        self._method = method

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        known = handler_call_details.method == PATH
        return grpc.unary_unary_rpc_method_handler(self._method) if known else None


@contextlib.asynccontextmanager
async def grpc_server(method: Callable[[bytes, Any], Awaitable[bytes]]) -> AsyncIterator[str]:
    """Serve one method with gRPC's own server; yields its address."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((Handler(method),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


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


def echo(peer: Peer, request: Request) -> None:
    """Answer with the message that was asked."""
    peer.reply(request, bytes(request.body[5:]))


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
        _packed(encoding, whole)(peer, request)

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


def _respond(*blocks: tuple[list[tuple[str, str]], bytes, bool]) -> Callable[[Peer, Request], None]:
    def act(peer: Peer, request: Request) -> None:
        for headers, data, end in blocks:
            if headers:
                peer.http.send_headers(request.stream, headers, end_stream=end and not data)
            if data:
                peer.http.send_data(request.stream, data, end_stream=end)

    return act


def _packed(encoding: str, data: bytes) -> Callable[[Peer, Request], None]:
    return _respond(([*OK, ("grpc-encoding", encoding)], data, False), (DONE, b"", True))


@pytest.mark.parametrize(
    ("act", "code", "text"),
    [
        (_respond(([(":status", "404")], b"", True)), "UNIMPLEMENTED", "HTTP status 404"),
        (_respond(([(":status", "503")], b"sorry", True)), "UNAVAILABLE", "HTTP status 503"),
        (
            _respond(([(":status", "200"), ("content-type", "text/html")], b"<p>", True)),
            "UNKNOWN",
            "text/html",
        ),
        (_respond((OK, message(b"x"), True)), "INTERNAL", "no status"),
        (_respond(([*OK, ("grpc-status", "0")], b"", True)), "INTERNAL", "no whole message"),
        (_respond((OK, message(b"x")[:-1], False), (DONE, b"", True)), "INTERNAL", "no whole message"),
        (_respond((OK, message(b"x") * 2, False), (DONE, b"", True)), "INTERNAL", "more than one message"),
        (_respond((OK, b"\x01" + message(b"x")[1:], False), (DONE, b"", True)), "INTERNAL", "compressed"),
        (_respond(([*OK, ("grpc-encoding", "br")], b"", False), (DONE, b"", True)), "INTERNAL", "br"),
        (_packed("gzip", b"\x01" + message(bytes(20))[1:]), "INTERNAL", "no gzip"),
        (_packed("gzip", b"\x01" + message(gzip.compress(b"x")[:-9])[1:]), "INTERNAL", "middle of its gzip"),
        (
            _packed("gzip", b"\x01" + message(gzip.compress(bytes(LIMIT + 1)))[1:]),
            "RESOURCE_EXHAUSTED",
            "more",
        ),
        (_packed("deflate", b"\x02" + message(zlib.compress(b"x"))[1:]), "INTERNAL", "does not say how"),
        (_respond((OK, message(b"x"), False), ([("grpc-status", "99")], b"", True)), "UNKNOWN", ""),
        (_respond((OK, message(b"x"), False), ([("grpc-status", "x")], b"", True)), "INTERNAL", "no number"),
        (_respond((OK, message(b"x"), False), ([("a", "b")], b"", True)), "UNKNOWN", "no status"),
        (_respond(([*OK, ("a-bin", "$$")], b"", False), (DONE, b"", True)), "INTERNAL", "base64"),
    ],
)
def test_what_is_no_reply_fails_one_call(act: Callable[[Peer, Request], None], code: str, text: str) -> None:
    """It says what is wrong, and the connection goes on with other calls."""

    def both(peer: Peer, request: Request) -> None:
        (echo if request.body[5:] == b"well" else act)(peer, request)

    async def work() -> None:
        async with serving(both) as server, opened(server.address) as channel:
            told = await failure(channel)
            assert (told[0], text in told[1]) == (code, True), told
            assert await ask(channel, b"well") == b"well"
            assert len(server.peers) == 1

    run(work)


SETTINGS = frames.settings({})
BEGUN = frames.head(0, frames.HEADERS, 0, 1)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frames.head(20_000, frames.DATA, 0, 1), frames.FRAME_SIZE_ERROR),
        (frames.head(1, frames.DATA, 0, 0) + b"x", frames.PROTOCOL_ERROR),
        (frames.head(1, frames.HEADERS, frames.END_HEADERS, 1) + b"\xbe", frames.COMPRESSION_ERROR),
        (frames.head(1, frames.HEADERS, frames.END_HEADERS, 8) + b"\x88", frames.PROTOCOL_ERROR),
        (frames.head(1, frames.HEADERS, frames.END_HEADERS, 99) + b"\x88", frames.PROTOCOL_ERROR),
        (frames.head(0, frames.HEADERS, 0, 1) + frames.head(0, frames.PING, 0, 0), frames.PROTOCOL_ERROR),
        (
            frames.head(0, frames.HEADERS, 0, 1) + frames.head(0, frames.CONTINUATION, 0, 1),
            frames.ENHANCE_YOUR_CALM,
        ),
        (frames.head(0, frames.CONTINUATION, 0, 1), frames.PROTOCOL_ERROR),
        (frames.head(2, frames.DATA, frames.PADDED, 1) + b"\x09x", frames.PROTOCOL_ERROR),
        (frames.head(3, frames.SETTINGS, 0, 0) + b"abc", frames.FRAME_SIZE_ERROR),
        (frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31}), frames.FLOW_CONTROL_ERROR),
        (frames.settings({frames.MAX_FRAME_SIZE: 1}), frames.PROTOCOL_ERROR),
        (frames.window_update(0, 2**31 - 1), frames.FLOW_CONTROL_ERROR),
        (frames.head(1, frames.PING, 0, 0) + b"x", frames.FRAME_SIZE_ERROR),
        (frames.head(4, frames.PUSH_PROMISE, 0, 1) + b"\0\0\0\2", frames.PROTOCOL_ERROR),
        (frames.rst_stream(0, 8), frames.PROTOCOL_ERROR),
    ],
)
def test_a_broken_peer_is_told_and_left(sent: bytes, code: int) -> None:
    """HTTP/2's own error goes out, calls under way fail, and the next call finds a new connection."""

    def act(peer: Peer, request: Request) -> None:
        if request.body[5:] == b"well":
            echo(peer, request)
        else:
            peer.raw(sent)

    async def work() -> None:
        async with serving(act) as server, opened(server.address) as channel:
            assert (await failure(channel))[:2] == ("UNAVAILABLE", "the server broke HTTP/2")
            assert await ask(channel, b"well") == b"well"
            assert (server.goaways, len(server.peers)) == ([code], 2)

    run(work)


def test_a_peer_that_is_no_http2_server_is_not_reached() -> None:
    """One that says something else, and one that says nothing until the deadline."""

    class Nonsense(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2_000)

    class Silent(asyncio.Protocol):
        pass

    async def work() -> None:
        for kind, code in ((Nonsense, "UNAVAILABLE"), (Silent, "DEADLINE_EXCEEDED")):
            server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0)
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with opened(address) as channel:
                assert (await failure(channel, seconds=0.5))[::2] == (code, False)
            server.close()
            await server.wait_closed()

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
        stream = SETTINGS + answer(3, b"second") + answer(1, b"first")
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
