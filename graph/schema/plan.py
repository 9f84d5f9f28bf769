"""The plain case of an operation, worked out once for each kept document: one root field with plain fields below it.

What graphql-core finds out anew for every request (which fields, from which attributes, written how) is the same for
all requests with the same document. A plan holds it as nested functions; a request then runs the root field's resolver
and fills a dictionary. Whatever is not plain (a directive, an argument below the root, an exception, a null where none
may be, a value that cannot be written) is left to graphql-core, which is given what the resolver gave: nothing runs
twice, and every error is graphql-core's own. The server is the same without this file, and slower.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    MiddlewareManager,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    get_argument_values,
    get_variable_values,
)
from graphql.pyutils import Path

# Under this name Strawberry keeps its own field in graphql-core's; pinned by a test.
_STRAWBERRY_FIELD: Final = "strawberry-definition"

_NO_ARGUMENTS: Final[dict[str, Any]] = {}

Complete = Callable[[Any], Any]


class _NotPlain(Exception):
    """The operation, or what a resolver gave, is for graphql-core."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A request that is not plain; `middleware` gives graphql-core what the root field's resolver gave or raised."""

    middleware: MiddlewareManager | None = None


class Plan:
    """How to answer one operation of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        """Raises `_NotPlain`; see `plan_of`."""
        root = schema.get_root_type(operation.operation)
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        compiler = _Compiler(schema, fragments)
        nodes = [] if root is None else compiler.fields(root, operation.selection_set)
        if root is None or operation.directives or len(nodes) != 1 or nodes[0].name.value not in root.fields:
            raise _NotPlain
        [self._node] = nodes
        self._field: GraphQLField = root.fields[self._node.name.value]
        if self._field.resolve is None:
            raise _NotPlain
        self._resolve = self._field.resolve
        self._key = compiler.key(self._node)
        self._complete = compiler.completion(self._field.type, self._node.selection_set)
        self._schema = schema
        self._definitions: tuple[VariableDefinitionNode, ...] = tuple(operation.variable_definitions or ())
        self._takes_arguments = bool(self._field.args)
        path = Path(None, self._key, root.name)
        # The members of GraphQLResolveInfo around the two that differ from request to request.
        name, kind = self._node.name.value, self._field.type
        self._info_before = (name, nodes, kind, root, path, schema, fragments, None, operation)
        self._info_after = (inspect.isawaitable, None, GraphQLResolveInfoHelpers(_gathered, _untracked))
        self._no_variables = get_variable_values(schema, (), {})

    async def run(self, context: object, variables: Mapping[str, Any]) -> dict[str, Any] | Deviation:
        """The member `data` of the answer, or why there is none."""
        values, arguments = self._no_variables, _NO_ARGUMENTS
        if self._definitions:
            values = get_variable_values(self._schema, self._definitions, dict(variables))
        if isinstance(values, list):
            return Deviation()
        if self._takes_arguments:
            try:
                arguments = get_argument_values(self._field, self._node, values)
            except GraphQLError:
                return Deviation()
        info: GraphQLResolveInfo[Any] = GraphQLResolveInfo._make(
            (*self._info_before, values, context, *self._info_after)
        )
        try:
            given = self._resolve(None, info, **arguments)
            if inspect.isawaitable(given):
                given = await given
        except Exception as error:
            return _deviation(error)
        try:
            return {self._key: self._complete(given)}
        except Exception:
            return _deviation(given)


def plan_of(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Plan | None:
    """The plan of an operation of a valid document, or None where the operation is not plain."""
    try:
        return Plan(schema, document, operation)
    except _NotPlain:
        return None


def _deviation(outcome: object) -> Deviation:
    def replay(next_: Callable[..., Any], root: object, info: GraphQLResolveInfo[Any], **arguments: object) -> object:
        if info.path.prev is not None:
            return next_(root, info, **arguments)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Deviation(MiddlewareManager(replay))


async def _gathered(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*awaitables)


def _untracked(_values: object) -> None:
    """A resolver that works on when its field has failed keeps its own account; none here does."""


class _Compiler:
    """Turns selections into functions. Every method raises `_NotPlain`."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def key(self, node: FieldNode) -> str:
        return node.alias.value if node.alias else node.name.value

    def fields(self, parent: GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
        """The fields of a selection set with its fragments laid open, each key once."""
        found: dict[str, FieldNode] = {}
        for node in self._laid_open(parent, selections):
            # Two fields of one key are one field, says validation; what is below them would have to be merged.
            if self.key(node) in found and node.selection_set is not None:
                raise _NotPlain
            found.setdefault(self.key(node), node)
        return list(found.values())

    def _laid_open(self, parent: GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
        nodes: list[FieldNode] = []
        for node in selections.selections:
            if node.directives:
                raise _NotPlain
            if isinstance(node, FieldNode):
                nodes.append(node)
                continue
            fragment = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            assert isinstance(fragment, (FragmentDefinitionNode, InlineFragmentNode))  # noqa: S101 - no other kind
            condition = fragment.type_condition
            if fragment.directives or (condition is not None and condition.name.value != parent.name):
                raise _NotPlain
            nodes.extend(self._laid_open(parent, fragment.selection_set))
        return nodes

    def completion(self, kind: GraphQLOutputType, selections: SelectionSetNode | None) -> Complete:
        """Turns what a resolver gave into what is written."""
        if isinstance(kind, GraphQLNonNull):
            return _required(self.completion(kind.of_type, selections))
        if isinstance(kind, GraphQLList):
            return _nullable(_listed(self.completion(kind.of_type, selections)))
        if isinstance(kind, GraphQLObjectType) and selections is not None and kind.is_type_of is None:
            return _nullable(_filled(self._members(kind, selections)))
        if kind is GraphQLString or kind is GraphQLID:
            return _text(kind.serialize)
        if isinstance(kind, (GraphQLScalarType, GraphQLEnumType)):
            return _nullable(_written(kind.serialize))
        raise _NotPlain

    def _members(self, kind: GraphQLObjectType, selections: SelectionSetNode) -> list[tuple[str, Complete, Complete]]:
        members: list[tuple[str, Complete, Complete]] = []
        for node in self.fields(kind, selections):
            name = node.name.value
            if name == "__typename":
                members.append((self.key(node), _constant(kind.name), _as_it_is))
                continue
            field = kind.fields[name]
            if field.args or not getattr(field.resolve, "_is_default", False):
                raise _NotPlain
            attribute = attrgetter(field.extensions[_STRAWBERRY_FIELD].python_name)
            members.append((self.key(node), attribute, self.completion(field.type, node.selection_set)))
        return members


def _as_it_is(value: Any) -> Any:
    return value


def _constant(value: str) -> Complete:
    return lambda _source: value


def _nullable(complete: Complete) -> Complete:
    return lambda value: None if value is None else complete(value)


def _required(complete: Complete) -> Complete:
    def completed(value: Any) -> Any:
        result = complete(value)
        if result is None:
            raise _NotPlain
        return result

    return completed


def _listed(complete: Complete) -> Complete:
    def completed(values: Any) -> Any:
        if type(values) is not list:
            raise _NotPlain
        return [complete(value) for value in values]

    return completed


def _text(serialize: Callable[[Any], Any]) -> Complete:
    written = _nullable(_written(serialize))
    return lambda value: value if type(value) is str else written(value)


def _written(serialize: Callable[[Any], Any]) -> Complete:
    def completed(value: Any) -> Any:
        result = serialize(value)
        if result is None:
            raise _NotPlain
        return result

    return completed


def _filled(members: list[tuple[str, Complete, Complete]]) -> Complete:
    return lambda source: {key: complete(get(source)) for key, get, complete in members}
