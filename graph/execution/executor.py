"""Runs one GraphQL request: find its document, choose the operation, execute, and code every error.

graphql-core is called directly and Strawberry only builds the schema: `strawberry.Schema.execute` logs clients'
mistakes with their documents, and has no room for the checks in between.
"""

import inspect
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    MiddlewareManager,
    OperationType,
    execute,
)

from graph.errors import INTERNAL, CodedError, ErrorAction, ErrorCode
from graph.execution.document_cache import Operation, ReadyDocument
from graph.execution.documents import DocumentRefused, Documents, GraphQLRequest, discreet
from graph.execution.plan import Deviation

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class GraphQLResponse:
    """The answer's members. `data` is absent (`has_data` false) when nothing was executed.

    Like a request, not frozen for its price alone.

    `retry_after_ms`: when an error says so, what the client should wait. `operation_kind` is query or mutation, None
    when no operation was chosen; `codes` are those of the errors, in their order.
    """

    body: dict[str, Any] = field(repr=False)
    has_data: bool
    retry_after_ms: int | None = None
    operation_name: str | None = None
    operation_kind: str | None = None
    codes: tuple[str, ...] = ()


class MutationRefused(Exception):
    """The document asks for a mutation over a transport that carries queries only."""


class Executor:
    """Answers GraphQL requests from one schema. `max_errors` bounds what is said about wrong variables.

    `coded` gives the client's view of an exception that a resolver raised, or None for a defect.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        documents: Documents,
        *,
        coded: Callable[[BaseException], CodedError | None],
        hide_suggestions: bool,
        max_errors: int,
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._coded = coded
        self._hide_suggestions = hide_suggestions
        self._max_errors = max_errors

    def trusted_operations(self) -> Iterator[str]:
        """See `Documents.trusted_operations`."""
        return self._documents.trusted_operations()

    async def execute(
        self, request: GraphQLRequest, context: object, *, request_id: str, mutations: bool = True
    ) -> GraphQLResponse:
        """The response to a request; whatever goes wrong is a coded error in it.

        Raises only `MutationRefused`, when `mutations` is false and the document asks for one, and
        `TrustedTextDiffers`.
        """
        try:
            document, operation = self._chosen(request)
        except DocumentRefused as refused:
            return _refusal(refused.errors, request_id)
        if operation.node.operation is OperationType.MUTATION and not mutations:
            raise MutationRefused
        planned = Deviation() if operation.plan is None else await operation.plan.run(context, request.variables)
        if type(planned) is dict:
            return GraphQLResponse({"data": planned}, True, None, operation.name, operation.kind)
        result = (
            planned
            if isinstance(planned, ExecutionResult)
            else await self._result(request, document, context, cast("Deviation", planned).middleware)
        )
        response = self._response(result, request_id)
        return replace(response, operation_name=operation.name, operation_kind=operation.kind)

    async def _result(
        self, request: GraphQLRequest, document: ReadyDocument, context: object, middleware: MiddlewareManager | None
    ) -> ExecutionResult:
        outcome = execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
            middleware=middleware,
            max_coercion_errors=self._max_errors,
            hide_suggestions=self._hide_suggestions,
        )
        return await outcome if inspect.isawaitable(outcome) else outcome

    def _chosen(self, request: GraphQLRequest) -> tuple[ReadyDocument, Operation]:
        document = self._documents.find(request)
        operation = document.operation(request.operation_name)
        if operation is None:
            unresolved = GraphQLError("operationName must choose exactly one operation of the document.")
            raise DocumentRefused(ErrorCode.OPERATION_RESOLUTION_FAILURE, [unresolved])
        return document, operation

    def _response(self, result: ExecutionResult, request_id: str) -> GraphQLResponse:
        if not result.errors:
            return GraphQLResponse({"data": result.data}, has_data=True)
        if result.data is None and all(error.path is None for error in result.errors):
            return _refusal(DocumentRefused(ErrorCode.BAD_USER_INPUT, result.errors).errors, request_id)
        known = [(error, self._code_of(error, request_id)) for error in result.errors]
        errors = [_formatted(*error, request_id) for error in known]
        retry_after_ms = max((error.retry_after_ms or 0 for _, error in known), default=0) or None
        return GraphQLResponse({"errors": errors, "data": result.data}, True, retry_after_ms, codes=_codes(known))

    def _code_of(self, error: GraphQLError, request_id: str) -> CodedError:
        original = error.original_error
        if original is None or isinstance(original, GraphQLError):
            # graphql-core's own verdict on an argument, reached only when the operation was under way.
            return CodedError(ErrorCode.BAD_USER_INPUT, discreet(error), ErrorAction.FIX_REQUEST)
        known = self._coded(original)
        if known is None:
            # Where it happened, but not what it said: the text of an unforeseen exception may hold anything.
            frames = "".join(traceback.format_tb(original.__traceback__))
            _log.error(
                "a resolver failed",
                extra={"request_id": request_id, "reason": type(original).__name__, "frames": frames},
            )
        return known or INTERNAL


def _refusal(errors: list[tuple[GraphQLError, CodedError]], request_id: str) -> GraphQLResponse:
    formatted = [_formatted(*error, request_id) for error in errors]
    return GraphQLResponse({"errors": formatted}, has_data=False, codes=_codes(errors))


def _codes(errors: list[tuple[GraphQLError, CodedError]]) -> tuple[str, ...]:
    return tuple(known.code.name for _, known in errors)


def _formatted(error: GraphQLError, known: CodedError, request_id: str) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": known.message}
    if error.locations:
        formatted["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        formatted["path"] = error.path
    formatted["extensions"] = known.extensions(request_id)
    return formatted
