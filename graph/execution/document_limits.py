"""How large a document may be: measured in one pass, before anything walks it again and again.

graphql-core's validation, and the limiters that Strawberry ships, follow every path through a document's fragments; a
kilobyte of fragments that spread each other twice keeps them busy for longer than any client waits. Here each fragment
is measured once and its sizes are added wherever it is spread: the work is linear, however large the sizes become.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from graphql import language as ast
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
    """The most that a document may have, all its operations together, for each is validated."""

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
        counted = ("tokens", "operations", "fragments", "mutation_fields", "depth", "aliases", "fields", "directives")
        for what in counted:
            most = getattr(self, what)
            if getattr(size, what) > most:
                msg = f"The document is too large: {what.replace('_', ' ')} may be {most} at most."
                raise DocumentTooLarge(msg)

    def with_room_for_introspection(self) -> Self:
        """At least what the introspection queries of GraphiQL, code generators and Apollo need."""
        room = {"tokens": 2_000, "characters": 32 * 1024, "depth": 24, "fields": 2_000}
        return self.model_copy(update={name: max(getattr(self, name), least) for name, least in room.items()})


def measure(document: ast.DocumentNode) -> DocumentSize:
    """The size of a parsed document. Survives unknown, unused and circular fragments, which validation refuses."""
    gauge = _Gauge(document)
    total, mutation_fields = DocumentSize(tokens=document.token_count), 0
    for node in document.definitions:
        if isinstance(node, ast.OperationDefinitionNode):
            size = gauge.size(node)
            size.directives += sum(len(variable.directives or ()) for variable in node.variable_definitions or ())
            total.operations += 1
            total.add(size)
            if node.operation is ast.OperationType.MUTATION:
                mutation_fields = max(mutation_fields, size.mutation_fields)
    for node in document.definitions:
        if isinstance(node, ast.FragmentDefinitionNode):
            total.fragments += 1
            # One that is unused, or has the name of another, costs validation as much as a used one.
            if id(node) not in gauge.measured:
                total.add(gauge.fragment(node))
    total.mutation_fields = mutation_fields
    return total


class _Gauge:
    """Measures each fragment once."""

    def __init__(self, document: ast.DocumentNode) -> None:
        nodes = [node for node in document.definitions if isinstance(node, ast.FragmentDefinitionNode)]
        self._fragments = {node.name.value: node for node in nodes}
        self.measured: dict[int, DocumentSize] = {}  # by the identity of the node: names can be repeated

    def fragment(self, node: ast.FragmentDefinitionNode) -> DocumentSize:
        if id(node) not in self.measured:
            # Stands in for the fragment while it is being measured, should it contain itself.
            self.measured[id(node)] = DocumentSize()
            self.measured[id(node)] = self.size(node)
        return self.measured[id(node)]

    def size(self, node: ast.ExecutableDefinitionNode | ast.SelectionNode) -> DocumentSize:
        size = DocumentSize(directives=len(node.directives or ()))
        if isinstance(node, ast.FragmentSpreadNode):
            if node.name.value in self._fragments:
                size.add(self.fragment(self._fragments[node.name.value]))
            return size
        assert isinstance(node, (ast.ExecutableDefinitionNode, ast.FieldNode, ast.InlineFragmentNode))  # noqa: S101
        for selection in node.selection_set.selections if node.selection_set else ():
            size.add(self.size(selection))
        if isinstance(node, ast.FieldNode):
            size.depth += 1
            size.fields += 1
            size.aliases += node.alias is not None
            size.mutation_fields = 1
            size.introspection_only = node.name.value in _META_FIELDS
        return size
