"""Builds the schema."""

from datetime import datetime
from functools import cache
from typing import Final

import strawberry
from graphql import GraphQLSchema, introspection_from_schema
from strawberry.schema.config import StrawberryConfig

from graph.schema.errors import TYPES
from graph.schema.mutations import Mutation
from graph.schema.queries import Query

_DESCRIPTION: Final = """\
Signs users of WeChat mini-programs in, and keeps what they show of themselves.

- `login` takes the code of wx.login and returns a token; send it as `Authorization: Bearer <token>` from then on.
- `me` is the signed-in user; null without a token.
- `submitUserInfo`, `submitPhoneNumber` and `updateProfile` add to that user. Pictures go to POST /uploads/avatar.
- `sessions`, `exportMe` and `deleteMe` are for the user's own eyes and wishes.

An error has `extensions` of the shape of `ErrorExtensions`: decide by their `action`, or by their `code`, never by the
message. Each operation lists the codes that it can have; besides those, any request can meet the ones of HTTP and of
GraphQL itself."""
_DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A moment in UTC as ISO 8601 text, like 2026-01-31T08:00:00.000000+00:00.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    serialize=datetime.isoformat,
    parse_value=datetime.fromisoformat,
)


@cache
def build_schema() -> strawberry.Schema:
    """The one schema. Cached: it has no state, and building it takes a tenth of a second."""
    config = StrawberryConfig(scalar_map={datetime: _DATE_TIME})
    schema = strawberry.Schema(Query, Mutation, types=TYPES, config=config)
    # Strawberry neither takes one nor prints it.
    graphql_core_schema(schema).description = _DESCRIPTION
    return schema


def graphql_core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside Strawberry's, which has no public name for it; pinned by a test."""
    return schema._schema  # noqa: SLF001


def print_schema() -> str:
    """The schema in SDL, as `schema.graphql` holds it."""
    roots = "schema {\n  query: Query\n  mutation: Mutation\n}"
    return f'"""\n{_DESCRIPTION}\n"""\n{roots}\n\n{build_schema().as_str()}\n'


def introspected_schema() -> dict[str, object]:
    """What the query of introspection finds, as code generators take it from a file."""
    return {"data": introspection_from_schema(graphql_core_schema(build_schema()))}
