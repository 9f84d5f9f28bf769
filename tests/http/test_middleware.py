"""What surrounds every request: its id, its headers, its one line in the log, and the last resort."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from graph.http.access_log import AccessLog
from graph.http.middleware import RequestMiddleware
from graph.server.limits import RequestLimits
from tests.http.answers import assert_safe, refusal
from tests.server import ME, TestServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OBSERVERS: Final = [AccessLog()]
SECRET: Final = "a text that may hold anything"


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of the request log, without what Python's logging has of itself."""
    own = vars(logging.makeLogRecord({})).keys() | {"message"}
    return [
        {"event": record.getMessage(), **{name: value for name, value in vars(record).items() if name not in own}}
        for record in caplog.records
        if record.name == "graph.http.access_log" and record.levelno == logging.INFO
    ]


@on_sqlite
async def test_every_answer_has_the_headers_of_a_careful_server(server: TestServer) -> None:
    for method, path in (
        ("POST", "/graphql"),
        ("GET", "/graphql"),
        ("GET", "/graphql?query={__typename}"),
        ("DELETE", "/graphql"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("POST", "/livez"),
        ("GET", "/nowhere"),
    ):
        assert_safe(await server.http.request(method, path))


@on_sqlite
async def test_a_well_formed_request_id_is_kept(server: TestServer) -> None:
    for offered in ("abcdefgh", "A-b-9" * 4, "x-" * 32):
        response = await server.http.get("/livez", headers={"X-Request-Id": offered})
        assert response.headers["x-request-id"] == offered


@on_sqlite
async def test_any_other_request_id_is_replaced(server: TestServer) -> None:
    for offered in (
        b"",
        b"short",
        b"f" * 65,
        b"with blanks in it",
        # An openid may look like this.
        b"o1a2b3c4_d5e6f7g8",
        b"<script>alert(1)</script>",
        b"\xff" * 10,
        b"a\tb" * 5,
    ):
        response = await server.http.get("/livez", headers=[(b"X-Request-Id", offered)])
        assert response.headers["x-request-id"].encode() != offered
        assert len(response.headers["x-request-id"]) == 16


@on_sqlite
async def test_two_requests_have_two_ids(server: TestServer) -> None:
    ids = {(await server.http.get("/livez")).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


@on_sqlite
async def test_a_request_is_one_line_in_the_log(server: TestServer, caplog: pytest.LogCaptureFixture) -> None:
    response = await server.http.post("/graphql", json={"query": ME})
    [line] = lines(caplog)
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "request_id": response.headers["x-request-id"],
        "method": "POST",
        "path": "/graphql",
        "status": 200,
    }


@on_sqlite
async def test_the_log_holds_no_query_string_and_no_path_that_is_unknown(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    await server.http.get("/graphql", params={"query": "{ secretField }", "token": "secret"})
    await server.http.get("/secret/path")
    await server.http.get("/livez/secret", headers={"User-Agent": "secret", "Referer": "http://secret"})
    await server.http.request("SE-CRET", "/graphql")
    logged = lines(caplog)
    assert [(line["method"], line["path"], line["status"]) for line in logged] == [
        ("GET", "/graphql", 200),
        ("GET", "?", 404),
        ("GET", "?", 404),
        ("?", "/graphql", 405),
    ]
    assert "secret" not in str(logged).lower()


@asynccontextmanager
async def around(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the middleware alone, with this application inside."""
    transport = httpx.ASGITransport(app=RequestMiddleware(app, [], OBSERVERS, RequestLimits(), {}))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield http


async def test_a_defect_is_a_coded_500_and_its_text_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError(SECRET)

    async with around(broken) as http:
        response = await http.get("/")

    assert refusal(response, 500) == "INTERNAL_SERVER_ERROR"
    [failure] = [record for record in caplog.records if record.levelno == logging.ERROR]
    fields = vars(failure)
    assert fields["reason"] == "RuntimeError"
    assert fields["request_id"] == response.headers["x-request-id"]
    assert "in broken" in fields["frames"]
    assert SECRET not in str(fields)
    assert SECRET not in response.text
    assert [line["status"] for line in lines(caplog)] == [500]


async def test_a_defect_in_the_middle_of_an_answer_does_not_begin_another(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise RuntimeError(SECRET)

    sent = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await RequestMiddleware(broken, [], OBSERVERS, RequestLimits(), {})(scope, receive, send)

    assert sent == ["http.response.start", "http.response.body"]
    assert [record.levelname for record in caplog.records if record.name.startswith("graph.http")] == ["ERROR", "INFO"]


async def test_headers_that_an_application_sets_itself_are_left_alone() -> None:
    async def careful(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"cache-control", b"max-age=60"), (b"x-request-id", b"not this one")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with around(careful) as http:
        response = await http.get("/", headers={"X-Request-Id": "chosen-by-client"})
    assert response.headers.get_list("cache-control") == ["max-age=60"]
    assert response.headers.get_list("x-request-id") == ["chosen-by-client"]


async def test_what_is_no_http_request_passes_through() -> None:
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        pytest.fail("nothing is received or sent here")

    await RequestMiddleware(app, [], OBSERVERS, RequestLimits(), {})({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"]
