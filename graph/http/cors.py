"""Lets web (H5) builds of listed origins in, and answers the others as every other error is answered."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.errors import ErrorCode
from graph.http.responses import HttpError, error_response


class _Refusal(Response):
    """The answer to a preflight that asks for too much."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Coded, with the request's id, which is not known before."""
        refused = HttpError(403, ErrorCode.FORBIDDEN, "This origin, method or header is not allowed here.")
        await error_response(refused, scope)(scope, receive, send)


class ExactOrigins(CORSMiddleware):
    """Starlette's middleware, whose own words would be plain text."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-Request-Id"),
            expose_headers=("Retry-After", "X-Request-Id"),
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Permission without a body, or a coded refusal."""
        response = super().preflight_response(request_headers)
        if response.status_code != 200:
            return _Refusal()
        spoken = {"content-type", "content-length"}
        return Response(status_code=204, headers={k: v for k, v in response.headers.items() if k not in spoken})
