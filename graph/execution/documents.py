"""Finds the document that a request wants to run, parsed, validated and of a bounded size.

A trusted document is parsed and validated once, at startup; any other when it is not in the cache: both take ten times
as long as running it.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError, GraphQLSchema, GraphQLSyntaxError, NoSchemaIntrospectionCustomRule, specified_rules
from graphql import language as ast
from graphql.validation import validate

from graph.errors import CodedError, ErrorAction, ErrorCode
from graph.execution.document_limits import DocumentLimits, DocumentTooLarge, measure
from graph.execution.plan import Operation, operations_of
from graph.execution.trusted_documents import TrustedDocument, TrustedDocuments, TrustedDocumentsError

# How graphql-core's parser describes a value that stands where none may be.
_QUOTED_VALUE: Final = re.compile(r"\b(String|BlockString|Int|Float) '.*'", re.DOTALL)
# A parsed token takes some 400 bytes.
_BYTES_PER_TOKEN: Final = 400
MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(slots=True)
class GraphQLRequest:
    """A well-formed request, not yet parsed: a document, or the id of a trusted one, or both.

    Immutable by convention: a frozen dataclass takes three times as long to make.
    """

    query: str | None = field(repr=False)
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    operation_name: str | None = None
    document_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ReadyDocument:
    """A valid document, and how many bytes of memory it takes."""

    node: ast.DocumentNode
    operations: Mapping[str | None, Operation]
    bytes: int


class TrustedTextDiffers(Exception):
    """The request names a trusted document by its id, and sends another text along."""


class DocumentRefused(Exception):
    """What is wrong with a document or its variables, in graphql-core's words, under one code."""

    def __init__(self, code: ErrorCode, *errors: GraphQLError, retry_after_ms: int | None = None) -> None:
        super().__init__(code)
        action = ErrorAction.FIX_REQUEST if retry_after_ms is None else ErrorAction.WAIT
        self.errors = [(error, CodedError(code, redacted_message(error), action, retry_after_ms)) for error in errors]


def redacted_message(error: GraphQLError) -> str:
    """graphql-core's message without the values that it quotes: they may be a login code or a token."""
    if isinstance(error, GraphQLSyntaxError):
        return _QUOTED_VALUE.sub(r"\1", error.message)
    if error.message.startswith("GraphQL introspection has been disabled"):
        return "Introspection is off here: WXGATE_INTROSPECTION switches it on."
    node = error.nodes[0] if error.nodes else None
    value_is_wrong = " has invalid " in error.message and not error.message.endswith(" to be provided.")
    if isinstance(node, ast.VariableDefinitionNode) and value_is_wrong:
        return f'Variable "${node.variable.name.value}" does not hold a value of type "{ast.print_ast(node.type)}".'
    if isinstance(node, ast.ValueNode) and not isinstance(node, ast.VariableNode):
        return error.message.partition(", found ")[0] if ", found " in error.message else "A literal has a wrong type."
    return error.message


class Documents:
    """The documents that may run against one schema.

    With `trusted` a request may name a document instead of sending it; with `trusted_only` it must, and no other text
    runs. No request ever adds a document. Raises `TrustedDocumentsError` when a trusted document could not be executed.
    Without `plans` every operation is left to graphql-core. Of the others at most `MOST_BYTES` are cached, the most
    recently used, and none that was refused.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool,
        limits: DocumentLimits | None = None,
        trusted: TrustedDocuments | None = None,
        trusted_only: bool = False,
        plans: bool = True,
    ) -> None:
        if trusted_only and trusted is None:
            msg = "Only trusted documents may run, and there are none: name their file."
            raise TrustedDocumentsError(msg)
        self.schema = schema
        self._rules = [*specified_rules, *([] if introspection else [NoSchemaIntrospectionCustomRule])]
        self.hide_suggestions = not introspection
        self.limits = limits or DocumentLimits()
        self._introspection_limits = self.limits.with_room_for_introspection() if introspection else self.limits
        self._plans = plans
        # By text, the most recently used last; `Executor` looks here first.
        self.cache: OrderedDict[str | None, ReadyDocument] = OrderedDict()
        self._bytes_left = MOST_BYTES
        self._trusted = trusted
        self._trusted_only = trusted_only
        self._trusted_by_id: dict[str, ReadyDocument] = {}
        for document in trusted or ():
            try:
                self._trusted_by_id[document.id] = self._validated(document.text)
            except DocumentRefused as refused:
                _, reason = refused.errors[0]
                msg = f'The trusted document "{document.id}" does not fit this server: {reason.message}'
                raise TrustedDocumentsError(msg) from None

    def has_parsed(self, request: GraphQLRequest) -> bool:
        """Whether `find` returns or raises at once: there is no text that has to be parsed and validated first."""
        known = request.query is None or self._trusted_only or request.query in self.cache
        return known or self._named(request.document_id) is not None

    def find(self, request: GraphQLRequest) -> ReadyDocument:
        """The trusted document that the request names, or the one that it sends.

        Raises `DocumentRefused` and `TrustedTextDiffers`.
        """
        named = request.document_id
        trusted = self._named(named)
        if trusted is not None:
            if request.query is not None and request.query != trusted.text:
                raise TrustedTextDiffers
            return self._trusted_by_id[trusted.id]
        if request.query is not None and not self._trusted_only:
            return self._cached(request.query)
        if named is None:
            msg = "This server runs trusted documents only: name one by documentId."
            raise DocumentRefused(ErrorCode.PERSISTED_QUERY_ID_REQUIRED, GraphQLError(msg))
        # Apollo's and urql's clients know these two by their messages.
        if self._trusted is None:
            raise DocumentRefused(ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, GraphQLError("PersistedQueryNotSupported"))
        raise DocumentRefused(ErrorCode.PERSISTED_QUERY_NOT_FOUND, GraphQLError("PersistedQueryNotFound"))

    def trusted_operations(self) -> Iterator[str]:
        """The names of the operations of trusted documents."""
        for document in self._trusted_by_id.values():
            yield from filter(None, document.operations)

    def _named(self, document_id: str | None) -> TrustedDocument | None:
        return self._trusted.find(document_id) if self._trusted is not None and document_id is not None else None

    def _cached(self, text: str) -> ReadyDocument:
        document = self.cache.get(text)
        if document is not None:
            self.cache.move_to_end(text)
            return document
        document = self.cache[text] = self._validated(text)
        self._bytes_left -= document.bytes
        while self._bytes_left < 0:
            _, oldest = self.cache.popitem(last=False)
            self._bytes_left += oldest.bytes
        return document

    def _validated(self, query: str) -> ReadyDocument:
        """The document, of a size that is safe to validate and to execute."""
        most = self._introspection_limits
        try:
            document = ast.parse(
                query, max_lexical_tokens=most.tokens, max_comments=most.tokens, max_source_length=most.characters
            )
            size = measure(document)
            (most if size.introspection_only else self.limits).require(size)
        except GraphQLSyntaxError as error:
            raise DocumentRefused(ErrorCode.GRAPHQL_PARSE_FAILED, error) from None
        except DocumentTooLarge as error:
            raise DocumentRefused(ErrorCode.DOCUMENT_TOO_LARGE, GraphQLError(str(error))) from None
        invalid = validate(
            self.schema, document, self._rules, max_errors=self.limits.errors, hide_suggestions=self.hide_suggestions
        )
        if invalid:
            raise DocumentRefused(ErrorCode.GRAPHQL_VALIDATION_FAILED, *invalid)
        operations = operations_of(self.schema, document, plans=self._plans)
        return ReadyDocument(document, operations, 4 * len(query) + _BYTES_PER_TOKEN * document.token_count)
