"""Runs one GraphQL request: parse, validate, choose the operation, execute, and code every error.

graphql-core is called directly and Strawberry only builds the schema: `strawberry.Schema.execute` logs clients'
mistakes with their documents, and has no room for the checks in between.

A trusted document is parsed and validated once, when the server is put together, and is only executed after that.
"""

import inspect
import logging
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    execute,
    get_operation_ast,
    parse,
    print_ast,
    specified_rules,
    validate,
)

from graph.schema.context import Context
from graph.schema.errors import INTERNAL, CodedError, ErrorAction, ErrorCode, coded
from graph.schema.limits import INTROSPECTION_LIMITS, DocumentTooLarge, Limits, measure
from graph.schema.trusted import TrustedDocument, TrustedDocuments, TrustedDocumentsError

_log = logging.getLogger(__name__)

MAX_ERRORS: Final = 5
# How graphql-core's parser describes a value that stands where none may be.
_QUOTED_VALUE: Final = re.compile(r"\b(String|BlockString|Int|Float) '.*'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed request, not yet parsed: a document, or the id of a trusted one, or both."""

    query: str | None = field(repr=False)
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    operation_name: str | None = None
    document_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GraphQLResponse:
    """The answer's members. `data` is absent (`has_data` false) when nothing was executed."""

    body: dict[str, Any] = field(repr=False)
    has_data: bool


class MutationRefused(Exception):
    """The document asks for a mutation over a transport that carries queries only."""


class TrustedTextDiffers(Exception):
    """The request names a trusted document by its id, and sends another text along."""


def graphql_core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside Strawberry's, which has no public name for it; pinned by a test."""
    return schema._schema  # noqa: SLF001


class Executor:
    """Answers GraphQL requests from one schema.

    With `trusted` a request may name a document instead of sending it; with `trusted_only` it must, and no other text
    runs. No request ever adds a document. Raises `TrustedDocumentsError` when a trusted document could not be executed.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        introspection: bool,
        limits: Limits | None = None,
        trusted: TrustedDocuments | None = None,
        trusted_only: bool = False,
    ) -> None:
        if trusted_only and trusted is None:
            msg = "Nothing but trusted documents is to run, and there are none: name their file."
            raise TrustedDocumentsError(msg)
        self._schema = graphql_core_schema(schema)
        self._rules = [*specified_rules, *([] if introspection else [NoSchemaIntrospectionCustomRule])]
        self._hide_suggestions = not introspection
        self._limits = limits or Limits()
        self._introspection_limits = INTROSPECTION_LIMITS if introspection else self._limits
        self._trusted = trusted
        self._trusted_only = trusted_only
        self._trusted_by_id = {document.id: self._checked(document) for document in trusted or ()}

    async def execute(
        self, request: GraphQLRequest, context: Context, *, request_id: str, mutations: bool = True
    ) -> GraphQLResponse:
        """The response to a request; whatever goes wrong is a coded error in it.

        Raises only `MutationRefused`, when `mutations` is false and the document asks for one, and
        `TrustedTextDiffers`.
        """
        try:
            document, operation = self._prepare(request)
        except _RequestErrors as refused:
            return _refusal(refused.errors, request_id)
        if operation.operation is OperationType.MUTATION and not mutations:
            raise MutationRefused
        outcome = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
            max_coercion_errors=MAX_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )
        result = await outcome if inspect.isawaitable(outcome) else outcome
        return _response(result, request_id)

    def _prepare(self, request: GraphQLRequest) -> tuple[DocumentNode, OperationDefinitionNode]:
        document = self._document(request)
        operation = get_operation_ast(document, request.operation_name)
        if operation is None:
            unresolved = GraphQLError("operationName must choose exactly one operation of the document.")
            raise _RequestErrors(ErrorCode.OPERATION_RESOLUTION_FAILURE, [unresolved])
        return document, operation

    def _document(self, request: GraphQLRequest) -> DocumentNode:
        """The trusted document that the request names, or the one that it sends."""
        named = request.document_id
        trusted = self._trusted.find(named) if self._trusted is not None and named is not None else None
        if trusted is not None:
            if request.query is not None and request.query != trusted.text:
                raise TrustedTextDiffers
            return self._trusted_by_id[trusted.id]
        if request.query is not None and not self._trusted_only:
            return self._validated(request.query)
        if named is None:
            msg = "This server runs trusted documents only: name one by documentId."
            raise _RequestErrors(ErrorCode.PERSISTED_QUERY_ID_REQUIRED, [GraphQLError(msg)])
        # Apollo's and urql's clients know these two by their messages.
        if self._trusted is None:
            unsupported = GraphQLError("PersistedQueryNotSupported")
            raise _RequestErrors(ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, [unsupported])
        raise _RequestErrors(ErrorCode.PERSISTED_QUERY_NOT_FOUND, [GraphQLError("PersistedQueryNotFound")])

    def _checked(self, trusted: TrustedDocument) -> DocumentNode:
        """A trusted document, ready to be executed. Raises `TrustedDocumentsError`."""
        try:
            return self._validated(trusted.text)
        except _RequestErrors as refused:
            _, reason = refused.errors[0]
            msg = f'The trusted document "{trusted.id}" does not fit this server: {reason.message}'
            raise TrustedDocumentsError(msg) from None

    def _validated(self, query: str) -> DocumentNode:
        document = self._parsed(query)
        invalid = validate(
            self._schema, document, self._rules, max_errors=MAX_ERRORS, hide_suggestions=self._hide_suggestions
        )
        if invalid:
            raise _RequestErrors(ErrorCode.GRAPHQL_VALIDATION_FAILED, invalid)
        return document

    def _parsed(self, query: str) -> DocumentNode:
        """The document, of a size that is safe to validate and to execute."""
        most = self._introspection_limits
        try:
            document = parse(
                query,
                max_lexical_tokens=most.tokens,
                max_comments=most.tokens,
                max_source_length=most.characters,
            )
            size = measure(document)
            (most if size.introspection_only else self._limits).require(size)
        except GraphQLSyntaxError as error:
            raise _RequestErrors(ErrorCode.GRAPHQL_PARSE_FAILED, [error]) from None
        except DocumentTooLarge as error:
            raise _RequestErrors(ErrorCode.DOCUMENT_TOO_LARGE, [GraphQLError(str(error))]) from None
        return document


class _RequestErrors(Exception):
    """What is wrong with a request, as graphql-core says it, under one code."""

    def __init__(self, code: ErrorCode, errors: list[GraphQLError]) -> None:
        super().__init__(code)
        self.errors = [(error, CodedError(code, _discreet(error), ErrorAction.FIX_REQUEST)) for error in errors]


def _discreet(error: GraphQLError) -> str:
    """graphql-core's message without the values that it quotes: they may be a login code or a token."""
    if isinstance(error, GraphQLSyntaxError):
        return _QUOTED_VALUE.sub(r"\1", error.message)
    node = error.nodes[0] if error.nodes else None
    value_is_wrong = " has invalid " in error.message and not error.message.endswith(" to be provided.")
    if isinstance(node, VariableDefinitionNode) and value_is_wrong:
        return f'Variable "${node.variable.name.value}" does not hold a value of type "{print_ast(node.type)}".'
    if isinstance(node, ValueNode) and not isinstance(node, VariableNode):
        return error.message.partition(", found ")[0] if ", found " in error.message else "A literal has a wrong type."
    return error.message


def _refusal(errors: list[tuple[GraphQLError, CodedError]], request_id: str) -> GraphQLResponse:
    return GraphQLResponse({"errors": [_formatted(*error, request_id) for error in errors]}, has_data=False)


def _response(result: ExecutionResult, request_id: str) -> GraphQLResponse:
    if not result.errors:
        return GraphQLResponse({"data": result.data}, has_data=True)
    if result.data is None and all(error.path is None for error in result.errors):
        return _refusal(_RequestErrors(ErrorCode.BAD_USER_INPUT, result.errors).errors, request_id)
    errors = [_formatted(error, _code_of(error, request_id), request_id) for error in result.errors]
    return GraphQLResponse({"errors": errors, "data": result.data}, has_data=True)


def _code_of(error: GraphQLError, request_id: str) -> CodedError:
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        # graphql-core's own verdict on an argument, reached only when the operation was under way.
        return CodedError(ErrorCode.BAD_USER_INPUT, _discreet(error), ErrorAction.FIX_REQUEST)
    known = coded(original)
    if known is None:
        # Where it happened, but not what it said: the text of an unforeseen exception may hold anything.
        frames = "".join(traceback.format_tb(original.__traceback__))
        _log.error(
            "a resolver failed",
            extra={"request_id": request_id, "reason": type(original).__name__, "frames": frames},
        )
    return known or INTERNAL


def _formatted(error: GraphQLError, known: CodedError, request_id: str) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": known.message}
    if error.locations:
        formatted["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        formatted["path"] = error.path
    formatted["extensions"] = known.extensions(request_id)
    return formatted
