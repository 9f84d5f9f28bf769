"""How large a document may be: measured in one pass, before anything walks it again and again.

graphql-core's validation, and the limiters that Strawberry ships, follow every path through a document's fragments; a
kilobyte of fragments that spread each other twice keeps them busy for longer than any client waits. Here each fragment
is measured once and its sizes are added wherever it is spread: the work is linear, however large the sizes become.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
)
from pydantic import BaseModel, Field

_META_FIELDS: Final = frozenset({"__schema", "__type", "__typename"})


class DocumentTooLarge(Exception):
    """`str()` names the limit, fit for the client."""


@dataclass(slots=True)
class DocumentSize:
    """What a document, or a selection set, has; what stands in a fragment counts wherever it is spread."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    introspection_only: bool = True
    # The fields of a selection set's own level; of a document, the most that one of its mutations would run.
    mutation_fields: int = 0
    # Of documents alone.
    tokens: int = 0
    operations: int = 0
    fragments: int = 0

    def add(self, other: "DocumentSize") -> None:
        """Another selection on the same level."""
        self.depth = max(self.depth, other.depth)
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        self.mutation_fields += other.mutation_fields
        self.introspection_only &= other.introspection_only


class DocumentLimits(BaseModel, frozen=True):
    """The most that a document may have."""

    tokens: int = Field(400, ge=10, description="Tokens of a document.")
    characters: int = Field(8_192, ge=10, description="Characters of a document.")
    depth: int = Field(12, ge=1, description="Levels of fields in a document.")
    aliases: int = Field(15, ge=0, description="Aliases of a document, fragments counted wherever they are spread.")
    fields: int = Field(100, ge=1, description="Fields of a document, counted likewise.")
    directives: int = Field(9, ge=0, description="Directives of a document, counted likewise.")
    fragments: int = Field(15, ge=0, description="Fragments of a document.")
    operations: int = Field(5, ge=1, description="Operations of a document.")
    errors: int = Field(5, ge=1, description="Validation errors that a response lists.")
    # No setting: a second login in one request would be a second guess at a code for the price of one.
    mutation_fields: ClassVar[int] = 1

    def require(self, size: DocumentSize) -> None:
        """Raises `DocumentTooLarge` unless everything is within its limit."""
        for what in _COUNTED:
            most = getattr(self, what)
            if getattr(size, what) > most:
                msg = f"The document is too large: {what.replace('_', ' ')} may be {most} at most."
                raise DocumentTooLarge(msg)

    def with_room_for_introspection(self) -> Self:
        """At least what the introspection queries of GraphiQL, code generators and Apollo need."""
        room = {"tokens": 2_000, "characters": 32 * 1024, "depth": 24, "fields": 2_000}
        return self.model_copy(update={name: max(getattr(self, name), least) for name, least in room.items()})


_COUNTED: Final = ("tokens", "operations", "fragments", "mutation_fields", "depth", "aliases", "fields", "directives")


def measure(document: DocumentNode) -> DocumentSize:
    """The size of a parsed document. Survives unknown, unused and circular fragments, which validation refuses."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    gauge = _Gauge(fragments)
    size = DocumentSize(tokens=document.token_count)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            part = gauge.operation(node)
            size.operations += 1
            size.introspection_only &= part.introspection_only
            if node.operation is OperationType.MUTATION:
                size.mutation_fields = max(size.mutation_fields, part.mutation_fields)
        elif isinstance(node, FragmentDefinitionNode):
            # An unused fragment costs validation as much as a used one.
            part = gauge.fragment(node.name.value)
            size.fragments += 1
        else:
            continue  # a type definition, which validation refuses
        for what in ("depth", "fields", "aliases", "directives"):
            setattr(size, what, max(getattr(size, what), getattr(part, what)))
    return size


class _Gauge:
    """Measures each fragment once."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._measured: dict[str, DocumentSize] = {}

    def operation(self, node: OperationDefinitionNode) -> DocumentSize:
        size = self._selection_set(node.selection_set)
        size.directives += len(node.directives or ())
        size.directives += sum(len(variable.directives or ()) for variable in node.variable_definitions or ())
        return size

    def fragment(self, name: str) -> DocumentSize:
        if name not in self._measured:
            # Stands in for the fragment while it is being measured, should it contain itself.
            self._measured[name] = DocumentSize()
            node = self._fragments.get(name)
            if node is not None:
                size = self._selection_set(node.selection_set)
                size.directives += len(node.directives or ())
                self._measured[name] = size
        return self._measured[name]

    def _selection_set(self, node: SelectionSetNode) -> DocumentSize:
        size = DocumentSize()
        for selection in node.selections:
            size.add(self._selection(selection))
            size.directives += len(selection.directives or ())
        return size

    def _selection(self, node: SelectionNode) -> DocumentSize:
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            return self._selection_set(node.selection_set)
        assert isinstance(node, FieldNode)  # noqa: S101 - the third and last kind
        below = self._selection_set(node.selection_set) if node.selection_set else DocumentSize()
        return DocumentSize(
            depth=below.depth + 1,
            fields=below.fields + 1,
            aliases=below.aliases + (node.alias is not None),
            directives=below.directives,
            mutation_fields=1,
            introspection_only=node.name.value in _META_FIELDS,
        )
