"""Turns the fields of plain selections into functions that write them."""

from collections.abc import Callable, Mapping
from enum import Enum
from operator import attrgetter
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
    InlineFragmentNode,
    SelectionSetNode,
    get_nullable_type,
)

# Under this name Strawberry keeps its own field in graphql-core's; pinned by a test.
STRAWBERRY_FIELD: Final = "strawberry-definition"

# Values of exactly these types are their own serialization.
_PLAIN: Final[Mapping[object, type]] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}

Complete = Callable[[Any], Any]


class _Member(NamedTuple):
    """One field of an object: its key, where its value is, the type that is written as it is, how others are."""

    key: str
    attribute: str
    plain: type | None
    complete: Complete


class NotPlain(Exception):
    """The operation, or what a resolver gave, is for graphql-core."""


class Compiler:
    """Turns selections into functions. Every method raises `NotPlain`."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments

    def key(self, node: FieldNode) -> str:
        return node.alias.value if node.alias else node.name.value

    def fields(self, parent: GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
        """The fields of a selection set with its fragments laid open, each key once."""
        found: dict[str, FieldNode] = {}
        for node in self.laid_open(parent, selections):
            # Two fields of one key are one field, says validation; what is below them would have to be merged.
            if self.key(node) in found and node.selection_set is not None:
                raise NotPlain
            found.setdefault(self.key(node), node)
        return list(found.values())

    def laid_open(self, parent: GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
        """The fields of a selection set and its fragments, as often as they are written."""
        nodes: list[FieldNode] = []
        for node in selections.selections:
            if node.directives:
                raise NotPlain
            if isinstance(node, FieldNode):
                nodes.append(node)
                continue
            fragment = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            assert isinstance(fragment, (FragmentDefinitionNode, InlineFragmentNode))  # noqa: S101 - no other kind
            condition = fragment.type_condition
            if fragment.directives or (condition is not None and condition.name.value != parent.name):
                raise NotPlain
            nodes.extend(self.laid_open(parent, fragment.selection_set))
        return nodes

    def completion(self, kind: GraphQLOutputType, selections: SelectionSetNode | None) -> Complete:
        """Turns what a resolver gave into what is written."""
        if isinstance(kind, GraphQLNonNull):
            return _required(self.completion(kind.of_type, selections))
        if isinstance(kind, GraphQLList):
            return _nullable(_listed(self.completion(kind.of_type, selections)))
        if isinstance(kind, GraphQLObjectType) and selections is not None and kind.is_type_of is None:
            return _nullable(_filled(self._members(kind, selections)))
        if isinstance(kind, GraphQLEnumType):
            return _nullable(_remembered(_written(kind.serialize)))
        if isinstance(kind, GraphQLScalarType):
            return _nullable(_written(kind.serialize))
        raise NotPlain

    def _members(self, kind: GraphQLObjectType, selections: SelectionSetNode) -> list[_Member]:
        members: list[_Member] = []
        for node in self.fields(kind, selections):
            name = node.name.value
            if name == "__typename":
                members.append(_Member(self.key(node), "__class__", None, _constant(kind.name)))
                continue
            field = kind.fields[name]
            if field.args or not getattr(field.resolve, "_is_default", False):
                raise NotPlain
            attribute = field.extensions[STRAWBERRY_FIELD].python_name
            complete = self.completion(field.type, node.selection_set)
            members.append(_Member(self.key(node), attribute, _PLAIN.get(get_nullable_type(field.type)), complete))
        return members


def _constant(value: str) -> Complete:
    return lambda _source: value


def _nullable(complete: Complete) -> Complete:
    return lambda value: None if value is None else complete(value)


def _required(complete: Complete) -> Complete:
    def completed(value: Any) -> Any:
        result = complete(value)
        if result is None:
            raise NotPlain
        return result

    return completed


def _listed(complete: Complete) -> Complete:
    def completed(values: Any) -> Any:
        if type(values) is not list:
            raise NotPlain
        return [complete(value) for value in values]

    return completed


def _written(serialize: Callable[[Any], Any]) -> Complete:
    def completed(value: Any) -> Any:
        result = serialize(value)
        if result is None:
            raise NotPlain
        return result

    return completed


def _remembered(complete: Complete) -> Complete:
    """For the members of enums, which live as long as the process."""
    known: dict[int, Any] = {}

    def completed(value: Any) -> Any:
        name = known.get(id(value))
        if name is None:
            name = complete(value)
            if isinstance(value, Enum):
                known[id(value)] = name
        return name

    return completed


def _filled(members: list[_Member]) -> Complete:
    # One more than are needed, for with a single name `attrgetter` would return no tuple.
    values = attrgetter(*[member.attribute for member in members], "__class__")
    writing = [(member.key, member.plain, member.complete) for member in members]
    return lambda source: {
        key: value if type(value) is plain else complete(value)
        for (key, plain, complete), value in zip(writing, values(source), strict=False)
    }
