"""How large a document may be, and that finding out costs next to nothing."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest
from graphql import DocumentNode, get_introspection_query, parse

from graph.execution.document_limits import DocumentLimits, DocumentTooLarge, _Gauge, measure
from tests.server import LOGIN, ME, SUBMIT, TestServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def nested(levels: int) -> str:
    """A query so many fields deep."""
    return "{" + "a{" * (levels - 1) + "a" + "}" * levels


def fan_out(levels: int) -> str:
    """A query whose last fragment is reached by two to the power of `levels` ways."""
    links = "".join(f"fragment F{level} on Query {{ ...F{level + 1} ...F{level + 1} }} " for level in range(levels))
    return f"{{ ...F0 }} {links} fragment F{levels} on Query {{ me {{ id }} }}"


def numbered(text: str, count: int) -> str:
    """The text so many times, each with another number for its #."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


# A document by how much of the limited thing it has, and the limit.
LIMITED: Final[dict[str, tuple[Callable[[int], str], int]]] = {
    "depth": (nested, 12),
    "aliases": (lambda count: f"{{{numbered('a#: me', count)}}}", 15),
    "fields": (lambda count: "{" + "a " * count + "}", 100),
    "directives": (lambda count: "{ me " + "@include(if: true) " * count + "}", 9),
    "fragments": (lambda count: "{ a } " + numbered("fragment F# on Query { a }", count), 15),
    "operations": (lambda count: numbered("query Q# { a }", count), 5),
    "mutation fields": (lambda count: "mutation {" + "a " * count + "}", 1),
}
HIDDEN = {
    "depth in a fragment": "{ ...F } fragment F on Query " + nested(13),
    "depth by way of a fragment": "{ a { ...F } } fragment F on Query " + nested(12),
    "depth in an unused fragment": "{ a } fragment F on Query " + nested(13),
    "depth in an inline fragment": "{ ... on Query " + nested(13) + " }",
    "aliases of __typename": "{" + " ".join(f"a{number}: __typename" for number in range(101)) + "}",
    "aliases by way of a fragment": "{ " + "...F " * 4 + "} fragment F on Query { a: b c: d e: f g: h }",
    "directives on variables": "query (" + " ".join(f"$v{number}: Int @a" for number in range(10)) + ") { a }",
    "directives on the operation": "query " + "@a " * 10 + "{ a }",
    "directives on a fragment": "{ ...F } fragment F on Query " + "@a " * 10 + "{ a }",
    "directives on a spread": "{ ...F " + "@a " * 10 + "} fragment F on Query { a }",
    "mutation fields in a fragment": "mutation { ...F } fragment F on Mutation { a b }",
    "mutation fields by way of two fragments": "mutation { ...F ...F } fragment F on Mutation { a }",
    "fields of a fan-out": fan_out(14),
    "fields of several operations": numbered("query Q# {" + "a " * 30 + "}", 4),
    "fields by way of a fragment of several operations": numbered("query Q# { ...F }", 4)
    + " fragment F on Query {"
    + "a " * 30
    + "}",
    "fields of unused fragments": "{ a } " + numbered("fragment F# on Query {" + "a " * 30 + "}", 4),
    "fields of a fragment whose name is another's": "{ ...F } fragment F on Query {"
    + "a " * 101
    + "} fragment F on Query { a }",
    "aliases of several operations": numbered("query Q# { a: b c: d e: f g: h }", 4),
    "directives on several operations": numbered("query Q# @a @a @a { a }", 4),
}


def required(document: DocumentNode) -> None:
    """Raises when the document is too large in anything but its length."""
    DocumentLimits(tokens=10_000).require(measure(document))


@pytest.mark.parametrize("what", LIMITED)
def test_a_document_above_a_limit_is_refused_by_the_name_of_the_limit(what: str) -> None:
    make, most = LIMITED[what]
    required(parse(make(most)))
    with pytest.raises(DocumentTooLarge, match=f"{what} may be"):
        required(parse(make(most + 1)))


@pytest.mark.parametrize("where", HIDDEN)
def test_nothing_hides_in_fragments_or_beside_fields(where: str) -> None:
    with pytest.raises(DocumentTooLarge, match=f"{where.split(maxsplit=1)[0]}.* may be"):
        required(parse(HIDDEN[where]))


def test_each_fragment_is_measured_once_however_many_ways_lead_to_it() -> None:
    # Two to the power of 80 ways: counted one by one, this test would not end.
    size = measure(parse(fan_out(80)))
    assert size.fields == 2 * 2**80
    assert size.depth == 2


@pytest.mark.parametrize("levels", [20, 40, 80])
def test_measuring_looks_at_each_selection_once(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = Counter[int]()
    measured = _Gauge.size

    def counted(gauge: _Gauge, node: Any) -> Any:
        looked_at[id(node)] += 1
        return measured(gauge, node)

    monkeypatch.setattr(_Gauge, "size", counted)
    document = parse(fan_out(levels))
    measure(document)
    # The operation, `me` and its `id`; each fragment, and each place where one is spread.
    assert len(looked_at) == looked_at.total() == 3 + (levels + 1) + (2 * levels + 1)


@pytest.mark.parametrize(
    "query",
    [
        "{ ...F } fragment F on Query { ...F }",
        "{ ...F } fragment F on Query { a { ...G } } fragment G on Query { b { ...F } }",
        "{ ...Unknown }",
        "fragment F on Query { a }",
        "type Query { a: Int }",
    ],
)
def test_what_validation_refuses_later_is_measured_without_harm(query: str) -> None:
    required(parse(query))


def test_the_introspection_of_tools_is_small_enough_where_it_is_answered() -> None:
    size = measure(parse(get_introspection_query(specified_by_url=True, input_value_deprecation=True)))
    assert size.introspection_only
    DocumentLimits().with_room_for_introspection().require(size)


def test_a_question_about_data_is_not_taken_for_introspection() -> None:
    assert not measure(parse("{ __typename ...F } fragment F on Query { me { id } }")).introspection_only


@pytest.mark.parametrize("query", [LOGIN, SUBMIT, ME])
def test_the_three_operations_have_plenty_of_room(query: str) -> None:
    DocumentLimits(tokens=100, depth=3, fields=20, aliases=0, directives=0, fragments=0, operations=1).require(
        measure(parse(query))
    )


@on_sqlite
@pytest.mark.parametrize("what", [*LIMITED, *HIDDEN])
async def test_a_document_that_is_too_large_is_refused(server: TestServer, what: str) -> None:
    query = HIDDEN[what] if what in HIDDEN else LIMITED[what][0](LIMITED[what][1] + 1)
    assert await server.code_of_error(query) in {"DOCUMENT_TOO_LARGE", "GRAPHQL_PARSE_FAILED"}


@on_sqlite
@pytest.mark.parametrize(
    "query",
    [
        "{ me { id } " + "me { id } " * 100 + "}",
        "{ me { id } }" + " " * 9000,
        "{ me { id } }" + "#\n" * 500,
        '{ me(a: "' + "x" * 9000 + '") { id } }',
    ],
    ids=["tokens", "blanks", "comments", "one long string"],
)
async def test_a_document_that_is_too_long_is_not_parsed_to_its_end(server: TestServer, query: str) -> None:
    assert await server.code_of_error(query) == "GRAPHQL_PARSE_FAILED"


@on_sqlite
async def test_one_request_never_buys_two_logins(server: TestServer) -> None:
    codes = [server.wechat.login(user) for user in ("alice", "bob")]
    fields = " ".join(f'l{number}: login(code: "{code}") {{ token }}' for number, code in enumerate(codes))
    assert await server.code_of_error(f"mutation {{ {fields} }}") == "DOCUMENT_TOO_LARGE"
    for code in codes:
        assert "errors" not in await server.post(LOGIN, {"code": code})
