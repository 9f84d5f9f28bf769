"""The errors of requests that GraphQL refuses, and what is not in them: values, suggestions, the schema."""

import logging
from collections.abc import Callable
from typing import Any, Final

import pytest

from graph.execution.plan import Plan
from graph.schema.context import Context
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import LOGIN, ME, Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CODE: Final = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P"


async def refusals(server: TestServer, query: str, variables: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The errors of a request that was not executed, none of which may repeat the login code."""
    answer = await server.post(query, variables)
    assert answer.keys() == {"errors"}
    assert CODE[1:] not in str(answer)
    for error in answer["errors"]:
        assert error["extensions"]["action"] == "FIX_REQUEST"
        assert error["extensions"]["retryable"] is False
    return list(answer["errors"])


async def codes(server: TestServer, query: str, variables: dict[str, Any] | None = None) -> set[str]:
    return {error["extensions"]["code"] for error in await refusals(server, query, variables)}


async def test_me_is_run_by_a_plan_where_there_are_plans(
    server: TestServer, plans: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[Any] = []
    run = Plan.run

    async def noted(plan: Plan, context: Context, variables: dict[str, Any]) -> object:
        answered.append(await run(plan, context, variables))
        return answered[-1]

    monkeypatch.setattr(Plan, "run", noted)
    assert await server.me(None) is None
    assert answered == ([{"me": None}] if plans else [])


@pytest.mark.parametrize(
    "query", ["", " ", "# nothing", "{", "{ me { id }", "query { }}", "{ me { id } } }", "\ufeff\ufeff", '"""open', "!"]
)
async def test_what_is_not_graphql_is_a_parse_error(server: TestServer, query: str) -> None:
    [error] = await refusals(server, query)
    assert error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert error["message"].startswith("Syntax Error: ")
    assert error["locations"][0]["line"] >= 1


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing { id } }",
        "{ me }",
        "{ me { id { x } } }",
        "{ me { ...missing } }",
        "{ me { id } } { me { id } }",
        "query ($unused: String) { me { id } }",
        "{ me { id @unknown } }",
        "{ me { id @include(if: null) } }",
        "mutation { login { token } }",
        "type Query { me: String }",
        "{ ...loop } fragment loop on Query { ...loop }",
    ],
)
async def test_what_does_not_fit_the_schema_is_a_validation_error(server: TestServer, query: str) -> None:
    assert await codes(server, query) == {"GRAPHQL_VALIDATION_FAILED"}


async def test_only_the_first_of_a_hundred_errors_are_listed(server: TestServer) -> None:
    found = await refusals(server, "{" + " ".join(f"f{number}" for number in range(100)) + "}")
    # The last says that there are more.
    assert len(found) == 6


async def post_operation(server: TestServer, query: str, name: str | None) -> dict[str, Any]:
    response = await server.http.post("/graphql", json={"query": query, "operationName": name})
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("query A { me { id } } query B { me { id } }", None),
        ("query A { me { id } } query B { me { id } }", ""),
        ("query A { me { id } } query B { me { id } }", "C"),
        ("{ me { id } }", "A"),
    ],
)
async def test_an_operation_that_is_not_chosen_is_not_guessed(server: TestServer, query: str, name: str | None) -> None:
    answer = await post_operation(server, query, name)
    assert answer.keys() == {"errors"}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["OPERATION_RESOLUTION_FAILURE"]


async def test_the_chosen_operation_runs_and_no_other(server: TestServer) -> None:
    query = "query A { a: __typename } query B { b: __typename } mutation C { c: __typename }"
    assert await post_operation(server, query, "B") == {"data": {"b": "Query"}}
    assert await post_operation(server, query, "C") == {"data": {"c": "Mutation"}}


@pytest.mark.parametrize("value", [12345, [CODE], {CODE: CODE}, None, True, 1.5, [], {}])
async def test_a_variable_of_a_wrong_type_is_refused_without_its_value(server: TestServer, value: object) -> None:
    [error] = await refusals(server, LOGIN, {"code": value})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == 'Variable "$code" does not hold a value of type "String!".'


async def test_a_variable_that_is_missing_is_named(server: TestServer) -> None:
    [error] = await refusals(server, LOGIN, {"kode": CODE})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$code" in error["message"]
    assert error["message"].endswith("to be provided.")


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ('mutation ($v: String = "x") { login(code: $v) { token } }', {"data": None}),
        ("query ($v: Boolean = true) { me @include(if: $v) { id } }", {}),
        ("query ($v: Boolean = true) { ...f @skip(if: $v) } fragment f on Query { me { id } }", {}),
        ("query ($v: Boolean = true) { me { id @include(if: $v) } }", {"data": {"me": None}}),
    ],
)
async def test_a_null_that_replaces_a_default_is_a_mistake_of_the_request(
    server: TestServer, query: str, data: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    token = (await server.login())["token"]
    answer = await server.post(query, {"v": None}, token=token)
    [error] = answer.pop("errors")
    assert answer == data
    extensions = {"code": "BAD_USER_INPUT", "action": "FIX_REQUEST", "retryable": False}
    assert error["extensions"] == {**extensions, "requestId": error["extensions"]["requestId"]}
    assert "$v" in error["message"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("query ($a: String) { me { id } }", "Variable '$a' is never used"),
        ("{ me { id @skip(if: $a) } }", "Variable '$a' is not defined"),
        ("mutation ($a: Boolean!) { login(code: $a) { token } }", "used in position expecting type 'String!'"),
    ],
)
async def test_a_misplaced_variable_is_named_with_its_mistake(server: TestServer, query: str, words: str) -> None:
    [error] = await refusals(server, query)
    assert words in error["message"]


LITERALS: Final = (
    *(f'["{CODE}"]', f'{{value: "{CODE}"}}', f"x{CODE}", "1234567890123", CODE, f'"{CODE}\\q"', f'"{CODE}'),
    *(f'"{CODE}" "{CODE}"', f'"""{CODE}""" """{CODE}"""', f"'{CODE}'", f'"{CODE}\n"', '"\\ud800"', '"\\u{110000}"'),
)


@pytest.mark.parametrize(
    "query",
    [
        *(f"mutation {{ login(code: {literal}) {{ token }} }}" for literal in LITERALS),
        f'mutation {{ login("{CODE}") {{ token }} }}',
        f'mutation ($code: String! = ["{CODE}"]) {{ login(code: $code) {{ token }} }}',
        f'{{ me {{ id @include(if: "{CODE}") }} }}',
        f'mutation {{ a: login(code: "{CODE}") {{ token }} a: login(code: "other") {{ token }} }}',
        f'{{ me {{ id(code: "{CODE}") }} }}',
        f'{{ me {{ id }} }} """{CODE}"""',
        f'mutation {{ login(code: $missing "{CODE}") {{ token }} }}',
    ],
)
async def test_a_literal_that_cannot_be_is_refused_without_its_value(server: TestServer, query: str) -> None:
    assert await codes(server, query) <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "DOCUMENT_TOO_LARGE"}


MISSPELT: Final = {
    "{ mee { id } }": "me",
    "{ me { nickNam } }": "nickName",
    "{ me { ... on Use { id } } }": "User",
    'mutation { login(cod: "x", code: "y") { token } }': "code",
    "mutation ($g: Gende) { login(code: $g) { token } }": "Gender",
}


async def test_no_names_are_suggested_in_production(server: TestServer) -> None:
    for query in MISSPELT:
        for error in await refusals(server, query):
            assert "Did you mean" not in error["message"], query


@pytest.mark.parametrize("field", ["__schema { queryType { name } }", '__type(name: "User") { name }'])
async def test_there_is_no_introspection_in_production(server: TestServer, field: str) -> None:
    assert await codes(server, f"{{ {field} }}") == {"GRAPHQL_VALIDATION_FAILED"}
    assert await codes(server, f"{{ ...f }} fragment f on Query {{ {field} }}") == {"GRAPHQL_VALIDATION_FAILED"}
    assert (await server.post("{ __typename }")) == {"data": {"__typename": "Query"}}


async def test_introspection_and_suggestions_are_for_development(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    in_development = settings.model_copy(update={"introspection": True})
    async with open_server(in_development, wechat_simulator, clock) as server:
        answer = await server.post('{ __schema { queryType { name } } __type(name: "User") { fields { name } } }')
        assert answer["data"]["__schema"] == {"queryType": {"name": "Query"}}
        assert {"name": "nickName"} in answer["data"]["__type"]["fields"]
        for query, suggestion in MISSPELT.items():
            messages = str(await refusals(server, query))
            assert f"Did you mean '{suggestion}'" in messages, query


@pytest.mark.parametrize("query", ["subscription { me { id } }", "query A { me { id } } subscription B { x }"])
async def test_there_are_no_subscriptions(server: TestServer, query: str) -> None:
    answer = await post_operation(server, query, "B" if "B" in query else None)
    assert answer.keys() == {"errors"}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


NESTED: Final[dict[str, Callable[[int], str]]] = {
    "fields": lambda depth: "{me" * depth + "}" * depth,
    "an open end": lambda depth: "{me" * depth,
    "fragments": lambda depth: "{me{" + "...on User{" * depth + "id" + "}" * (depth + 2),
    "lists": lambda depth: f"mutation{{login(code:{'[' * depth}{']' * depth}){{token}}}}",
    "objects": lambda depth: f"mutation{{login(code:{'{a:' * depth}1{'}' * depth}){{token}}}}",
    "types": lambda depth: f"query($a:{'[' * depth}String{']' * depth}){{me{{id}}}}",
    "chained fragments": lambda depth: (
        "{...f0}"
        + "".join(f"fragment f{n} on Query{{...f{n + 1}}}" for n in range(depth))
        + f"fragment f{depth} on Query{{me{{id}}}}"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", NESTED)
async def test_no_depth_of_nesting_is_a_defect(server: TestServer, shape: str) -> None:
    make = NESTED[shape]
    # Every depth around the one at which Python's stack ends, and far beyond it.
    for depth in [*range(40, 340, 6), 600, 1500]:
        answer = await server.post(make(depth))
        found = {error["extensions"]["code"] for error in answer.get("errors", [])}
        assert found <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "DOCUMENT_TOO_LARGE"}, depth
    assert (await server.post(ME)) == {"data": {"me": None}}


async def test_a_fan_out_of_fragments_is_executed(server: TestServer) -> None:
    # Two spreads of each of six levels: as wide as the limits allow.
    levels = "".join(f"fragment f{n} on User{{...f{n + 1} ...f{n + 1}}}" for n in range(6))
    assert await server.post(f"{{me{{...f0}}}}{levels}fragment f6 on User{{id}}") == {"data": {"me": None}}
