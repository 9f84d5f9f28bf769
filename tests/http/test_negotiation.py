"""Which media type an answer has, and which status follows from it."""

from typing import Final

import pytest

from graph.http.responses import GRAPHQL_RESPONSE_JSON as NEW
from graph.http.responses import JSON as OLD
from graph.http.responses import response_media_type
from tests.http.answers import refusal
from tests.server import TestServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TABLE: Final[list[tuple[str | None, str | None]]] = [
    (None, OLD),
    ("", OLD),
    (" ", OLD),
    ("*/*", OLD),
    ("application/*", OLD),
    (OLD, OLD),
    ("APPLICATION/JSON", OLD),
    (f"{OLD}; charset=utf-8", OLD),
    (f'{OLD};charset="UTF-8"', OLD),
    (f"{OLD};", OLD),
    ("*/*;", OLD),
    ("*", OLD),
    (f"{NEW}; charset=utf8;", NEW),
    (f"{OLD}; charset=utf-16", None),
    (f"{OLD}; profile=x", None),
    (NEW, NEW),
    (f"{NEW}; charset=utf-8", NEW),
    # In order where nothing else decides, as the specification's own example does.
    (f"{NEW}, {OLD}", NEW),
    (f"{OLD}, {NEW}", OLD),
    (f"{NEW}; charset=utf-8, {OLD}; charset=utf-8", NEW),
    (f"{NEW}, {OLD};q=0.9", NEW),
    (f"{OLD};q=0.9, {NEW}", NEW),
    (f"{NEW};q=0.5, {OLD}", OLD),
    (f"{NEW};q=0.5, */*;q=0.1", NEW),
    (f"text/html, {NEW};q=0.2", NEW),
    ("text/html, application/xhtml+xml, */*;q=0.8", OLD),
    ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", OLD),  # Java's HttpURLConnection
    # No to one of them, by name.
    (f"{NEW}, {OLD};q=0", NEW),
    (f"{NEW};q=0, */*", OLD),
    (f"{OLD};q=0", None),
    (f"{NEW};q=0", None),
    ("*/*;q=0", None),
    # Nothing that is served here.
    ("text/html", None),
    ("text/*", None),
    ("image/png, text/plain;q=0.5", None),
    ("application/graphql+json", None),
    ("application/xml", None),
    # Nothing that can be read.
    ("json", None),
    (",", None),
    (";;;", None),
    (f"{OLD};q=high", None),
    (f"{OLD};q=", None),
    (f"{OLD};q=.", None),
    (f"{OLD};q=.0", None),
    (f"{OLD};q=7", OLD),
    (f"{OLD};q=-1", None),
    (f"{OLD};q=nan", None),
    (f"{OLD};q=inf, {NEW}", NEW),
    (f"{OLD}; q = 0.5 , {NEW};q=0.50001", NEW),
]


@pytest.mark.parametrize(("accept", "expected"), TABLE)
def test_the_media_type_follows_the_header_accept(accept: str | None, expected: str | None) -> None:
    assert response_media_type(accept) == expected


@on_sqlite
async def test_a_request_error_is_400_for_a_client_of_the_new_media_type(server: TestServer) -> None:
    for query in (
        "{",
        "{ nobody }",
        "query A { me { id } } query B { me { id } }",
        "query ($a: ID!) { a: __typename }",
    ):
        response = await server.http.post("/graphql", json={"query": query}, headers={"Accept": NEW})
        assert response.status_code == 400, query
        assert response.headers["content-type"] == f"{NEW}; charset=utf-8"
        assert response.json().keys() == {"errors"}


@on_sqlite
async def test_a_good_request_is_200_in_either_media_type(server: TestServer) -> None:
    for accept in (NEW, OLD):
        response = await server.http.post("/graphql", json={"query": "{ __typename }"}, headers={"Accept": accept})
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"


@on_sqlite
async def test_a_malformed_request_is_answered_in_the_media_type_that_was_asked_for(server: TestServer) -> None:
    for accept in (NEW, OLD):
        response = await server.http.post("/graphql", json=[], headers={"Accept": accept})
        assert refusal(response, 400) == "BAD_REQUEST"
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"


@on_sqlite
async def test_a_client_that_accepts_nothing_of_this_is_told_so_and_nothing_runs(server: TestServer) -> None:
    code = server.wechat.login("alice")
    body = {"query": f'mutation {{ login(code: "{code}") {{ isNewUser }} }}'}
    response = await server.http.post("/graphql", json=body, headers={"Accept": "text/html"})
    assert refusal(response, 406) == "NOT_ACCEPTABLE"
    assert response.json()["errors"][0]["message"] == f"This endpoint answers {OLD} or {NEW}, not text/html."
    assert response.headers["content-type"].startswith(OLD)
    assert (await server.post(body["query"]))["data"]["login"]["isNewUser"], "the code was spent"


@on_sqlite
async def test_a_client_of_java_s_own_is_answered(server: TestServer) -> None:
    headers = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
    response = await server.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert response.json() == {"data": {"__typename": "Query"}}


@on_sqlite
async def test_accept_in_two_headers_is_one_list(server: TestServer) -> None:
    headers = [("Accept", "text/html"), ("Accept", NEW)]
    response = await server.http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert response.headers["content-type"] == f"{NEW}; charset=utf-8"
