"""Compiles plain selections into functions that write values."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, NamedTuple

import graphql
from graphql import GraphQLBoolean, GraphQLID, GraphQLString
from graphql.language import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

# Values of exactly these types are their own serialization.
_PLAIN: Final[Mapping[object, tuple[type, ...]]] = {GraphQLString: (str,), GraphQLID: (str,), GraphQLBoolean: (bool,)}

Write = Callable[[Any], Any]


class _Member(NamedTuple):
    """One field of an object. A value of a type in `plain` is written as it is, any other but null by `write`."""

    key: str
    attribute: str
    plain: tuple[type, ...]
    write: Write


class ResolvedField(NamedTuple):
    """A field with a resolver of its own, in the object that the root field returns."""

    key: str
    parent: graphql.GraphQLObjectType
    node: FieldNode
    kind: graphql.GraphQLOutputType
    resolve: Callable[..., Any]
    write: Write


class Unsupported(Exception):
    """The operation, or the value that a resolver returned, is for graphql-core."""


class Compiler:
    """Every method raises `Unsupported`."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments

    def expand_fragments(self, parent: graphql.GraphQLObjectType, selections: SelectionSetNode) -> list[FieldNode]:
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

    def compile(
        self,
        kind: graphql.GraphQLOutputType,
        selections: SelectionSetNode | None,
        resolved: list[ResolvedField] | None = None,
    ) -> Write:
        """A function from a resolver's value to what the response holds; it raises `Unsupported` too.

        Given a list, it appends the object's own fields that have resolvers; the function leaves room for them.
        """
        required = isinstance(kind, graphql.GraphQLNonNull)
        write = self._compile(graphql.get_nullable_type(kind), selections, resolved)

        def write_nullable(value: Any) -> Any:
            written = None if value is None else write(value)
            if written is None and (required or value is not None):
                raise Unsupported
            return written

        return write_nullable

    def _compile(
        self,
        kind: graphql.GraphQLType,
        selections: SelectionSetNode | None,
        resolved: list[ResolvedField] | None = None,
    ) -> Write:
        if isinstance(kind, graphql.GraphQLList):
            write = self.compile(kind.of_type, selections)

            def write_list(values: Any) -> Any:
                if type(values) is not list:
                    raise Unsupported
                return [write(value) for value in values]

            return write_list
        if isinstance(kind, graphql.GraphQLObjectType) and selections is not None and kind.is_type_of is None:
            return self._object(kind, selections, resolved)
        if isinstance(kind, graphql.GraphQLEnumType):
            # The members of an enum are few, and serializing them is slow.
            return lru_cache(kind.serialize)
        if isinstance(kind, graphql.GraphQLScalarType):
            return kind.serialize
        raise Unsupported

    def _object(
        self,
        kind: graphql.GraphQLObjectType,
        selections: SelectionSetNode,
        resolved: list[ResolvedField] | None,
    ) -> Write:
        found: dict[str, _Member] = {}
        for node in self.expand_fragments(kind, selections):
            key = response_key(node)
            # Two fields of one key are one field, by validation; what is below them would have to be merged, and a
            # resolver can see how often its field is written.
            if key in found and (node.selection_set is not None or found[key].write is _pending):
                raise Unsupported
            found[key] = found.get(key) or self._member(kind, node, resolved)
        members = list(found.values())
        # One more than are needed, for with a single name `attrgetter` would return no tuple.
        values = attrgetter(*[member.attribute for member in members], "__class__")

        def write_object(source: Any) -> Any:
            written = {}
            for (key, _, plain, write), value in zip(members, values(source), strict=False):
                if type(value) in plain:
                    written[key] = value
                    continue
                written[key] = None if value is None else write(value)
                if written[key] is None:
                    raise Unsupported
            return written

        return write_object

    def _member(
        self, kind: graphql.GraphQLObjectType, node: FieldNode, resolved: list[ResolvedField] | None
    ) -> _Member:
        key, name = response_key(node), node.name.value
        if name == "__typename":
            return _Member(key, "__class__", (), lambda _source: kind.name)
        field = kind.fields[name]
        definition = strawberry_field(field)
        if definition is None or field.args:
            raise Unsupported
        if not definition.is_basic_field:
            if resolved is None or field.resolve is None:
                raise Unsupported
            write = self.compile(field.type, node.selection_set)
            resolved.append(ResolvedField(key, kind, node, field.type, field.resolve, write))
            return _Member(key, "__class__", (), _pending)
        nullable = graphql.get_nullable_type(field.type)
        plain = _PLAIN.get(nullable, ()) + (() if graphql.is_non_null_type(field.type) else (NoneType,))
        return _Member(key, definition.python_name, plain, self._compile(nullable, node.selection_set))


def _pending(_source: Any) -> Any:
    """In place of what a resolver below the root field has not returned yet."""
    return _pending


def response_key(node: FieldNode) -> str:
    """The alias, or else the name."""
    return node.alias.value if node.alias else node.name.value


def strawberry_field(field: graphql.GraphQLField) -> StrawberryField | None:
    """Strawberry's definition of a field of graphql-core's schema."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition if isinstance(definition, StrawberryField) else None
