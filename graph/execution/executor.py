"""Runs one GraphQL request: find its document, choose the operation, execute, and code every error.

graphql-core is called directly and Strawberry only builds the schema: `strawberry.Schema.execute` logs clients'
mistakes with their documents, and has no room for the checks in between.
"""

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import ExecutionResult, GraphQLError, MiddlewareManager, execute

from graph.errors import INTERNAL, CodedError, ErrorAction, ErrorCode
from graph.execution.documents import DocumentRefused, Documents, GraphQLRequest, ReadyDocument, redacted_message
from graph.execution.plan import Operation
from graph.execution.throttle import Throttle
from graph.security.errors import RateLimited
from graph.security.events import Client
from graph.security.rate_limit import TokenBuckets

_log = logging.getLogger(__name__)
_UNKNOWN: Final = Client("unknown", "")
_TOO_MANY: Final = "Too many documents that the server had not met: send what differs as variables."
_NOT_CHOSEN: Final = "operationName must choose exactly one operation of the document."


@dataclass(slots=True)
class GraphQLResponse:
    """`body` has no member `data` when nothing was executed; `operation` is None when none was chosen.

    `retry_after_ms` is the longest wait that an error asks for; `codes` are those of the errors, in their order. Not
    frozen, because that costs time.
    """

    body: dict[str, Any] = field(repr=False)
    operation: Operation | None
    retry_after_ms: int | None = None
    codes: tuple[str, ...] = ()


class MutationRefused(Exception):
    """The document asks for a mutation over a transport that carries queries only."""


@dataclass(slots=True, eq=False)
class Executor:
    """Executes GraphQL requests on the schema of its documents.

    `coded` gives the client's view of an exception that a resolver raised, or None for a defect. `unknown` holds how
    many documents an address may still send that have to be parsed.
    """

    documents: Documents
    coded: Callable[[BaseException], CodedError | None]
    unknown: TokenBuckets | None = None
    _throttle: Throttle = field(default_factory=Throttle, init=False)
    _validating: dict[str, asyncio.Event] = field(default_factory=dict, init=False)

    async def execute(
        self,
        request: GraphQLRequest,
        context: object,
        *,
        request_id: str,
        client: Callable[[], Client] = lambda: _UNKNOWN,
        mutations: bool = True,
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
                document = await self._find(request, client)
            except DocumentRefused as refused:
                return _failure(refused.errors, None, request_id)
        operation = document.operations.get(request.operation_name)
        if operation is None:
            unresolved = DocumentRefused(ErrorCode.OPERATION_RESOLUTION_FAILURE, GraphQLError(_NOT_CHOSEN))
            return _failure(unresolved.errors, None, request_id)
        if operation.kind == "mutation" and not mutations:
            raise MutationRefused
        planned = None if operation.plan is None else await operation.plan.run(context, request.variables)
        if isinstance(planned, dict):
            return GraphQLResponse({"data": planned}, operation)
        if not isinstance(planned, ExecutionResult):
            planned = await self._result(request, document, context, planned)
        if not planned.errors:
            return GraphQLResponse({"data": planned.data}, operation)
        if planned.data is None and all(error.path is None for error in planned.errors):
            invalid = DocumentRefused(ErrorCode.BAD_USER_INPUT, *planned.errors)
            return _failure(invalid.errors, operation, request_id)
        errors = [(error, self._code_of(error, request_id)) for error in planned.errors]
        return _failure(errors, operation, request_id, data=planned.data)

    async def _find(self, request: GraphQLRequest, client: Callable[[], Client]) -> ReadyDocument:
        """Raises `DocumentRefused` and `TrustedTextDiffers`."""
        text = request.query or ""
        # After a start many clients send the same few: each is validated once, at the cost of one of them.
        while not (known := self.documents.has_parsed(request)) and text in self._validating:
            await self._validating[text].wait()
        if known:
            return self.documents.find(request)
        validated = self._validating[text] = asyncio.Event()
        try:
            if self.unknown is not None:
                self.unknown.take(client())
            async with self._throttle.slot():
                return self.documents.find(request)
        except RateLimited as limited:
            wait = limited.retry_after_ms
            raise DocumentRefused(ErrorCode.RATE_LIMITED, GraphQLError(_TOO_MANY), retry_after_ms=wait) from None
        finally:
            del self._validating[text]
            validated.set()

    async def _result(
        self, request: GraphQLRequest, document: ReadyDocument, context: object, middleware: MiddlewareManager | None
    ) -> ExecutionResult:
        outcome = execute(
            self.documents.schema,
            document.node,
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
            middleware=middleware,
            max_coercion_errors=self.documents.limits.errors,
            hide_suggestions=self.documents.hide_suggestions,
        )
        return await outcome if inspect.isawaitable(outcome) else outcome

    def _code_of(self, error: GraphQLError, request_id: str) -> CodedError:
        original = error.original_error
        if original is None or isinstance(original, GraphQLError):
            # graphql-core's own verdict on an argument, reached only once the operation has begun.
            return CodedError(ErrorCode.BAD_USER_INPUT, redacted_message(error), ErrorAction.FIX_REQUEST)
        known = self.coded(original)
        if known is None:
            # Where it was raised, but not its message: that of an unforeseen exception may hold anything.
            frames = "".join(traceback.format_tb(original.__traceback__))
            reason = type(original).__name__
            _log.error("a resolver failed", extra={"request_id": request_id, "reason": reason, "frames": frames})
        return known or INTERNAL


def _failure(
    errors: list[tuple[GraphQLError, CodedError]], operation: Operation | None, request_id: str, **data: Any
) -> GraphQLResponse:
    formatted = [
        {**error.formatted, "message": known.message, "extensions": known.extensions(request_id)}
        for error, known in errors
    ]
    retry_after_ms = max((known.retry_after_ms or 0 for _, known in errors), default=0) or None
    codes = tuple(known.code.name for _, known in errors)
    return GraphQLResponse({"errors": formatted, **data}, operation, retry_after_ms, codes)
