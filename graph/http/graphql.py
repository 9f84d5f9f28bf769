"""The GraphQL-over-HTTP endpoint."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import orjson
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from graph.errors import ErrorCode
from graph.execution.documents import GraphQLRequest, TrustedTextDiffers
from graph.execution.executor import Executor, GraphQLResponse, MutationRefused
from graph.http.access_log import record_of
from graph.http.request import Headers, RequestDecoder, app_named_by, device_of, read_body, refuse_foreign_get
from graph.http.responses import CONTENT_TYPES, GRAPHQL_RESPONSE_JSON, error_response, response_media_type, unacceptable
from graph.schema.context import Context, Services
from graph.security.events import Client
from graph.server.http_error import HttpError


@dataclass(slots=True, eq=False)
class GraphQLEndpoint:
    """An ASGI application that answers GraphQL requests (https://graphql.github.io/graphql-over-http/draft/)."""

    executor: Executor
    services: Services
    decoder: RequestDecoder
    address_of: Callable[[Scope], str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; only defects of the server and its deadline leave it as exceptions."""
        headers: Headers = scope["state"]["headers"]
        media_type = response_media_type(headers.get(b"accept"))
        if media_type is None:
            await error_response(unacceptable(headers[b"accept"]), scope)(scope, receive, send)
            return
        try:
            request = await self._read(scope, headers, receive)
            result = await self._execute(scope, headers, request)
        except HttpError as error:
            await error_response(error, scope, media_type=media_type)(scope, receive, send)
            return
        # The older media type keeps 200 for every well-formed request; the newer one has 400 when nothing ran.
        refused = media_type == GRAPHQL_RESPONSE_JSON and "data" not in result.body
        body = orjson.dumps(result.body)
        headers_out = [(b"content-type", CONTENT_TYPES[media_type]), (b"content-length", b"%d" % len(body))]
        if result.retry_after_ms is not None:
            headers_out.append((b"retry-after", b"%d" % math.ceil(result.retry_after_ms / 1000)))
        await send({"type": "http.response.start", "status": 400 if refused else 200, "headers": headers_out})
        await send({"type": "http.response.body", "body": body})

    async def _execute(self, scope: Scope, headers: Headers, request: GraphQLRequest) -> GraphQLResponse:
        record = record_of(scope)
        client = partial(self._client, scope)
        context = Context(
            self.services, bearer_token(headers), client, partial(app_named_by, headers), partial(device_of, headers)
        )
        try:
            result = await self.executor.execute(
                request,
                context,
                request_id=record.request_id,
                client=client,
                mutations=scope["method"] == "POST",
            )
        except MutationRefused:
            allow = {"Allow": "POST"}
            raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Mutations go by POST.", headers=allow) from None
        except TrustedTextDiffers:
            raise HttpError(400, ErrorCode.BAD_REQUEST, "The document of this id has another text.") from None
        if result.operation is not None:
            record.operation, record.kind = result.operation.name, result.operation.kind
        record.codes = result.codes
        return result

    def _client(self, scope: Scope) -> Client:
        return Client(self.address_of(scope), record_of(scope).request_id)

    async def _read(self, scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
        match scope["method"]:
            case "POST":
                return self.decoder.decode_body(await read_body(headers, receive))
            case "GET" | "HEAD":
                if not scope["state"].get("origin_is_listed"):
                    refuse_foreign_get(headers)
                return self.decoder.decode_query_string(QueryParams(scope["query_string"]))
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            # With a list, `ListedOriginsMiddleware` has answered.
            raise HttpError(403, ErrorCode.FORBIDDEN, "No origin is listed in WXGATE_HTTP_CORS_ORIGINS.")
        allow = {"Allow": "GET, HEAD, POST"}
        raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Use POST, or GET for queries.", headers=allow)


def bearer_token(headers: Headers) -> str | None:
    """The text behind `Bearer` (RFC 6750), "" where the header has another form, None where there is no text."""
    header = headers.get(b"authorization", "").strip()
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    # Quoted, or behind a second `Bearer`, the token of a new login would fail as the last one did.
    if scheme.lower() != "bearer" or " " in token or token.startswith(('"', "'", "<")):
        return ""
    return token or scheme
