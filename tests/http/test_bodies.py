"""Bodies that come again and again are decoded once, and nothing of what a variable holds is kept."""

import gc
import json

import pytest

from graph.execution.documents import GraphQLRequest
from graph.http.request import RequestDecoder
from graph.server.http_error import HttpError


def body(query: str, **members: object) -> bytes:
    return json.dumps({"query": query, **members}).encode()


def test_a_body_without_variables_is_decoded_once() -> None:
    bodies = RequestDecoder(depth=8)
    first = bodies.decode_body(body("{ me { id } }", operationName="A"))
    assert first == GraphQLRequest("{ me { id } }", {}, "A", None)
    assert bodies.decode_body(body("{ me { id } }", operationName="A")) is first
    assert bodies.decode_body(body("{ me { id } }", operationName="B")) is not first


def test_a_body_with_variables_is_kept_nowhere() -> None:
    bodies = RequestDecoder(depth=8)
    sent = body("mutation($code: String!) { login(code: $code) { token } }", variables={"code": "a code of wx.login"})
    request = bodies.decode_body(sent)
    assert bodies.decode_body(sent) is not request
    kept = [known for known in gc.get_objects() if isinstance(known, dict) and sent in known]
    assert kept == []


def test_a_refused_body_is_refused_each_time() -> None:
    bodies = RequestDecoder(depth=8)
    for _ in range(2):
        with pytest.raises(HttpError):
            bodies.decode_body(b"[]")


def test_strangers_bodies_take_no_room_without_end() -> None:
    bodies = RequestDecoder(depth=8)
    for number in range(2_000):
        bodies.decode_body(body(f"{{ a{number}: __typename }}"))
    long = body("{ me { id } }" + " " * 5_000)
    assert bodies.decode_body(long) is not bodies.decode_body(long)
    [known] = [member for member in vars(bodies).values() if isinstance(member, dict)]
    assert 0 < len(known) <= 256
