"""Requests that are here in full: which of them have the short way, and that nobody can tell by the answer."""

import asyncio
import inspect
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from graph.server.whole import Exchange
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graph.server.protocol import BoundedProtocol
from tests.http.connections import Server, code, read_answer
from tests.http.ways import UVICORN, WHOLE, both_ways, chunked, exchange, mirror, post, uvicorns_way

LAST = post(b"last", "Connection: close", path="/last")
TRAILERS = b"Authorization: Bearer x\r\nX-Late: y\r\n"

ONE_WAY_OR_THE_OTHER = {
    "a body": (post(b'{"query":"{ me { id } }"}'), WHOLE),
    "an empty body": (post(b""), WHOLE),
    "no word of a body": (post(b"", length=False), WHOLE),
    "a chunk": (chunked(b"abcde"), WHOLE),
    "chunks": (chunked(b"ab", b"c" * 3_000, b"de"), WHOLE),
    "no chunk": (chunked(), WHOLE),
    "a chunk with an extension": (chunked(b"abcde").replace(b"\r\n5\r\n", b"\r\n5;a=b\r\n"), WHOLE),
    "trailers": (chunked(b"abcde", trailers=TRAILERS), WHOLE),
    "a header twice": (post(b"{}", "X-A: 1", "X-A: 2"), WHOLE),
    "a long head": (post(b"{}", "X: " + "x" * 960), WHOLE),
    "much": (post(b"x" * 30_000), WHOLE),
    "another path": (post(path="/other"), UVICORN),
    "a path below": (post(path="/busy/"), UVICORN),
    "a query string": (post(path="/busy?x=1"), UVICORN),
    "a fragment": (post(path="/busy#x"), UVICORN),
    "a path with escapes": (post(path="/%62usy"), UVICORN),
    "an absolute URL": (post(path="http://gate/busy"), UVICORN),
    "another method": (b"GET /busy HTTP/1.1\r\nHost: gate\r\n\r\n", UVICORN),
    "another method with a body": (post().replace(b"POST", b"PUT"), UVICORN),
    "another protocol": (post(b"{}", "Connection: upgrade", "Upgrade: websocket"), UVICORN),
    "HTTP/1.0": (post().replace(b"HTTP/1.1", b"HTTP/1.0"), UVICORN),
    "HTTP/1.0, kept": (post(b"{}", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"), UVICORN),
    "the last of its connection": (post(b"{}", "Connection: close"), WHOLE),
}
REFUSED = {
    "broken chunks": chunked(b"abcde").replace(b"0\r\n\r\n", b"z\r\n\r\n"),
    "a chunk that is longer than it says": chunked(b"abcde").replace(b"\r\n5\r\n", b"\r\n3\r\n"),
    "both lengths": post(b"5\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    "two lengths": post(b"abcde", "Content-Length: 4"),
    "a length that is none": post(b"", "Content-Length: -1", length=False),
    "another encoding": post(b"abcde", "Transfer-Encoding: gzip", length=False),
    "chunks within chunks": post(b"0\r\n\r\n", "Transfer-Encoding: chunked, gzip", length=False),
    "a long trailer": chunked(b"abcde", trailers=b"X: " + b"x" * 1_200 + b"\r\n"),
    "many headers": post(b"{}", *["A: b"] * 11),
}


def _ends(request_bytes: bytes) -> bool:
    """Whether a request is the last of its connection."""
    return b"Connection: " in request_bytes or b"HTTP/1.0" in request_bytes


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with both_ways(mirror) as opened:
        yield opened


@pytest.mark.parametrize(("request_bytes", "way"), ONE_WAY_OR_THE_OTHER.values(), ids=ONE_WAY_OR_THE_OTHER)
async def test_a_request_in_one_piece_goes_its_way_and_nobody_can_tell(
    server: Server, request_bytes: bytes, way: str
) -> None:
    async with uvicorns_way(mirror) as plain:
        expected = await exchange(plain, request_bytes + LAST)
    answered = await exchange(server, request_bytes + LAST)
    assert (expected[0].way, answered[0].way) == (UVICORN, way)
    assert expected[0].status == 200
    assert [reply.same for reply in answered] == [reply.same for reply in expected]


LATER = {
    name: request
    for name, (request, way) in ONE_WAY_OR_THE_OTHER.items()
    if (way == WHOLE and not request.endswith(b"\r\n\r\n")) or b"Transfer-Encoding" in request
}


@pytest.mark.parametrize("request_bytes", LATER.values(), ids=LATER)
async def test_a_request_whose_body_comes_later_goes_uvicorns_way_and_nobody_can_tell(
    server: Server, request_bytes: bytes
) -> None:
    [whole, *_] = await exchange(server, request_bytes + LAST)
    cut = request_bytes.index(b"\r\n\r\n") + 4
    for pieces in (request_bytes[:cut], request_bytes[cut:]), (request_bytes[: cut + 1], request_bytes[cut + 1 :]):
        [split, *_] = await exchange(server, *pieces, LAST)
        assert (whole.way, split.way) == (WHOLE, UVICORN)
        assert split.same == whole.same


async def test_a_request_whose_head_comes_in_pieces_is_whole_if_its_end_brings_the_body(server: Server) -> None:
    [reply, _] = await exchange(server, post(b"abcde")[:20], post(b"abcde")[20:] + LAST)
    assert (reply.way, reply.asked["size"]) == (WHOLE, 5)


async def test_a_trailer_does_not_pass_for_a_header(server: Server) -> None:
    request_bytes = chunked(b"abcde", trailers=TRAILERS)
    for cut in range(len(request_bytes)):
        [reply, _] = await exchange(server, request_bytes[:cut], request_bytes[cut:] + LAST)
        assert reply.asked["headers"] == str([(b"host", b"gate"), (b"transfer-encoding", b"chunked")])
        assert reply.asked["size"] == 5


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("before", [b"", post()], ids=["first", "after another"])
async def test_what_is_no_request_is_refused_once_and_never_reaches_the_application(
    request_bytes: bytes, before: bytes
) -> None:
    reached: list[str] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await mirror(scope, receive, send)

    async with both_ways(noting) as server:
        reader, writer = await server.connect()
        if before:
            writer.write(before)
            assert (await read_answer(reader)).headers["x-way"] == WHOLE
        writer.write(request_bytes + post(path="/smuggled"))
        answer = await read_answer(reader)
        assert code(answer) == "BAD_REQUEST"
        assert await reader.read() == b""
        writer.close()
        await server.is_left_alone()
    assert reached == ["/busy"] * bool(before)


KINDS = [request for request, way in ONE_WAY_OR_THE_OTHER.values() if not _ends(request)]


def test_however_requests_in_a_row_are_cut_into_pieces_they_get_the_same_answers_in_their_order() -> None:
    ways: Counter[str | None] = Counter()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = runner.run(stack.enter_async_context(both_ways(mirror)))
        plain = runner.run(stack.enter_async_context(uvicorns_way(mirror)))

        @settings(
            max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(
            requests=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
            cuts=st.lists(st.floats(0, 1, exclude_max=True), max_size=6),
            turns=st.integers(0, 8),
        )
        def check(requests: list[bytes], cuts: list[float], turns: int) -> None:
            stream = b"".join(requests) + LAST
            places = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
            pieces = [stream[start:end] for start, end in pairwise(places)]
            answered = runner.run(exchange(server, *pieces, turns=turns))
            expected = runner.run(exchange(plain, stream))
            assert [reply.same for reply in answered] == [reply.same for reply in expected]
            assert len(answered) == len(requests) + 1
            ways.update(reply.way for reply in answered)

        check()
        runner.run(stack.aclose())
    # How many, the kernel decides as well: it may join what was sent in pieces.
    assert min(ways[WHOLE], ways[UVICORN]) > 10
    assert ways.keys() == {WHOLE, UVICORN}


def test_an_exchange_has_what_uvicorns_protocol_asks_of_a_cycle() -> None:
    asked = set(re.findall(r"(?:self|existing)[._]cycle\.(\w+)", inspect.getsource(HttpToolsProtocol)))
    asked |= set(re.findall(r"self\.cycle\.(\w+)", inspect.getsource(BoundedProtocol)))
    asked |= set(re.findall(r"\bcycle\.(\w+)", inspect.getsource(HttpToolsProtocol._start_asgi_task)))
    assert asked >= {"response_complete", "disconnected", "message_event", "keep_alive", "run_asgi"}
    assert [name for name in asked if not hasattr(Exchange, name)] == []


def test_uvicorn_has_what_whole_requests_lean_on() -> None:
    assert list(inspect.signature(HttpToolsProtocol._start_asgi_task).parameters) == ["self", "cycle", "app"]
    names = (
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "on_response_complete",
        "timeout_keep_alive_handler",
    )
    for name in names:
        assert callable(getattr(HttpToolsProtocol, name))
    made = set(HttpToolsProtocol.__init__.__code__.co_names)
    assert made >= {"app", "flow", "scope", "server_state", "timeout_keep_alive", "expect_100_continue", "pipeline"}
    assert callable(RequestResponseCycle.run_asgi)
