"""GraphQL over POST and GET, and what no other method may do."""

import pytest

from tests.http.answers import assert_safe, refusal
from tests.server import LOGIN, ME, TestServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_a_query_goes_by_post(server: TestServer) -> None:
    response = await server.http.post("/graphql", json={"query": "{ __typename }"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json() == {"data": {"__typename": "Query"}}
    assert_safe(response)


async def test_a_query_goes_by_get(server: TestServer) -> None:
    token = (await server.login())["token"]
    response = await server.http.get("/graphql", params={"query": ME}, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.json()["data"]["me"]["id"]
    assert_safe(response)


async def test_a_get_has_variables_and_an_operation_name(server: TestServer) -> None:
    query = "query A($on: Boolean!) { a: __typename b: __typename @include(if: $on) } query B { c: __typename }"
    parameters = {"query": query, "operationName": "A", "variables": '{"on": false}', "extensions": "{}"}
    response = await server.http.get("/graphql", params=parameters)
    assert response.json() == {"data": {"a": "Query"}}


async def test_a_query_string_beside_a_post_is_not_looked_at(server: TestServer) -> None:
    body = {"query": "{ posted: __typename }"}
    response = await server.http.post("/graphql?query={other:__typename}&query=twice", json=body)
    assert response.json() == {"data": {"posted": "Query"}}


async def test_a_mutation_goes_by_post_only(server: TestServer) -> None:
    code = server.wechat.login("alice")
    login = f'login(code: "{code}") {{ isNewUser }}'
    for parameters in (
        {"query": f"mutation {{ {login} }}"},
        {"query": f"query A {{ __typename }} mutation B {{ {login} }}", "operationName": "B"},
    ):
        head = await server.http.head("/graphql", params=parameters)
        assert head.status_code == 405
        assert head.headers["allow"] == "POST"
        get = await server.http.get("/graphql", params=parameters)
        assert refusal(get, 405) == "METHOD_NOT_ALLOWED"
        assert get.headers["allow"] == "POST"
    # And none of them has spent the code.
    assert (await server.post(LOGIN, {"code": code}))["data"]["login"]["isNewUser"]


async def test_a_query_beside_a_mutation_goes_by_get(server: TestServer) -> None:
    query = "query A { a: __typename } mutation B { b: __typename }"
    response = await server.http.get("/graphql", params={"query": query, "operationName": "A"})
    assert response.json() == {"data": {"a": "Query"}}


async def test_a_head_is_answered_like_a_get(server: TestServer) -> None:
    response = await server.http.head("/graphql", params={"query": "{ __typename }"})
    assert response.status_code == 200
    assert_safe(response)


async def test_another_method_is_told_which_there_are(server: TestServer) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "FOO"):
        response = await server.http.request(method, "/graphql", json={"query": ME})
        assert refusal(response, 405) == "METHOD_NOT_ALLOWED", method
        assert response.headers["allow"] == "GET, HEAD, POST"


async def test_a_get_without_a_query_is_refused(server: TestServer) -> None:
    assert refusal(await server.http.get("/graphql"), 400) == "BAD_REQUEST"
    assert refusal(await server.http.get("/graphql?operationName=A"), 400) == "BAD_REQUEST"


async def test_what_fails_in_graphql_is_200_for_a_client_of_plain_json(server: TestServer) -> None:
    for query in ("{", "{ nobody }", LOGIN):
        response = await server.http.post("/graphql", json={"query": query})
        assert response.status_code == 200
        assert response.json().keys() == {"errors"}
        assert_safe(response)


async def test_a_failed_field_is_200_whatever_the_client_accepts(server: TestServer) -> None:
    headers = {"Authorization": "Bearer nonsense", "Accept": "application/graphql-response+json"}
    response = await server.http.post("/graphql", json={"query": ME}, headers=headers)
    assert response.status_code == 200
    assert response.json()["data"] == {"me": None}
    assert_safe(response)


async def test_the_request_id_of_an_error_is_that_of_the_answer(server: TestServer) -> None:
    response = await server.http.post("/graphql", json={"query": "{ nobody somebody }"})
    ids = {error["extensions"]["requestId"] for error in response.json()["errors"]}
    assert ids == {response.headers["x-request-id"]}


async def test_requests_in_batches_are_refused(server: TestServer) -> None:
    response = await server.http.post("/graphql", json=[{"query": ME}, {"query": ME}])
    assert refusal(response, 400) == "BAD_REQUEST"


async def test_other_paths_hold_nothing(server: TestServer) -> None:
    for path in ("/", "/graphql/", "/Graphql", "/graphql/x", "/simulator/device/login", "/docs", "/%2e%2e/etc/passwd"):
        response = await server.http.post(path, json={"query": ME})
        assert refusal(response, 404) == "NOT_FOUND", path


async def test_a_probe_is_not_posted_to(server: TestServer) -> None:
    for path in ("/livez", "/readyz"):
        response = await server.http.post(path)
        assert refusal(response, 405) == "METHOD_NOT_ALLOWED"
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
