"""Whatever the document and whatever the resolvers do: with plans and without, the answer is the same."""

import asyncio
from collections import Counter
from typing import Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.execution.document_limits import DocumentLimits
from graph.execution.documents import Documents, GraphQLRequest
from graph.execution.executor import Executor
from graph.schema.errors import coded
from tests.schema.plans.documents import Drawn, documents
from tests.schema.plans.strange_schema import SCHEMA, STRANGE, World

WIDE: Final = DocumentLimits(
    tokens=5_000, characters=50_000, depth=50, fields=1_000, aliases=500, directives=500, fragments=500
)
# Documents that hypothesis makes, and those among them that a plan answered or could have.
MADE: Final = Counter[str]()


def executor(*, plans: bool) -> tuple[Executor, Documents]:
    allowed = Documents(SCHEMA, introspection=False, limits=WIDE, plans=plans)
    return Executor(allowed, coded), allowed


WITH, WITHOUT = executor(plans=True), executor(plans=False)

strangeness = st.lists(st.tuples(st.sampled_from(sorted(STRANGE)), st.integers(0, 8)), max_size=3).map(tuple)


async def answers(drawn: Drawn, world: tuple[tuple[str, int], ...]) -> tuple[bytes, bytes, Any]:
    """The answer with plans and the one without."""
    given_both = []
    for runner, _ in (WITH, WITHOUT):
        context = World(world)
        request = GraphQLRequest(drawn.text, drawn.variables)
        response = await runner.execute(request, context, request_id="same")
        given_both.append((orjson.dumps(response.body), response.retry_after_ms, context.runs))
    assert given_both[0][1:] == given_both[1][1:]
    return given_both[0][0], given_both[1][0], orjson.loads(given_both[0][0])


@settings(max_examples=2_500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(drawn=documents(SCHEMA), world=strangeness)
def test_an_answer_by_plan_is_graphql_core_s_answer(drawn: Drawn, world: tuple[tuple[str, int], ...]) -> None:
    planned, plain, decoded = asyncio.run(answers(drawn, world))
    assert planned == plain, drawn
    MADE["all"] += 1
    MADE["errors" if "errors" in decoded else "data"] += 1
    if decoded.get("errors", [{}])[0].get("extensions", {}).get("code") == "GRAPHQL_VALIDATION_FAILED":
        MADE["invalid"] += 1
        return
    operation = WITH[1].find(GraphQLRequest(drawn.text)).operations.get(None)
    assert operation is not None
    MADE["planned" if operation.plan else "unplanned"] += 1


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in STRANGE for number in range(len(STRANGE[name]))]
)
async def test_each_strange_value_is_answered_alike(name: str, number: int) -> None:
    below = {"inner": " { name }", "sure": " { id label }", "others": " { id label }", "badge": " { name }"}.get(
        name, ""
    )
    name, attribute = {"made_in": "madeIn"}.get(name, name), name
    text = f"{{ thing {{ {name}{below} other: inner {{ {name}{below} }} }} }}"
    planned, plain, _ = await answers(Drawn(text, {}), ((attribute, number),))
    assert planned == plain


def test_the_documents_were_of_every_kind() -> None:
    assert MADE["all"] >= 2_000
    assert MADE["invalid"] < MADE["all"] / 4
    for kind in ("planned", "unplanned", "data", "errors"):
        assert MADE[kind] > MADE["all"] / 10, MADE


@pytest.mark.parametrize(
    "text",
    [
        "{ thing { id name colour made tags others { id label } } }",
        "query q { sync { ...f } } fragment f on Thing { name inner { name nick __typename } }",
        "{ again: thing { name again: name name } }",
        "mutation q($name: String!) { change(name: $name) { nick } }",
        'query q($of: Int!) { number(of: $of, text: "x") }',
        "{ bare }",
        "{ seen }",
        "{ rooted }",
        "{ guarded { mood gaps } }",
        "{ thing { shouted } }",
        "{ thing { first: shouted name last: friend { id label } placed } }",
        "mutation q($name: String!) { change(name: $name) { nick placed friend { __typename } } }",
    ],
)
async def test_these_are_answered_by_plan(text: str) -> None:
    operation = WITH[1].find(GraphQLRequest(text)).operations.get(None)
    assert operation is not None
    assert operation.plan is not None
    variables = {"name": "n", "of": 1}
    planned, plain, decoded = await answers(Drawn(text, variables), ())
    # And not by graphql-core, to which a plan leaves what it does not understand.
    assert await operation.plan.run(World(()), variables) == decoded["data"]
    assert planned == plain
    assert "errors" not in decoded


@pytest.mark.parametrize("number", range(len(STRANGE["sure"])))
async def test_a_resolver_below_the_root_fails_alike(number: int) -> None:
    text = "{ thing { friend { id label } sure: name placed } }"
    operation = WITH[1].find(GraphQLRequest(text)).operations.get(None)
    assert operation is not None
    assert operation.plan is not None
    planned, plain, decoded = await answers(Drawn(text, {}), (("sure", number),))
    assert planned == plain
    assert decoded["data"]["thing"]["friend"] is None
    assert decoded["data"]["thing"]["placed"][0] == "placed"
    assert ("errors" in decoded) == (STRANGE["sure"][number] is not None)


@pytest.mark.parametrize(
    "text",
    [
        "{ thing { name } sync { name } }",
        "{ thing { name @include(if: true) } }",
        "{ thing { computed } }",
        "{ thing { shouted shouted } }",
        "{ thing { inner { shouted } } }",
        "{ thing { friend { back { shouted } } } }",
        "{ thing { inner { name } inner { nick } } }",
        # A resolver can see how often its field is written.
        "{ seen seen }",
        "{ __typename }",
    ],
)
async def test_these_are_left_to_graphql_core(text: str) -> None:
    operation = WITH[1].find(GraphQLRequest(text)).operations.get(None)
    assert operation is not None
    assert operation.plan is None
    planned, plain, _ = await answers(Drawn(text, {}), ())
    assert planned == plain
