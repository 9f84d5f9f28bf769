"""The headers of a request, and a GET that another site caused."""

import pytest

from graph.http.request import joined, refuse_foreign_get
from graph.server.http_error import HttpError


def test_a_repeated_header_is_one_list_in_the_order_of_its_lines() -> None:
    lines = [(b"accept", b"a/a"), (b"host", b"server"), (b"accept", b"b/b;q=0.5, c/c"), (b"accept", b"")]
    assert joined(lines) == {b"accept": "a/a, b/b;q=0.5, c/c, ", b"host": "server"}


def test_each_byte_of_a_value_is_a_character() -> None:
    value = bytes(range(256))
    assert [ord(character) for character in joined([(b"x", value)])[b"x"]] == list(value)


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
def test_a_get_that_another_site_may_have_caused_is_refused(lines: list[tuple[bytes, bytes]], status: int) -> None:
    with pytest.raises(HttpError) as refused:
        refuse_foreign_get(joined(lines))
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
def test_a_get_that_claims_nothing_else_is_answered(lines: list[tuple[bytes, bytes]]) -> None:
    refuse_foreign_get(joined(lines))
