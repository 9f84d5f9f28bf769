"""Runs one GraphQL request: find its document, choose the operation, execute, and code every error.

graphql-core is called directly and Strawberry only builds the schema: `strawberry.Schema.execute` logs clients'
mistakes with their documents, and has no room for the checks in between.
"""

import inspect
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, MiddlewareManager, execute

from graph.errors import INTERNAL, CodedError, ErrorAction, ErrorCode
from graph.execution.documents import DocumentRefused, Documents, GraphQLRequest, ReadyDocument, redacted_message
from graph.execution.plan import Fallback, Operation

_log = logging.getLogger(__name__)

_NOT_CHOSEN: Final = "operationName must choose exactly one operation of the document."


@dataclass(slots=True)
class GraphQLResponse:
    """`body` has no member `data` (`has_data` is false) when nothing was executed.

    `retry_after_ms` is the longest wait that an error asks for. `operation_kind` is query or mutation, None when no
    operation was chosen; `codes` are those of the errors, in their order. Not frozen, because that costs time.
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
    """Executes GraphQL requests on one schema. `max_errors` bounds the errors about wrong variables.

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
        self.documents = documents
        self._coded = coded
        self._hide_suggestions = hide_suggestions
        self._max_errors = max_errors

    async def execute(
        self, request: GraphQLRequest, context: object, *, request_id: str, mutations: bool = True
    ) -> GraphQLResponse:
        """The response to a request; whatever goes wrong is a coded error in it.

        Raises only `MutationRefused`, when `mutations` is false and the document asks for one, and
        `TrustedTextDiffers`.
        """
        cache = self.documents.cache
        document = cache.get(request.query) if request.document_id is None else None
        if document is not None:
            cache.move_to_end(request.query)
        else:
            try:
                document = self.documents.find(request)
            except DocumentRefused as refused:
                return _refusal(refused, request_id)
        operation = document.operations.get(request.operation_name)
        if operation is None:
            unresolved = DocumentRefused(ErrorCode.OPERATION_RESOLUTION_FAILURE, [GraphQLError(_NOT_CHOSEN)])
            return _refusal(unresolved, request_id)
        if operation.kind == "mutation" and not mutations:
            raise MutationRefused
        planned = Fallback() if operation.plan is None else await operation.plan.run(context, request.variables)
        if type(planned) is dict:
            return GraphQLResponse({"data": planned}, True, None, operation.name, operation.kind)
        result = (
            planned
            if isinstance(planned, ExecutionResult)
            else await self._result(request, document, context, cast("Fallback", planned).middleware)
        )
        return self._response(result, request_id, operation)

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

    def _response(self, result: ExecutionResult, request_id: str, operation: Operation) -> GraphQLResponse:
        if not result.errors:
            return GraphQLResponse({"data": result.data}, True, None, operation.name, operation.kind)
        if result.data is None and all(error.path is None for error in result.errors):
            refused = DocumentRefused(ErrorCode.BAD_USER_INPUT, result.errors)
            return _refusal(refused, request_id, operation)
        known = [(error, self._code_of(error, request_id)) for error in result.errors]
        body = {"errors": [_formatted(*error, request_id) for error in known], "data": result.data}
        retry_after_ms = max((error.retry_after_ms or 0 for _, error in known), default=0) or None
        return GraphQLResponse(body, True, retry_after_ms, operation.name, operation.kind, _codes(known))

    def _code_of(self, error: GraphQLError, request_id: str) -> CodedError:
        original = error.original_error
        if original is None or isinstance(original, GraphQLError):
            # graphql-core's own verdict on an argument, reached only once the operation has begun.
            return CodedError(ErrorCode.BAD_USER_INPUT, redacted_message(error), ErrorAction.FIX_REQUEST)
        known = self._coded(original)
        if known is None:
            # Where it was raised, but not its message: that of an unforeseen exception may hold anything.
            frames = "".join(traceback.format_tb(original.__traceback__))
            _log.error(
                "a resolver failed",
                extra={"request_id": request_id, "reason": type(original).__name__, "frames": frames},
            )
        return known or INTERNAL


def _refusal(refused: DocumentRefused, request_id: str, operation: Operation | None = None) -> GraphQLResponse:
    name, kind = (operation.name, operation.kind) if operation else (None, None)
    body = {"errors": [_formatted(*error, request_id) for error in refused.errors]}
    return GraphQLResponse(body, False, None, name, kind, _codes(refused.errors))


def _codes(errors: list[tuple[GraphQLError, CodedError]]) -> tuple[str, ...]:
    return tuple(known.code.name for _, known in errors)


def _formatted(error: GraphQLError, known: CodedError, request_id: str) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": known.message}
    if error.locations:
        formatted["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        formatted["path"] = error.path
    formatted["extensions"] = known.extensions(request_id)
    return formatted
