"""Builds the schema."""

from datetime import datetime
from functools import cache

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from graph.schema.errors import ENUMS
from graph.schema.mutations import Mutation
from graph.schema.queries import Query

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
    return strawberry.Schema(Query, Mutation, types=ENUMS, config=StrawberryConfig(scalar_map={datetime: _DATE_TIME}))


def graphql_core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside Strawberry's, which has no public name for it; pinned by a test."""
    return schema._schema  # noqa: SLF001


def print_schema() -> str:
    """The schema in SDL, as `schema.graphql` holds it."""
    return f"{build_schema().as_str()}\n"
