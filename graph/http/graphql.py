"""The GraphQL-over-HTTP endpoint."""

import math
from functools import partial

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.errors import ErrorCode
from graph.execution.documents import GraphQLRequest, TrustedTextDiffers
from graph.execution.executor import Executor, GraphQLResponse, MutationRefused
from graph.http.client_address import ClientAddresses
from graph.http.deadlines import Deadlines
from graph.http.facts import facts_of
from graph.http.guards import refuse_foreign_get, refuse_unclear_headers
from graph.http.headers import Head, head_of
from graph.http.negotiation import response_media_type
from graph.http.request import Bodies, RequestLimits, decode_query_string, read_body
from graph.http.responses import GRAPHQL_RESPONSE_JSON, JSON, HttpError, error_response, json_response
from graph.schema.context import Context, Services


class GraphQLEndpoint:
    """An ASGI application that answers GraphQL requests (https://graphql.github.io/graphql-over-http/draft/)."""

    def __init__(
        self,
        executor: Executor,
        services: Services,
        *,
        limits: RequestLimits | None = None,
        clients: ClientAddresses | None = None,
    ) -> None:
        self._executor = executor
        self._services = services
        self._limits = limits or RequestLimits()
        self._request_deadline = Deadlines(self._limits.request_seconds)
        self._body_deadline = Deadlines(self._limits.body_seconds)
        self._bodies = Bodies(depth=self._limits.json_depth)
        self._clients = clients or ClientAddresses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; only defects of the server leave it as exceptions."""
        head = head_of(scope)
        media_type = response_media_type(head.get(b"accept"))
        try:
            with self._request_deadline():
                response = await self._respond(scope, head, receive, media_type)
        except TimeoutError:
            late = HttpError(
                503, ErrorCode.SERVICE_UNAVAILABLE, "The server is too busy.", headers={"Retry-After": "1"}
            )
            response = error_response(late, scope, media_type=media_type or JSON)
        except HttpError as error:
            response = error_response(error, scope, media_type=media_type or JSON)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, head: Head, receive: Receive, media_type: str | None) -> Response:
        if media_type is None:
            msg = f"This endpoint answers {JSON} or {GRAPHQL_RESPONSE_JSON}."
            raise HttpError(406, ErrorCode.NOT_ACCEPTABLE, msg)
        refuse_unclear_headers(head, scope["http_version"])
        request = await self._read(scope, head, receive)
        answer = await self._execute(scope, head, request)
        # The older media type keeps 200 for every well-formed request; the newer one says 400 when nothing ran.
        refused = media_type == GRAPHQL_RESPONSE_JSON and not answer.has_data
        wait = answer.retry_after_ms
        later = None if wait is None else {"Retry-After": str(math.ceil(wait / 1000))}
        return json_response(answer.body, status=400 if refused else 200, media_type=media_type, headers=later)

    async def _execute(self, scope: Scope, head: Head, request: GraphQLRequest) -> GraphQLResponse:
        facts = facts_of(scope)
        context = Context(self._services, bearer_token(head), partial(self._clients.client_of, scope))
        try:
            answer = await self._executor.execute(
                request, context, request_id=facts.request_id, mutations=scope["method"] == "POST"
            )
        except MutationRefused:
            msg = "Mutations go by POST."
            raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, msg, headers={"Allow": "POST"}) from None
        except TrustedTextDiffers:
            raise HttpError(400, ErrorCode.BAD_REQUEST, "The document of this id has another text.") from None
        facts.operation, facts.kind, facts.codes = answer.operation_name, answer.operation_kind, answer.codes
        return answer

    async def _read(self, scope: Scope, head: Head, receive: Receive) -> GraphQLRequest:
        match scope["method"]:
            case "POST":
                try:
                    with self._body_deadline():
                        body = await read_body(head, receive, self._limits.body_bytes)
                except TimeoutError:
                    msg = "The body took too long."
                    close = {"Connection": "close"}
                    raise HttpError(408, ErrorCode.REQUEST_TIMEOUT, msg, headers=close) from None
                return self._bodies.decode(body)
            case "GET" | "HEAD":
                refuse_foreign_get(head)
                return decode_query_string(QueryParams(scope["query_string"]), depth=self._limits.json_depth)
            case _:
                msg = "Use POST, or GET for queries."
                raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, msg, headers={"Allow": "GET, HEAD, POST"})


def bearer_token(head: Head) -> str | None:
    """The text behind `Bearer` (RFC 6750), "" for any other scheme, None without the header."""
    header = head.get(b"authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
