"""Resolvers that a plan calls past Strawberry's wrapper: those that the wrapper would only call, and no others."""

from typing import Any

import pytest
import strawberry
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLScalarType, parse

from graph.execution.compiler import Compiler, Unsupported
from graph.execution.documents import GraphQLRequest
from graph.execution.plan import _resolver, operations_of
from graph.schema.build import build_schema
from graph.schema.types import Session
from models.devices import Device, Platform
from models.session_list import ListedSession, StoredSession
from tests.accounts.test_session_list import SESSIONS
from tests.schema.plans.documents import Drawn
from tests.schema.plans.strange_schema import SCHEMA, Colour, World
from tests.schema.plans.test_equality import WITH, answers
from tests.server import ME


def called_directly(root: GraphQLObjectType | None) -> set[str]:
    """The root fields whose resolvers a plan calls itself."""
    assert root is not None
    return {name for name, field in root.fields.items() if _resolver(field) is not None}


def test_only_what_the_wrapper_would_merely_call_is_called_past_it() -> None:
    asks_for_nothing_more = {"thing", "sync", "nothing", "missing", "fails", "breaks", "bare", "seen", "fromElsewhere"}
    assert called_directly(SCHEMA.query_type) == asks_for_nothing_more
    assert called_directly(SCHEMA.mutation_type) == set()


def test_the_fields_of_this_server_that_take_no_argument_are_called_directly() -> None:
    schema = build_schema()._schema
    assert called_directly(schema.query_type) == {"me", "sessions", "checkSession"}
    assert called_directly(schema.mutation_type) == {"removePhoneNumber", "logout", "revokeOtherSessions"}


def test_what_sessions_returns_is_written_by_a_plan() -> None:
    plan = operations_of(build_schema()._schema, parse(SESSIONS), plans=True)[None].plan
    assert plan is not None
    row = ListedSession(StoredSession("hash", "id", 1, 0, 0, 0, None), "wx", Device("", Platform.IOS, "8.0.48", "0"))
    written = plan._write([Session.of(row, "another")])
    assert written[0]["device"] == {"label": None, "platform": "IOS", "weChatVersion": "8.0.48", "appVersion": "0"}


@pytest.mark.parametrize("text", [ME, "mutation { removePhoneNumber { id } }", "mutation { updateProfile { id } }"])
@pytest.mark.parametrize(("field", "selected"), [("phone", "phone { masked }"), ("picture", "picture { url state }")])
def test_only_the_plan_of_a_document_that_selects_a_resolved_field_reads_it(
    text: str, field: str, selected: str
) -> None:
    for document, read in ((text, []), (text.replace("id ", f"id {selected} ", 1), [field])):
        plan = operations_of(build_schema()._schema, parse(document), plans=True)[None].plan
        assert plan is not None
        assert [field.key for field, _ in plan._below] == read


def test_this_server_s_schema_has_nothing_else_that_strawberry_s_wrapper_would_run() -> None:
    converter = build_schema().schema_converter
    assert converter.exception_handlers == ()
    assert converter.config.info_class is strawberry.Info
    assert list(build_schema().extensions) == []


@pytest.mark.parametrize(
    "text",
    [
        "{ bare }",
        "{ seen }",
        "query named($v: Int!) { fromElsewhere, ...f } fragment f on Query { number(of: $v) }",
        "query named { renamed: fromElsewhere }",
        "{ ...f } fragment f on Query { seen }",
        "query named($v: Int!) { echoed(of: $v) }",
        "query named($w: Int = 4) { echoed(of: $w) }",
        "{ echoed }",
        "{ rooted }",
        "{ below }",
        "{ doubled }",
        "{ tripled(times: 2) }",
        "{ guarded { name } }",
        "{ unresolved }",
    ],
)
@pytest.mark.parametrize("world", [(), (("name", 0),)])
async def test_resolvers_of_every_kind_see_and_answer_the_same(text: str, world: tuple[tuple[str, int], ...]) -> None:
    planned, plain, decoded = await answers(Drawn(text, {"v": 1}), world)
    assert planned == plain
    assert "unresolved" in text or "guarded" in text or "errors" not in decoded
    assert ("errors" in decoded) == ("unresolved" in text or ("guarded" in text and bool(world)))


def test_a_plan_calls_the_resolver_itself_where_it_may() -> None:
    for text, itself in (("{ seen }", True), ("{ doubled }", False), ("{ rooted }", False), ("{ tripled }", False)):
        operation = WITH[1].find(GraphQLRequest(text)).operations.get(None)
        assert operation is not None
        assert operation.plan is not None
        assert (operation.plan._resolve is not operation.plan._field.resolve) == itself


async def test_a_null_in_place_of_a_default_is_refused_alike() -> None:
    planned, plain, decoded = await answers(Drawn("query ($v: Int = 1) { number(of: $v) }", {"v": None}), ())
    assert planned == plain
    assert decoded["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "text",
    [
        "query @unknown { bare }",
        "{ nowhere }",
        "{ __schema { queryType { name } } }",
        "subscription { bare }",
        "{ bare @unknown }",
        "{ ...f } fragment f on Query @unknown { bare }",
        "{ ... on Thing { name } }",
        "{ ... on Thing { bare } }",
        "{ thing { badge { name } } }",
    ],
)
def test_what_is_not_plain_has_no_plan_whatever_validation_lets_through(text: str) -> None:
    operations = operations_of(SCHEMA, parse(text), plans=True)
    assert {operation.plan for operation in operations.values()} == {None}


@pytest.mark.parametrize(
    ("text", "strange", "value"),
    [
        ("nick", ("nick", 0), None),
        ("weight", ("weight", 0), None),
        ("shade", ("shade", 0), None),
        ("gaps", ("gaps", 0), None),
        ("gaps", ("gaps", 1), [None]),
        ("inner { id }", ("inner", 0), None),
        ("name", ("name", 2), "5"),
        ("good", ("good", 1), True),
        ("colour", ("colour", 1), "RED"),
        ("colour", ("colour", 5), "RED"),
        ("madeIn", ("name", 0), "Guangzhou"),
        ("__typename", ("name", 0), "Thing"),
    ],
)
async def test_what_is_unusual_but_right_is_written_by_the_plan_itself(
    text: str, strange: tuple[str, int], value: object
) -> None:
    operation = WITH[1].find(GraphQLRequest(f"{{ thing {{ {text} }} }}")).operations.get(None)
    assert operation is not None
    assert operation.plan is not None
    assert await operation.plan.run(World((strange,)), {}) == {"thing": {text.partition(" ")[0]: value}}


def test_a_scalar_or_enum_that_makes_nothing_of_something_is_for_graphql_core() -> None:
    scalar = GraphQLScalarType("Nothing", serialize=lambda _: None)
    complete = Compiler({}).compile(scalar, None)
    assert complete(None) is None
    with pytest.raises(Unsupported):
        complete("something")


def test_an_enum_of_the_schema_remembers_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    colour, asked = SCHEMA.type_map["Colour"], list[Any]()
    assert isinstance(colour, GraphQLEnumType)
    serialize = colour.serialize

    def noted(value: Any) -> Any:
        asked.append(value)
        return serialize(value)

    monkeypatch.setattr(colour, "serialize", noted)
    complete = Compiler({}).compile(colour, None)
    assert [complete(value) for value in (Colour.RED, None, Colour.RED, Colour.BLUE)] == ["RED", None, "RED", "BLUE"]
    assert asked == [Colour.RED, Colour.BLUE]
