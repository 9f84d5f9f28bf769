"""The schema as a document: committed, complete, described, and silent about WeChat's ids."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    introspection_from_schema,
    is_introspection_type,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    print_schema,
    validate_schema,
)

from graph.cli import main
from graph.errors import INTERNAL, CodedError, ErrorAction, ErrorCode
from graph.schema import build
from graph.schema.build import graphql_core_schema

SDL: Final = Path(__file__).parents[2] / "schema.graphql"
SCHEMA: Final = graphql_core_schema(build.build_schema())

Described = tuple[str, str | None]


def own_types() -> list[GraphQLNamedType]:
    return [
        kind
        for kind in SCHEMA.type_map.values()
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
    ]


def described() -> Iterator[Described]:
    """Everything that has a name, with its description."""
    for kind in own_types():
        yield kind.name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{kind.name}.{name}", member.description) for name, member in kind.fields.items())
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field.description
                yield from ((f"{kind.name}.{name}({arg}:)", value.description) for arg, value in field.args.items())


def test_the_committed_schema_is_the_one_in_the_code() -> None:
    assert SDL.read_text("utf-8") == build.print_schema(), "run: wxgate schema > schema.graphql"


def test_the_command_prints_the_committed_schema() -> None:
    printed = CliRunner().invoke(main, ["schema"])
    assert printed.exit_code == 0
    assert printed.stdout == SDL.read_text("utf-8")


def test_the_command_prints_what_introspection_finds() -> None:
    printed = CliRunner().invoke(main, ["schema", "--json"])
    assert printed.exit_code == 0
    found = json.loads(printed.stdout)["data"]
    assert _sorted(build_client_schema(found)) == _sorted(SCHEMA)


def test_the_schema_as_a_whole_is_described() -> None:
    text = introspection_from_schema(SCHEMA)["__schema"]["description"]
    assert text is not None
    assert SDL.read_text("utf-8").startswith(f'"""\n{text}\n"""\nschema {{\n')
    members = {name.partition(".")[2] for name, _ in described()}
    assert set(re.findall(r"`([a-z]\w+)`", text)) <= members | {"extensions"}


def test_the_shape_of_extensions_is_a_type_with_the_members_that_errors_have() -> None:
    shape = SCHEMA.type_map["ErrorExtensions"]
    assert isinstance(shape, GraphQLObjectType)
    error = CodedError(ErrorCode.RATE_LIMITED, "Too often.", ErrorAction.WAIT, retry_after_ms=1)
    assert list(shape.fields) == list(error.extensions("0123456789abcdef"))
    required = [name for name, field in shape.fields.items() if isinstance(field.type, GraphQLNonNull)]
    assert required == list(INTERNAL.extensions("0123456789abcdef"))


def test_other_tools_read_the_committed_schema() -> None:
    schema = build_schema(SDL.read_text("utf-8"))
    assert validate_schema(schema) == []
    assert _sorted(schema) == _sorted(SCHEMA)


def _sorted(schema: GraphQLSchema) -> str:
    return print_schema(lexicographic_sort_schema(schema))


def test_every_name_is_described_in_a_sentence() -> None:
    everything = list(described())
    assert len(everything) > 60
    sentence = r".{8,}\.(\n\nErrors:\n(\n- `[A-Z_]+`)+)?"
    assert [name for name, text in everything if text is None or not re.fullmatch(sentence, text)] == []


def test_no_name_speaks_of_what_wechat_keeps_between_servers() -> None:
    names = " ".join(name for name, _ in described())
    squeezed = names.replace("_", "").lower()
    # SESSION_KEY_STALE tells of the key's age, and is no place for a key.
    squeezed = squeezed.replace("sessionkeystale", "")
    for secret in ("openid", "unionid", "sessionkey", "appsecret", "accesstoken"):
        assert secret not in squeezed


@pytest.mark.parametrize("operation", [name for name, _ in described() if re.fullmatch(r"(Query|Mutation)\.\w+", name)])
def test_every_operation_names_the_errors_it_has_and_only_such_as_exist(operation: str) -> None:
    description = dict(described())[operation]
    assert description is not None
    _, _, errors = description.partition("\n\nErrors:\n\n")
    named = set(re.findall(r"^- `([A-Z_]+)`$", errors, re.MULTILINE))
    assert len(named) == errors.count("- ")
    assert named
    assert named <= {code.name for code in ErrorCode}
    assert "SERVICE_UNAVAILABLE" in named


def test_the_roots_have_these_operations_and_no_others() -> None:
    assert SCHEMA.query_type is not None
    assert SCHEMA.mutation_type is not None
    assert list(SCHEMA.query_type.fields) == ["me", "sessions", "checkSession"]
    assert list(SCHEMA.mutation_type.fields) == [
        "login",
        "submitUserInfo",
        "updateProfile",
        "submitPhoneNumber",
        "submitEncryptedPhoneNumber",
        "removePhoneNumber",
        "logout",
        "revokeSession",
        "revokeOtherSessions",
        "deleteMe",
        "exportMe",
    ]
    assert SCHEMA.subscription_type is None


def test_the_schema_lists_every_code() -> None:
    values = {name: value.description for name, value in _enum("ErrorCode").values.items()}
    assert values == {code.name: code.value for code in ErrorCode}


def test_a_moment_is_specified() -> None:
    assert (
        'scalar DateTime @specifiedBy(url: "https://scalars.graphql.org/andimarek/date-time.html")' in SDL.read_text()
    )


def _enum(name: str) -> GraphQLEnumType:
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLEnumType)
    return kind
