"""The headers of a request: found by their names, joined where they are repeated, read once."""

from typing import Any

import pytest

from graph.http.headers import Headers as Head
from graph.http.headers import headers_of as head_of
from graph.http.request import refuse_foreign_get
from graph.server.http_error import HttpError


def test_a_header_is_found_by_its_name_and_no_other_is() -> None:
    head = Head([(b"host", b"server"), (b"accept", b"")])
    assert (head.get(b"host"), head.get(b"accept"), head.get(b"origin")) == ("server", "", None)
    assert b"accept" in head
    assert b"origin" not in head


def test_a_repeated_header_is_one_list_in_the_order_of_its_lines() -> None:
    head = Head([(b"accept", b"a/a"), (b"host", b"server"), (b"accept", b"b/b;q=0.5, c/c"), (b"accept", b"")])
    assert head.get(b"accept") == "a/a, b/b;q=0.5, c/c, "
    assert head.get(b"host") == "server"


def test_each_byte_of_a_value_is_a_character() -> None:
    value = bytes(range(256))
    text = Head([(b"x", value)]).get(b"x")
    assert text is not None
    assert [ord(character) for character in text] == list(value)


def test_without_a_line_there_is_no_header() -> None:
    head = Head([])
    assert head.get(b"") is None
    assert b"" not in head


def test_the_head_of_a_request_is_read_once() -> None:
    scope: dict[str, Any] = {"headers": [(b"host", b"server")]}
    head = head_of(scope)
    assert head.get(b"host") == "server"
    assert head_of(scope) is head
    # As Starlette hands a request on to an application that is mounted.
    assert head_of(dict(scope)) is head


def test_each_request_has_a_head_of_its_own_whatever_the_lifespan_left_for_all() -> None:
    shared = {"part": object()}
    scopes: list[dict[str, Any]] = [{"headers": [(b"host", name)], "state": shared.copy()} for name in (b"a", b"b")]
    assert [head_of(scope).get(b"host") for scope in scopes] == ["a", "b"]
    assert [scope["state"]["part"] for scope in scopes] == [shared["part"]] * 2


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([(b"sec-fetch-site", b"")], 403),
        ([(b"sec-fetch-site", b"none"), (b"sec-fetch-site", b"cross-site")], 403),
        ([(b"sec-fetch-site", b"none"), (b"sec-fetch-site", b"none")], 403),
        ([(b"sec-fetch-site", b"cross-site"), (b"content-type", b"text/plain")], 403),
        ([(b"content-type", b"text/plain; x=application/json")], 415),
        ([(b"content-type", b"application/json\xa0text")], 415),
    ],
)
def test_a_get_is_refused_for_all_that_a_browser_may_have_been_told(
    lines: list[tuple[bytes, bytes]], status: int
) -> None:
    with pytest.raises(HttpError) as refused:
        refuse_foreign_get(Head(lines))
    assert refused.value.status == status


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b" Application/JSON ; charset=x")],
        [(b"sec-fetch-site", b"none")],
    ],
)
def test_a_get_that_claims_nothing_else_is_let_in(lines: list[tuple[bytes, bytes]]) -> None:
    refuse_foreign_get(Head(lines))
