"""Which bytes are a GraphQL request, and what the others are told."""

import gzip
import json
import re
from typing import Final

import httpx
import pytest

from graph.http.request import JsonLimits
from tests.http.answers import refusal
from tests.server import TestServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

DEPTH: Final = JsonLimits().json_depth
TYPENAME: Final = b'{"query":"{ __typename }"}'


async def post(
    server: TestServer, body: bytes, content_type: str | None = "application/json", **headers: str
) -> httpx.Response:
    """A POST of these bytes under exactly this Content-Type."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        named["Content-Type"] = content_type
    return await server.http.post("/graphql", content=body, headers=named)


async def message(server: TestServer, body: bytes) -> str:
    """What is wrong with a body, which must be refused with 400."""
    response = await post(server, body)
    assert refusal(response, 400) == "BAD_REQUEST", body[:80]
    return str(response.json()["errors"][0]["message"])


async def test_json_may_be_declared_in_these_ways(server: TestServer) -> None:
    for content_type in (
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json;",
        "application/json; charset=utf8",
        "application/json; charset = 'utf-8'",
        "application/json; odata=verbose; charset=utf-8;",
        " application/json ",
    ):
        assert (await post(server, TYPENAME, content_type)).status_code == 200, content_type


async def test_a_body_that_is_declared_as_anything_else_is_refused(server: TestServer) -> None:
    for content_type in (
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json+x",
        "text/plain; application/json",
        "application/json, text/plain",
    ):
        assert refusal(await post(server, TYPENAME, content_type), 415) == "UNSUPPORTED_MEDIA_TYPE", content_type


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        (None, "nothing"),
        ("text/plain;charset=UTF-8", "text/plain"),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("Application/GraphQL, text/plain", "application/graphql"),
        ("application/json; version=1; charset=GBK", "application/json in another charset"),
        # What could be a secret is not repeated.
        ("0a1B2c3D4e5F6g7H", "something else"),
        ("text/0a1B2c3D4e5F6g7H", "something else"),
    ],
)
async def test_a_refusal_names_the_media_type(server: TestServer, content_type: str | None, named: str) -> None:
    response = await post(server, TYPENAME, content_type)
    assert refusal(response, 415) == "UNSUPPORTED_MEDIA_TYPE"
    [error] = response.json()["errors"]
    expected = f"The body is declared as {named}: send it as Content-Type: application/json in UTF-8."
    assert error["message"] == expected


async def test_a_compressed_body_is_refused_and_never_unpacked(server: TestServer) -> None:
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, identity", "x-gzip"):
        response = await post(server, gzip.compress(b"0" * 10_000_000), Content_Encoding=coding)
        assert refusal(response, 415) == "UNSUPPORTED_MEDIA_TYPE", coding
    assert (await post(server, TYPENAME, Content_Encoding="identity")).status_code == 200


async def test_an_empty_body_is_named(server: TestServer) -> None:
    for body in (b"", b" \n"):
        assert await message(server, body) == "The body is empty."


async def test_a_byte_order_mark_is_skipped(server: TestServer) -> None:
    assert (await post(server, b"\xef\xbb\xbf" + TYPENAME)).status_code == 200


async def test_what_is_not_json_in_utf8_is_refused(server: TestServer) -> None:
    for body in (
        b"query",
        b"{",
        b'{"query":"{ __typename }",}',
        b"{'query':'{ __typename }'}",
        b'{"query":"{ __typename }"} {}',
        b'{"query":"{ __typename }","variables":{"a":NaN}}',
        b'{"query":"{ __typename }","variables":{"a":Infinity}}',
        b'{"query":"{ __typename }","variables":{"a":-Infinity}}',
        b'{"query":"{ __typename }","variables":{"a":1e999}}',
        b'{"query":"\xff{ __typename }"}',
        b'{"query":"\xc3"}',
        b'\xff\xfe{\x00"\x00',
        '{"query":"{ __typename }"}'.encode("utf-16"),
        b'{"query":"\\ud800"}',
        b'{"query":"\\udc00\\ud800"}',
        b'{"query":"\xed\xa0\x80"}',
        b'{"query":"a\nb"}',
        b'{"query":"\\x41"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ):
        assert await message(server, body) == "The body is not JSON in UTF-8.", body[:80]


async def test_json_that_is_no_object_is_refused(server: TestServer) -> None:
    for body, kind in (
        (b"null", "null"),
        (b"1", "a number"),
        (b"1.5", "a number"),
        (b"true", "a boolean"),
        (b'"{ __typename }"', "text"),
        (b"[]", "an array"),
        (b'[{"query":"{ __typename }"}]', "an array"),
    ):
        assert await message(server, body) == f"The body must be a JSON object, not {kind}.", body
    refused = await server.http.get("/graphql?query={__typename}&variables=[]")
    assert refusal(refused, 400) == "BAD_REQUEST"
    assert "The parameter variables must be a JSON object, not an array." in refused.text


async def test_json_may_be_nested_so_deep_and_no_deeper(server: TestServer) -> None:
    def nested(levels: int) -> bytes:
        # The object itself is one level, and the variables in it are the second.
        inner = "[" * (levels - 2) + "]" * (levels - 2)
        return f'{{"query":"{{ __typename }}","variables":{{"a":{inner}}}}}'.encode()

    assert (await post(server, nested(DEPTH))).status_code == 200
    for levels in (DEPTH + 1, 200, 1000, 5000):
        assert "deep" in await message(server, nested(levels)) or levels > 1000, levels


async def test_an_enormous_number_is_no_defect(server: TestServer) -> None:
    body = b'{"query":"{ __typename }","variables":{"a":' + b"9" * 5000 + b"}}"
    response = await post(server, body)
    assert response.status_code in {200, 400}


@pytest.mark.parametrize(
    ("member", "values", "sentence"),
    [
        ("query", [1, 1.5, True, [], {}, ["{ __typename }"]], "The member query must be a GraphQL document as text"),
        ("variables", [1, "{}", True, [], [{}]], "The member variables must be an object"),
        ("operationName", [1, True, [], {}, ["A"]], "The member operationName must be text"),
        ("extensions", [1, "{}", True, []], "The member extensions must be an object"),
    ],
)
async def test_a_member_has_its_type(server: TestServer, member: str, values: list[object], sentence: str) -> None:
    kinds = {int: "a number", float: "a number", bool: "a boolean", str: "text", list: "an array", dict: "an object"}
    for value in values:
        body = json.dumps({"query": "{ __typename }", member: value}).encode()
        assert await message(server, body) == f"{sentence}, not {kinds[type(value)]}."


async def test_a_member_may_be_there_once_only(server: TestServer) -> None:
    typename = b'"query":"{ __typename }"'
    for body in (
        b"{" + typename + b"," + typename + b"}",
        b"{" + typename + b', "query" : null}',
        b"{" + typename + b',"qu\\u0065ry":"{ me { id } }"}',
        b"{" + typename + b',"variables":{"code":"a","code":"b"}}',
        b"{" + typename + b',"variables":{"in":[{"a":1,"b":2,"a":1}]}}',
        b"{" + typename + b',"variables":{"a":"x\\":y"},"x":1,"x":2}',
    ):
        assert await message(server, body) == "A member of a JSON object is repeated.", body
    refused = await server.http.get('/graphql?query={__typename}&variables={"a":1,"a":2}')
    assert refusal(refused, 400) == "BAD_REQUEST"
    nested = b'"variables":' + b"[" * 990 + b"]" * 990
    # Whichever is found first, which is another in each version of Python.
    assert re.search("deep|repeated", await message(server, b"{" + nested + b"," + typename + b',"variables":{}}'))


async def test_members_of_one_name_may_be_in_several_objects(server: TestServer) -> None:
    body = b'{"query":"{ a: __typename }","variables":{"a":{"a":"\\"a\\":","b":{"a":1}},"query":{"a":0}}}'
    assert (await post(server, body)).json() == {"data": {"a": "Query"}}


async def test_a_request_needs_a_query(server: TestServer) -> None:
    assert await message(server, b'{"query":null}') == "The member query must be a GraphQL document as text."
    assert await message(server, b"{}") == "The member query must be a GraphQL document as text."
    assert (
        await message(server, b'{"Query":"{ __typename }"}') == "The member query must be a GraphQL document as text."
    )


async def test_members_may_be_null_and_unknown_ones_are_not_looked_at(server: TestServer) -> None:
    members: dict[str, object] = {"variables": None, "operationName": None, "extensions": None, "id": 7, "doc_id": []}
    response = await post(server, json.dumps({"query": "{ __typename }", **members}).encode())
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_query_string_is_read_as_strictly(server: TestServer) -> None:
    query = "query=%7B__typename%7D"
    assert (await server.http.get(f"/graphql?{query}")).json() == {"data": {"__typename": "Query"}}
    for query_string in (
        f"{query}&{query}",
        f"{query}&variables={{}}&variables={{}}",
        f"{query}&x=1&x=2",
        f"{query}&variables=null",
        f"{query}&variables=[]",
        f"{query}&variables={{",
        f'{query}&variables={{"a":NaN}}',
        f'{query}&variables={{"a":"%ff"}}'.replace("%ff", "\\ud800"),
        f'{query}&variables={{"a":{"[" * 40}{"]" * 40}}}',
        f"{query}&extensions=1",
        "variables={}",
    ):
        response = await server.http.get(f"/graphql?{query_string}")
        assert refusal(response, 400) == "BAD_REQUEST", query_string


async def test_no_refusal_repeats_what_was_sent(server: TestServer) -> None:
    secret = b"0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P"
    for body in (
        secret,
        b'"' + secret + b'"',
        b'{"query":["' + secret + b'"]}',
        b'{"query":"x","variables":"' + secret + b'"}',
    ):
        assert secret.decode() not in await message(server, body)
    response = await server.http.get(f"/graphql?query=x&variables={secret.decode()}")
    assert refusal(response, 400) == "BAD_REQUEST"
    assert secret.decode() not in response.text
