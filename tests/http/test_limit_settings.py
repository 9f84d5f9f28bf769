"""Each limit is a setting: what the default lets pass, a lower one refuses."""

import asyncio
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from graph.settings import LimitSettings, Settings, variables
from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from tests.http.answers import refusal
from tests.processes import serve_environment, serve_process
from tests.server import APP_ID, APP_SECRET, ME, Clock, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# A setting, a lower value, a request that only the default lets pass, and what the lower one says.
LOWERED: Final[dict[str, tuple[int, dict[str, object], str]]] = {
    "tokens": (10, {"query": "{ me { id nickName gender city country language } }"}, "GRAPHQL_PARSE_FAILED"),
    "characters": (20, {"query": f"{{ me {{ id }} }}{' ' * 20}"}, "GRAPHQL_PARSE_FAILED"),
    "depth": (1, {"query": "{ me { id } }"}, "DOCUMENT_TOO_LARGE"),
    "aliases": (0, {"query": "{ mine: me { id } }"}, "DOCUMENT_TOO_LARGE"),
    "fields": (2, {"query": "{ me { id gender } }"}, "DOCUMENT_TOO_LARGE"),
    "directives": (0, {"query": "{ me @include(if: true) { id } }"}, "DOCUMENT_TOO_LARGE"),
    "fragments": (0, {"query": "{ me { ...f } } fragment f on User { id }"}, "DOCUMENT_TOO_LARGE"),
    "operations": (
        1,
        {"query": "query a { me { id } } query b { me { id } }", "operationName": "a"},
        "DOCUMENT_TOO_LARGE",
    ),
    "json_depth": (4, {"query": ME, "variables": {"a": [[[[]]]]}}, "BAD_REQUEST"),
}
# Those that cannot be seen in one request to one process are tested in `test_door` and `test_guards`, or below.
ELSEWHERE: Final = {"concurrency", "request_seconds", "errors", "unread_seconds"} | {
    *("pending_bytes", "pending_bytes_per_address"),
}
ON_SOCKETS: Final = {
    "url_bytes": "300",
    "headers": "8",
    "head_bytes": "1024",
    "head_seconds": "0.2",
    "idle_seconds": "1",
    "body_bytes": "1024",
    "body_seconds": "0.3",
    "pipelined": "1",
}


def test_every_limit_is_tested() -> None:
    limits = {name.removeprefix("WXGATE_LIMIT_").lower() for name in variables() if name.startswith("WXGATE_LIMIT_")}
    assert limits == {*LOWERED, *ELSEWHERE, *ON_SOCKETS}


@on_sqlite
@pytest.mark.parametrize("limit", LOWERED)
async def test_a_lower_limit_refuses_what_the_default_lets_pass(
    limit: str, settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    value, request, code = LOWERED[limit]
    async with open_server(settings, wechat_simulator, clock) as server:
        assert (await server.http.post("/graphql", json=request)).json().keys() == {"data"}
    lowered = settings.model_copy(update={"limit": LimitSettings.model_validate({limit: value})})
    async with open_server(lowered, wechat_simulator, clock) as server:
        response = await server.http.post("/graphql", json=request)
        [error] = response.json()["errors"]
        assert error["extensions"]["code"] == code


@on_sqlite
async def test_an_answer_lists_so_many_errors_and_no_more(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    for most in (2, 3):
        limited = settings.model_copy(update={"limit": LimitSettings(errors=most)})
        async with open_server(limited, wechat_simulator, clock) as server:
            errors = (await server.post("{ a b c d e f g h }"))["errors"]
            # One more says that there are more.
            assert len(errors) == most + 1


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `wxgate serve` with the lowest limits on connections."""
    directory = tmp_path_factory.mktemp("strict")
    lowered = {f"WXGATE_LIMIT_{name.upper()}": value for name, value in ON_SOCKETS.items()}
    with serve(SimulatorState(APP_ID, APP_SECRET, seed=0)) as wechat:
        environment = serve_environment(wechat, f"sqlite://{directory}/wxgate.db", **lowered)
        with serve_process(environment, directory / "output", probe="/livez") as url:
            yield url


def test_a_longer_url_is_refused(strict: str) -> None:
    with httpx.Client(base_url=strict, trust_env=False) as client:
        assert client.get("/graphql", params={"query": "{ __typename }"}).status_code == 200
        assert refusal(client.get("/graphql", params={"query": ME + " " * 300}), 414) == "BAD_REQUEST"


def test_more_headers_are_refused(strict: str) -> None:
    with httpx.Client(base_url=strict, trust_env=False) as client:
        assert client.get("/livez").status_code == 200
        assert refusal(client.get("/livez", headers={f"x-{place}": "1" for place in range(8)}), 431) == "BAD_REQUEST"


def test_longer_headers_are_refused(strict: str) -> None:
    with httpx.Client(base_url=strict, trust_env=False) as client:
        assert refusal(client.get("/livez", headers={"x": "1" * 1024}), 431) == "BAD_REQUEST"


def test_a_larger_body_is_refused(strict: str) -> None:
    with httpx.Client(base_url=strict, trust_env=False) as client:
        request = {"query": ME, "variables": {"a": "b" * 1024}}
        assert refusal(client.post("/graphql", json=request), 413) == "PAYLOAD_TOO_LARGE"


async def test_bodies_that_take_longer_and_requests_that_wait_are_bounded(strict: str) -> None:
    address = httpx.URL(strict)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = b"POST /graphql HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    writer.write(head)
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: server\r\n\r\n" * 5)
    assert (await asyncio.wait_for(reader.read(), 20)).count(b"HTTP/1.1 ") == 2
    writer.close()


async def test_a_head_that_takes_longer_and_a_connection_that_idles_longer_are_ended(strict: str) -> None:
    address = urlsplit(strict)
    slow, sender = await asyncio.open_connection(address.hostname, address.port)
    sender.write(b"GET /livez HTTP/1.1\r\nHost: server\r\n")
    idle, asker = await asyncio.open_connection(address.hostname, address.port)
    asker.write(b"GET /livez HTTP/1.1\r\nHost: server\r\n\r\n")
    async with asyncio.timeout(20):
        assert b" 408 " in await slow.readline()
        assert b" 200 " in await idle.readline()
        assert (await idle.read()).endswith(b"}")  # to the end of the connection, which the server closes
    for writer in (sender, asker):
        writer.close()
