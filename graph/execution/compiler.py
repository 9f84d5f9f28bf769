"""Compiles plain selections into functions that write values."""

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
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

# Values of exactly these types are their own serialization.
_PLAIN: Final[Mapping[object, type]] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}

Write = Callable[[Any], Any]


class _Member(NamedTuple):
    """One field of an object. A value of type `plain` is written as it is, any other but null by `write`."""

    key: str
    attribute: str
    required: bool
    plain: type | None
    write: Write


class Unsupported(Exception):
    """The operation, or the value that a resolver returned, is for graphql-core."""


class Compiler:
    """Every method raises `Unsupported`."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments

    def fields(self, parent: GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
        """The fields of a selection set with its fragments expanded, each response key once."""
        found: dict[str, FieldNode] = {}
        for node in self.expand_fragments(parent, selections):
            # Two fields of one key are one field, says validation; what is below them would have to be merged.
            if response_key(node) in found and node.selection_set is not None:
                raise Unsupported
            found.setdefault(response_key(node), node)
        return list(found.values())

    def expand_fragments(self, parent: GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
        """The fields of a selection set and its fragments, as often as they are written."""
        nodes: list[FieldNode] = []
        for node in selections.selections:
            if node.directives:
                raise Unsupported
            if isinstance(node, FieldNode):
                nodes.append(node)
                continue
            fragment = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            assert isinstance(fragment, (FragmentDefinitionNode, InlineFragmentNode))  # noqa: S101 - no other kind
            condition = fragment.type_condition
            if fragment.directives or (condition is not None and condition.name.value != parent.name):
                raise Unsupported
            nodes.extend(self.expand_fragments(parent, fragment.selection_set))
        return nodes

    def compile(self, kind: GraphQLOutputType, selections: SelectionSetNode | None) -> Write:
        """A function from a resolver's value to what the response holds; it raises `Unsupported` too."""
        if isinstance(kind, GraphQLNonNull):
            return _nullable(self._compile(kind.of_type, selections), required=True)
        return _nullable(self._compile(kind, selections), required=False)

    def _compile(self, kind: GraphQLOutputType, selections: SelectionSetNode | None) -> Write:
        """For values that are not null."""
        if isinstance(kind, GraphQLList):
            return _list(self.compile(kind.of_type, selections))
        if isinstance(kind, GraphQLObjectType) and selections is not None and kind.is_type_of is None:
            return _object([self._member(kind, node) for node in self.fields(kind, selections)])
        if isinstance(kind, GraphQLEnumType):
            return _memoized(kind.serialize)
        if isinstance(kind, GraphQLScalarType):
            return kind.serialize
        raise Unsupported

    def _member(self, kind: GraphQLObjectType, node: FieldNode) -> _Member:
        key, name = response_key(node), node.name.value
        if name == "__typename":
            return _Member(key, "__class__", True, None, lambda _source: kind.name)
        field = kind.fields[name]
        definition = strawberry_field(field.extensions)
        if definition is None or not definition.is_basic_field or field.args:
            raise Unsupported
        nullable = get_nullable_type(field.type)
        write = self._compile(nullable, node.selection_set)
        required = isinstance(field.type, GraphQLNonNull)
        return _Member(key, definition.python_name, required, _PLAIN.get(nullable), write)


def response_key(node: FieldNode) -> str:
    """The alias, or else the name."""
    return node.alias.value if node.alias else node.name.value


def strawberry_field(extensions: Mapping[str, Any]) -> StrawberryField | None:
    """Strawberry's definition of a field, from the extensions of graphql-core's."""
    field = extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return field if isinstance(field, StrawberryField) else None


def _nullable(write: Write, *, required: bool) -> Write:
    def write_nullable(value: Any) -> Any:
        written = None if value is None else write(value)
        if written is None and (required or value is not None):
            raise Unsupported
        return written

    return write_nullable


def _list(write: Write) -> Write:
    def write_list(values: Any) -> Any:
        if type(values) is not list:
            raise Unsupported
        return [write(value) for value in values]

    return write_list


def _memoized(serialize: Write) -> Write:
    """For the members of enums, which live as long as the process."""
    known: dict[int, Any] = {}

    def write_enum(value: Any) -> Any:
        name = known.get(id(value))
        if name is None:
            name = serialize(value)
            if isinstance(value, Enum):
                known[id(value)] = name
        return name

    return write_enum


def _object(members: list[_Member]) -> Write:
    # One more than are needed, for with a single name `attrgetter` would return no tuple.
    values = attrgetter(*[member.attribute for member in members], "__class__")

    def write_object(source: Any) -> Any:
        written = {}
        for (key, _, required, plain, write), value in zip(members, values(source), strict=False):
            if type(value) is plain or (value is None and not required):
                written[key] = value
                continue
            written[key] = None if value is None else write(value)
            if written[key] is None:
                raise Unsupported
        return written

    return write_object
