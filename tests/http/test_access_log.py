"""The one line of a request in the log."""

import json
import re
from typing import Any

import pytest

from graph.http.access_log import AccessLog, RequestRecord
from graph.observability.log_writer import log_writer
from tests.http.test_middleware import lines
from tests.server import LOGIN, ME, TestServer


def line_of(capsys: pytest.CaptureFixture[str], style: Any = "json", **values: Any) -> str:
    """What is written about a request."""
    AccessLog(style)(RequestRecord("0123456789abcdef", "POST", "/graphql", **values))
    log_writer().flush()
    return capsys.readouterr().err


def fields_of(capsys: pytest.CaptureFixture[str], **values: Any) -> Any:
    """Its fields, without the time."""
    line = json.loads(line_of(capsys, **values))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", line.pop("timestamp"))
    return line


def test_it_has_id_method_path_status_and_duration(capsys: pytest.CaptureFixture[str]) -> None:
    assert fields_of(capsys, status=200, seconds=0.0123456) == {
        "level": "INFO",
        "logger": "graph.http.access_log",
        "message": "request",
        "request_id": "0123456789abcdef",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "ms": 12.3,
    }


def test_as_text_it_begins_with_date_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO    request"
        r"  request_id=0123456789abcdef  method=POST  path=/graphql  status=200  ms=0\.0\n",
        line_of(capsys, "text", status=200),
    )


def test_it_has_the_name_of_an_operation_and_the_first_code(capsys: pytest.CaptureFixture[str]) -> None:
    line = fields_of(capsys, operation="Me", kind="query", codes=("UNAUTHENTICATED", "INTERNAL_SERVER_ERROR"))
    assert (line["operation"], line["code"]) == ("Me", "UNAUTHENTICATED")


@pytest.mark.parametrize(("length", "written"), [(1, "x"), (40, "x" * 40), (41, "?"), (10_000, "?")])
def test_a_name_that_could_be_a_token_is_not_written(
    length: int, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fields_of(capsys, operation="x" * length)["operation"] == written


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_kind_of_request_but_a_probe_leaves_its_line(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
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
        server.http.post("/graphql", json={"query": "{ unknown }"}),
        server.http.post("/graphql", content=b"{", headers={"Content-Type": "application/json"}),
        server.http.post("/graphql", json=named, headers={"Accept": "text/html"}),
        server.http.get("/graphql", params=mutation),
        server.http.put("/graphql", json=named),
        server.http.get("/nowhere"),
        server.http.get("/livez"),
    ):
        await sent
    logged = [(line["status"], line.get("operation"), line.get("code")) for line in lines(caplog)]
    assert logged == [
        (200, "WhoAmI", None),
        (200, "WhoAmI", "UNAUTHENTICATED"),
        (200, "?", None),
        (200, None, "GRAPHQL_VALIDATION_FAILED"),
        (400, None, "BAD_REQUEST"),
        (406, None, "NOT_ACCEPTABLE"),
        (405, None, "METHOD_NOT_ALLOWED"),
        (405, None, "METHOD_NOT_ALLOWED"),
        (404, None, "NOT_FOUND"),
    ]


@pytest.mark.parametrize(
    ("path", "status", "is_written"),
    [
        ("/graphiql/part-1.js", 200, False),
        ("/graphiql/part-1.js", 404, True),
        ("/avatars/{name}", 304, False),
        ("/graphiql", 200, True),
    ],
)
def test_what_a_page_asks_for_by_itself_leaves_a_line_when_it_fails(
    path: str, status: int, is_written: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    observer = AccessLog("text", assets=("/graphiql/", "/avatars/"))
    observer(RequestRecord("0123456789abcdef", "GET", path, status=status))
    log_writer().flush()
    assert (f"path={path}" in capsys.readouterr().err) is is_written
