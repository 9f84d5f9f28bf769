"""What schemathesis cannot know of this server's answers: the checks that it runs beside its own."""

import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import schemathesis
from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    GraphQLEnumType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    IntValueNode,
    Node,
    StringValueNode,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    visit,
)
from schemathesis import CheckContext, Response

from tests.secret_patterns import secrets_in

Case: TypeAlias = schemathesis.Case[Any]

SCHEMA_FILE: Final = Path(__file__).parents[2] / "schema.graphql"
# With a healthy WeChat, a healthy database and no limit on requests, only a defect of the server leads to these.
_ITS_OWN_FAULT: Final = {
    "INTERNAL_SERVER_ERROR",
    "RATE_LIMITED",
    "SERVICE_UNAVAILABLE",
    "WECHAT_MISCONFIGURED",
    "WECHAT_UNAVAILABLE",
}
# Characters. A shorter value stands in many a sentence that does not mean it.
_SHORTEST_VALUE: Final = 3


@schemathesis.check
def a_well_formed_request_is_answered_200(_ctx: CheckContext, response: Response, _case: Case) -> None:
    """Whatever GraphQL thinks of it, for a client of application/json; schemathesis leaves the status alone."""
    assert response.status_code == 200, f"the status is {response.status_code}"
    assert response.headers["content-type"] == ["application/json; charset=utf-8"]


@schemathesis.check
def an_answer_has_data_or_errors(_ctx: CheckContext, response: Response, _case: Case) -> None:
    body = response.json()
    assert body.keys() <= {"data", "errors"}, f"the members are {sorted(body)}"
    assert body.get("data") is not None or body.get("errors"), "there are neither data nor errors"


@schemathesis.check
def every_error_is_coded(_ctx: CheckContext, response: Response, _case: Case) -> None:
    """With a code and an action of the schema's lists, and no code that blames the server."""
    for error in errors_of(response):
        extensions = error.get("extensions", {})
        code, action = extensions.get("code"), extensions.get("action")
        assert code in _names_of("ErrorCode") - _ITS_OWN_FAULT, f"the code is {code}"
        assert action in _names_of("ErrorAction"), f"the action is {action}"
        assert [extensions.get("requestId")] == response.headers["x-request-id"], "the id is not the request's"


@schemathesis.check
def errors_are_discreet(_ctx: CheckContext, response: Response, case: Case) -> None:
    """No trace of the code that raised them, no secret, and nothing that the request gave as a value."""
    for error in errors_of(response):
        message = error["message"]
        assert "Traceback" not in message, "a traceback is shown"
        assert ".py" not in message, "a file is named"
        assert secrets_in(json.dumps(error)) == [], "a secret is shown"
        assert [value for value in _values_in(str(case.body)) if value in message] == [], "a value is repeated"


@schemathesis.check
def data_fits_the_schema(_ctx: CheckContext, response: Response, case: Case) -> None:
    """graphql-core, asked the same of schema.graphql with the answer's data behind it, finds the same and no error."""
    data = response.json().get("data")
    if data is None:
        return
    found = execute_sync(_schema(), parse(str(case.body)), root_value=data, field_resolver=_as_answered)
    assert found.errors is None, f"the data misfits: {found.errors}"
    # As text: to Python, 1 and True are equal.
    assert json.dumps(found.data) == json.dumps(data), "the data holds something else than was asked for"


CHECKS: Final = [
    a_well_formed_request_is_answered_200,
    an_answer_has_data_or_errors,
    every_error_is_coded,
    errors_are_discreet,
    data_fits_the_schema,
]


def errors_of(response: Response) -> list[dict[str, Any]]:
    """The errors of an answer; none is an empty list."""
    errors: list[dict[str, Any]] = response.json().get("errors", [])
    return errors


class _Values(Visitor):
    """Collects every literal, however deep."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def enter(self, node: Node, *_: object) -> None:
        """Called by graphql-core for each node; null is no value that anybody gave."""
        if isinstance(node, (StringValueNode, IntValueNode, FloatValueNode, EnumValueNode)):
            self.found.append(node.value)
        elif isinstance(node, BooleanValueNode):
            self.found.append(str(node.value).lower())


def _values_in(document: str) -> list[str]:
    values = _Values()
    visit(parse(document), values)
    return [value for value in values.found if len(value) >= _SHORTEST_VALUE]


@cache
def _schema() -> GraphQLSchema:
    schema = build_schema(SCHEMA_FILE.read_text("utf-8"))
    date_time = schema.type_map["DateTime"]
    assert isinstance(date_time, GraphQLScalarType)
    date_time.coerce_output_value = _utc
    return schema


def _utc(text: str) -> str:
    assert datetime.fromisoformat(text).utcoffset() == timedelta(0), "a time is not in UTC"
    return text


def _names_of(enum: str) -> set[str]:
    kind = _schema().type_map[enum]
    assert isinstance(kind, GraphQLEnumType)
    return set(kind.values)


def _as_answered(source: Any, info: GraphQLResolveInfo[Any], **_: object) -> Any:
    """The answer's own value of a field, under its alias if it has one."""
    return source[info.path.key]
