"""Keeps the newest documents ready: parsing and validating one takes ten times as long as running it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, get_operation_ast

from graph.execution.plan import Plan, plan_of

# A parsed token takes some 400 bytes.
_BYTES_PER_TOKEN: Final = 400
MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document; `plan` where it is plain."""

    node: OperationDefinitionNode
    plan: Plan | None
    name: str | None
    kind: str


class ReadyDocument:
    """A valid document and, once they were asked for, its operations; without `plans` graphql-core runs them all."""

    __slots__ = ("_operations", "_plans", "_schema", "node")

    def __init__(self, schema: GraphQLSchema, node: DocumentNode, *, plans: bool) -> None:
        self.node = node
        self._schema = schema
        self._plans = plans
        self._operations: dict[str | None, Operation] = {}

    def operation(self, name: str | None) -> Operation | None:
        """The operation of this name, or the only one; None when the name does not choose exactly one."""
        known = self._operations.get(name)
        if known is None:
            node = get_operation_ast(self.node, name)
            if node is None:
                return None
            plan = plan_of(self._schema, self.node, node) if self._plans else None
            own_name = node.name.value if node.name else None
            known = self._operations[name] = Operation(node, plan, own_name, node.operation.value)
        return known


class KeptDocuments:
    """Documents by their text, so many bytes of them; the ones that were not asked for longest go first.

    Only what `make` returns is kept: whatever it raises for a bad document takes no good one's place.
    """

    def __init__(self, make: Callable[[str], ReadyDocument], most_bytes: int = MOST_BYTES) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, ReadyDocument] = OrderedDict()

    def __call__(self, text: str) -> ReadyDocument:
        """The document with this text. Raises what `make` raises."""
        known = self._documents.get(text)
        if known is not None:
            self._documents.move_to_end(text)
            return known
        made = self._documents[text] = self._make(text)
        self._bytes += _size(text, made)
        while self._bytes > self._most_bytes:
            self._bytes -= _size(*self._documents.popitem(last=False))
        return made


def _size(text: str, document: ReadyDocument) -> int:
    return 4 * len(text) + _BYTES_PER_TOKEN * document.node.token_count
