"""The one shape of every answer: JSON, never stored, errors coded like GraphQL's own."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Scope

from graph.schema.errors import CodedError, ErrorAction, ErrorCode

JSON: Final = "application/json"
GRAPHQL_RESPONSE_JSON: Final = "application/graphql-response+json"


def json_response(
    body: Mapping[str, Any], *, status: int = 200, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON body with its charset spelt out, as clients older than RFC 8259 want it."""
    return Response(orjson.dumps(body), status, {"Content-Type": f"{media_type}; charset=utf-8", **(headers or {})})


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
    """The error in GraphQL's shape."""
    body = {"errors": [{"message": error.coded.message, "extensions": error.coded.extensions(request_id(scope))}]}
    return json_response(body, status=error.status, media_type=media_type, headers=error.headers)


def request_id(scope: Scope) -> str:
    """The id that `RequestMiddleware` gave the request."""
    return str(scope["state"]["request_id"])
