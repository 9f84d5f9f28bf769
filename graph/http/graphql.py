"""The GraphQL-over-HTTP endpoint."""

import asyncio
import math

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.http.answers import GRAPHQL_RESPONSE_JSON, JSON, HttpError, error_response, json_response, request_id
from graph.http.client_address import ClientAddresses
from graph.http.decoding import RequestLimits, decode_body, decode_query_string, read_body
from graph.http.guards import refuse_foreign_get, refuse_unclear_headers
from graph.http.negotiation import response_media_type
from graph.schema.context import Context
from graph.schema.documents import GraphQLRequest, TrustedTextDiffers
from graph.schema.errors import ErrorCode
from graph.schema.execution import Executor, GraphQLResponse, MutationRefused
from graph.services import Services


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
        self._clients = clients or ClientAddresses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; only defects of the server leave it as exceptions."""
        headers = Headers(scope=scope)
        media_type = response_media_type(", ".join(headers.getlist("accept")))
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                response = await self._respond(scope, headers, receive, media_type)
        except TimeoutError:
            late = HttpError(
                503, ErrorCode.SERVICE_UNAVAILABLE, "The server is too busy.", headers={"Retry-After": "1"}
            )
            response = error_response(late, scope, media_type=media_type or JSON)
        except HttpError as error:
            response = error_response(error, scope, media_type=media_type or JSON)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, headers: Headers, receive: Receive, media_type: str | None) -> Response:
        if media_type is None:
            msg = f"This endpoint answers {JSON} or {GRAPHQL_RESPONSE_JSON}."
            raise HttpError(406, ErrorCode.NOT_ACCEPTABLE, msg)
        refuse_unclear_headers(headers, scope["http_version"])
        request = await self._read(scope, headers, receive)
        answer = await self._execute(scope, headers, request)
        # The older media type keeps 200 for every well-formed request; the newer one says 400 when nothing ran.
        refused = media_type == GRAPHQL_RESPONSE_JSON and not answer.has_data
        wait = answer.retry_after_ms
        later = None if wait is None else {"Retry-After": str(math.ceil(wait / 1000))}
        return json_response(answer.body, status=400 if refused else 200, media_type=media_type, headers=later)

    async def _execute(self, scope: Scope, headers: Headers, request: GraphQLRequest) -> GraphQLResponse:
        context = Context(self._services, bearer_token(headers), self._clients.client_of(scope, headers))
        try:
            return await self._executor.execute(
                request, context, request_id=request_id(scope), mutations=scope["method"] == "POST"
            )
        except MutationRefused:
            msg = "Mutations go by POST."
            raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, msg, headers={"Allow": "POST"}) from None
        except TrustedTextDiffers:
            raise HttpError(400, ErrorCode.BAD_REQUEST, "The document of this id has another text.") from None

    async def _read(self, scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
        match scope["method"]:
            case "POST":
                try:
                    async with asyncio.timeout(self._limits.body_seconds):
                        return decode_body(
                            await read_body(headers, receive, self._limits.body_bytes), depth=self._limits.json_depth
                        )
                except TimeoutError:
                    msg = "The body took too long."
                    close = {"Connection": "close"}
                    raise HttpError(408, ErrorCode.REQUEST_TIMEOUT, msg, headers=close) from None
            case "GET" | "HEAD":
                refuse_foreign_get(headers)
                return decode_query_string(QueryParams(scope["query_string"]), depth=self._limits.json_depth)
            case _:
                msg = "Use POST, or GET for queries."
                raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, msg, headers={"Allow": "GET, HEAD, POST"})


def bearer_token(headers: Headers) -> str | None:
    """The text behind `Bearer` (RFC 6750), "" for any other scheme, None without the header."""
    header = headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
