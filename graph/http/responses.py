"""The one shape of every answer: JSON, never stored, errors coded like GraphQL's own."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Scope

from graph.errors import CodedError, ErrorAction, ErrorCode
from graph.http.facts import facts_of

JSON: Final = "application/json"
GRAPHQL_RESPONSE_JSON: Final = "application/graphql-response+json"


# With the charset spelt out, as clients older than RFC 8259 want it.
_CONTENT_TYPES: Final = {name: f"{name}; charset=utf-8".encode() for name in (JSON, GRAPHQL_RESPONSE_JSON)}


class JsonResponse(Response):
    """A JSON body and the headers that describe it, without Starlette's search for what they might be."""

    def __init__(self, body: Mapping[str, Any], status: int, media_type: str, headers: Mapping[str, str]) -> None:
        self.status_code, self.background = status, None
        self.body = orjson.dumps(body)
        self.raw_headers = [
            (b"content-type", _CONTENT_TYPES[media_type]),
            (b"content-length", b"%d" % len(self.body)),
        ]
        for name, value in headers.items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


def json_response(
    body: Mapping[str, Any], *, status: int = 200, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON, of one of the two media types."""
    return JsonResponse(body, status, media_type, headers or {})


class HttpError(Exception):
    """A request that ends before GraphQL begins."""

    def __init__(self, status: int, code: ErrorCode, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        wait = code in {ErrorCode.REQUEST_TIMEOUT, ErrorCode.SERVICE_UNAVAILABLE}
        action = ErrorAction.WAIT if wait else ErrorAction.FIX_REQUEST if status < 500 else ErrorAction.GIVE_UP
        self.coded = CodedError(code, message, action, retryable=wait)


def error_response(error: HttpError, scope: Scope, *, media_type: str = JSON) -> Response:
    """The error in GraphQL's shape, noted in the facts of the request."""
    facts = facts_of(scope)
    facts.codes = (error.coded.code.name,)
    body = {"errors": [{"message": error.coded.message, "extensions": error.coded.extensions(facts.request_id)}]}
    return json_response(body, status=error.status, media_type=media_type, headers=error.headers)
