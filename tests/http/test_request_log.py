"""What the log says of a request, and what it keeps to itself."""

from typing import Any

import pytest
from graph.http.facts import Facts, facts_of, note_facts

from graph.http.access_log import RequestLog
from tests.http.test_middleware import lines
from tests.server import LOGIN, ME, TestServer


def line_of(**facts: Any) -> dict[str, object]:
    """The fields of the line of a request that came to this."""
    request = Facts("0123456789abcdef", "POST", "/graphql")
    for name, value in facts.items():
        setattr(request, name, value)
    written: list[Any] = []
    RequestLog(written.append)(request)
    [line] = written
    return dict(line)


def test_of_every_request_it_says_which_what_and_how_long() -> None:
    assert line_of(status=200, seconds=0.0123456) == {
        "request_id": "0123456789abcdef",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "ms": 12.3,
    }


def test_of_an_operation_it_says_the_name_and_of_errors_the_first_code() -> None:
    line = line_of(operation="Me", kind="query", codes=("UNAUTHENTICATED", "INTERNAL_SERVER_ERROR"))
    assert (line["operation"], line["code"]) == ("Me", "UNAUTHENTICATED")
    assert line.keys() == {"request_id", "method", "path", "status", "ms", "operation", "code"}


@pytest.mark.parametrize(("length", "written"), [(1, "x"), (40, "x" * 40), (41, "?"), (10_000, "?")])
def test_a_name_that_could_be_a_token_is_not_written(length: int, written: str) -> None:
    assert line_of(operation="x" * length)["operation"] == written


def test_facts_go_down_with_the_request_beside_what_the_lifespan_left() -> None:
    part, facts = object(), Facts("id", "GET", "/")
    scope: dict[str, Any] = {"state": {"part": part}}
    note_facts(scope, facts)
    assert facts_of(scope) is facts
    assert scope["state"]["part"] is part
    bare: dict[str, Any] = {}
    note_facts(bare, facts)
    assert facts_of(bare) is facts


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_kind_of_request_leaves_its_line(server: TestServer, caplog: pytest.LogCaptureFixture) -> None:
    token = (await server.login())["token"]
    caplog.clear()
    named = {"query": f"query WhoAmI {ME}"}
    long = {"query": f"query {'N' * 41} {ME}", "operationName": "N" * 41}
    signed_in, forged = [{"Authorization": f"Bearer {text}"} for text in (token, "wxs_forged")]
    mutation = {"query": LOGIN, "variables": '{"code": "x"}'}
    for sent in (
        server.http.post("/graphql", json=named, headers=signed_in),
        server.http.post("/graphql", json=named, headers=forged),
        server.http.post("/graphql", json=long),
        server.http.post("/graphql", json={"query": "{ nobody }"}),
        server.http.post("/graphql", content=b"{", headers={"Content-Type": "application/json"}),
        server.http.post("/graphql", json=named, headers={"Accept": "text/html"}),
        server.http.get("/graphql", params=mutation),
        server.http.put("/graphql", json=named),
        server.http.get("/nowhere"),
        server.http.get("/livez"),
    ):
        await sent
    told = [(line["status"], line.get("operation"), line.get("code")) for line in lines(caplog)]
    assert told == [
        (200, "WhoAmI", None),
        (200, "WhoAmI", "UNAUTHENTICATED"),
        (200, "?", None),
        (200, None, "GRAPHQL_VALIDATION_FAILED"),
        (400, None, "BAD_REQUEST"),
        (406, None, "NOT_ACCEPTABLE"),
        (405, None, "METHOD_NOT_ALLOWED"),
        (405, None, "METHOD_NOT_ALLOWED"),
        (404, None, "NOT_FOUND"),
        (200, None, None),
    ]
