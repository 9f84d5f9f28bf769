"""The plain case of an operation, prepared once for each cached document: one root field with plain fields below it.

What graphql-core finds out anew for every request (which fields, from which attributes, written how) is the same for
all requests with the same document. A plan holds it as nested functions; a request then runs the root field's resolver
and those of the object that it returns, if any of them has one, and fills a dictionary. Whatever is not plain (a
directive, an argument below the root, a null where none may be, a value that cannot be written) is left to
graphql-core, which is given what the root field's resolver returned: that one never runs twice, others only read, and
every error is graphql-core's own. The server is the same without this file, and slower.
"""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Final, cast

from graphql import ExecutionResult, GraphQLError, GraphQLField, GraphQLNonNull, GraphQLSchema, MiddlewareManager
from graphql.error import located_error
from graphql.execution import get_argument_values, get_variable_values
from graphql.language import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode
from graphql.pyutils import Path
from graphql.type import GraphQLResolveInfo, GraphQLResolveInfoHelpers
from strawberry import Info

from graph.execution.compiler import Compiler, ResolvedField, Unsupported, response_key, strawberry_field

_NO_ARGUMENTS: Final[dict[str, Any]] = {}


class Plan:
    """How to run one operation of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        """Raises `Unsupported` where the operation is not plain."""
        root = schema.get_root_type(operation.operation)
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        compiler = Compiler(fragments)
        nodes = compiler.expand_fragments(root, operation.selection_set) if root else []
        if root is None or operation.directives or len(nodes) != 1 or nodes[0].name.value not in root.fields:
            raise Unsupported
        [self._node] = nodes
        self._field = root.fields[self._node.name.value]
        if self._field.resolve is None:
            raise Unsupported
        self._resolve = _resolver(self._field) or self._field.resolve
        self._key = response_key(self._node)
        resolved: list[ResolvedField] = []
        self._write = compiler.compile(self._field.type, self._node.selection_set, resolved)
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        path = Path(None, self._key, root.name)
        # The members of GraphQLResolveInfo around the two that differ from request to request. The last would note
        # resolvers that go on after their field has failed; none here does.
        name, kind = self._node.name.value, self._field.type
        in_all = (schema, fragments, None, operation)
        self._before = (name, nodes, kind, root, path, *in_all)
        self._below = [(field, (*_place(field, path), *in_all)) for field in resolved]
        self._after = (inspect.isawaitable, None, GraphQLResolveInfoHelpers(_gathered, lambda _values: None))
        self._no_variables = get_variable_values(schema, (), {})

    async def run(
        self, context: object, variables: Mapping[str, Any]
    ) -> dict[str, Any] | ExecutionResult | MiddlewareManager | None:
        """`data` of the response, or the result of a root field that failed.

        Or else the request is for graphql-core, with a middleware that hands it what the resolver returned or raised.
        """
        values, arguments = self._no_variables, _NO_ARGUMENTS
        if self._definitions:
            values = get_variable_values(self._schema, self._definitions, dict(variables))
        if isinstance(values, list):
            return None
        if self._field.args:
            try:
                arguments = get_argument_values(self._field, self._node, values)
            except GraphQLError:
                return None
        info: GraphQLResolveInfo[Any] = GraphQLResolveInfo._make((*self._before, values, context, *self._after))
        try:
            returned = self._resolve(None, info, **arguments)
            if type(returned) is CoroutineType or inspect.isawaitable(returned):
                returned = await returned
        except GraphQLError as error:
            return _fallback(error)
        except Exception as error:
            # A refusal must not cost more than a success: a server refuses most when it is busiest.
            data = None if isinstance(self._field.type, GraphQLNonNull) else {self._key: None}
            return ExecutionResult(data, [located_error(error, [self._node], [self._key])])
        try:
            written = self._write(returned)
            if self._below and written is not None:
                await self._resolve_below(returned, written, values, context)
        except Exception:
            return _fallback(returned)
        return {self._key: written}

    async def _resolve_below(self, source: object, written: dict[str, Any], values: object, context: object) -> None:
        for field, before in self._below:
            info: GraphQLResolveInfo[Any] = GraphQLResolveInfo._make((*before, values, context, *self._after))
            returned = field.resolve(source, info)
            written[field.key] = field.write(await returned if inspect.isawaitable(returned) else returned)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document; `plan` is None where graphql-core has to run it."""

    plan: Plan | None
    name: str | None
    kind: str


def operations_of(schema: GraphQLSchema, document: DocumentNode, *, plans: bool) -> dict[str | None, Operation]:
    """The operations of a valid document by name; an only one is under None as well."""
    operations: dict[str | None, Operation] = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            name, plan = node.name.value if node.name else None, None
            if plans:
                with contextlib.suppress(Unsupported):
                    plan = Plan(schema, document, node)
            operations[name] = Operation(plan, name, node.operation.value)
    if len(operations) == 1:
        [operations[None]] = operations.values()
    return operations


def _resolver(field: GraphQLField) -> Callable[..., Any] | None:
    """The resolver itself, where Strawberry's wrapper would only pass it `self` and `info`.

    The wrapper also runs extensions and exception handlers; the latter are a schema's, and none here has any.
    """
    definition = strawberry_field(field)
    resolver = definition.base_resolver if definition and not definition.extensions and not field.args else None
    if definition is None or resolver is None or resolver.root_parameter or resolver.parent_parameter:
        return None
    function: Callable[..., Any] = cast("Any", resolver.wrapped_func)
    itself = (None,) if resolver.self_parameter else ()
    if resolver.info_parameter is None:
        return lambda _root, _info: function(*itself)
    name = resolver.info_parameter.name
    return lambda _root, info: function(*itself, **{name: Info(info, definition)})


def _fallback(outcome: object) -> MiddlewareManager:
    def replay(next_: Callable[..., Any], root: object, info: GraphQLResolveInfo[Any], **arguments: object) -> object:
        if info.path.prev is not None:
            return next_(root, info, **arguments)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return MiddlewareManager(replay)


def _place(field: ResolvedField, path: Path) -> tuple[object, ...]:
    """The members of GraphQLResolveInfo that are a field's own."""
    here = path.add_key(field.key, field.parent.name)
    return field.node.name.value, [field.node], field.kind, field.parent, here


async def _gathered(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*awaitables)
