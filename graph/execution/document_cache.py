"""Keeps the newest documents ready: parsing and validating one takes ten times as long as running it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode

from graph.execution.plan import Plan, plan_of

# A parsed token takes some 400 bytes.
_BYTES_PER_TOKEN: Final = 400
MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document; `plan` is None where graphql-core has to run it."""

    plan: Plan | None
    name: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class ReadyDocument:
    """A valid document. `operations` are by name; the only one of a document is under None as well."""

    node: DocumentNode
    operations: Mapping[str | None, Operation]

    @classmethod
    def of(cls, schema: GraphQLSchema, node: DocumentNode, *, plans: bool) -> "ReadyDocument":
        operations: dict[str | None, Operation] = {}
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                plan = plan_of(schema, node, definition) if plans else None
                name = definition.name.value if definition.name else None
                operations[name] = Operation(plan, name, definition.operation.value)
        if len(operations) == 1:
            [operations[None]] = operations.values()
        return cls(node, operations)


class DocumentCache:
    """Documents by their text, at most `most_bytes` of them; the least recently used go first.

    Only what `make` returns is cached: a document for which it raises displaces no valid one.
    """

    def __init__(self, make: Callable[[str], ReadyDocument], most_bytes: int = MOST_BYTES) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, ReadyDocument] = OrderedDict()

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, text: str) -> ReadyDocument:
        """The document with this text. Raises what `make` raises."""
        cached = self._documents.get(text)
        if cached is not None:
            self._documents.move_to_end(text)
            return cached
        made = self._documents[text] = self._make(text)
        self._bytes += _size(text, made)
        while self._bytes > self._most_bytes:
            self._bytes -= _size(*self._documents.popitem(last=False))
        return made


def _size(text: str, document: ReadyDocument) -> int:
    return 4 * len(text) + _BYTES_PER_TOKEN * document.node.token_count
