"""`POST /uploads/avatar`: takes a picture, which `updateProfile` makes the user's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.types import Receive, Scope, Send

from graph.accounts.errors import NotEnabled
from graph.accounts.sessions import Sessions
from graph.accounts.uploads import AT_ONCE, Uploads
from graph.errors import INTERNAL, ErrorCode
from graph.http.access_log import record_of
from graph.http.graphql import bearer_token
from graph.http.request import Headers
from graph.http.responses import json_response
from graph.http.upload_body import FORM_OVERHEAD, read_picture, require_picture
from graph.schema.errors import coded
from graph.security.events import Client
from graph.server.http_error import HttpError
from graph.server.limits import RouteLimits, StreamedLimits

PATH: Final = "/uploads/avatar"
# Beside those that have a place, some that are being refused one.
CONCURRENCY: Final = 4 * AT_ONCE
_BODY_SECONDS: Final = 30.0
# With what becomes of a body that took as long as it may.
_REQUEST_SECONDS: Final = 34.0
_STATUS: Final = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.NOT_ENABLED: 404,
    ErrorCode.PICTURE_UNUSABLE: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}


def limits(max_bytes: int) -> RouteLimits:
    """Those of the route, for pictures of so many bytes at most."""
    size = max_bytes + FORM_OVERHEAD
    return {PATH: StreamedLimits(body_bytes=size, body_seconds=_BODY_SECONDS, request_seconds=_REQUEST_SECONDS)}


@dataclass(frozen=True, slots=True, eq=False)
class UploadEndpoint:
    """An ASGI application; without `uploads` no pictures are taken.

    The answer is 201 and `{"avatar", "width", "height", "expiresAt" in ISO 8601}`. The body is not read before the
    user is known to be signed in, and to have a place and the right to send so many. `counted` is called with "stored",
    or the code of an error.
    """

    uploads: Uploads | None
    sessions: Sessions
    address_of: Callable[[Scope], str]
    counted: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. Raises `HttpError`."""
        if scope["method"] != "POST":
            raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Use POST here.", headers={"Allow": "POST"})
        try:
            body = await self._stage(scope, scope["state"]["headers"], receive)
        except Exception as error:
            refusal = _refusal(error)
            self.counted((refusal.coded if isinstance(refusal, HttpError) else INTERNAL).code.name)
            raise refusal from None
        self.counted("stored")
        await json_response(body, 201)(scope, receive, send)

    async def _stage(self, scope: Scope, headers: Headers, receive: Receive) -> dict[str, object]:
        uploads = self.uploads
        if uploads is None:
            raise NotEnabled(setting="WXGATE_AVATARS_STORE")
        require_picture(headers, max_bytes=uploads.max_bytes)
        viewer = await self.sessions.require_viewer(bearer_token(headers))
        client = Client(self.address_of(scope), record_of(scope).request_id)
        async with uploads.admitted(viewer, client):
            data = await read_picture(headers, receive, max_bytes=uploads.max_bytes)
            staged = await uploads.stage(viewer, data)
        expires_at = datetime.fromtimestamp(staged.expires_at / 1000, UTC).isoformat()
        return {"avatar": staged.id, "width": staged.width, "height": staged.height, "expiresAt": expires_at}


def _refusal(error: Exception) -> Exception:
    """The response to what a use case raises; a defect, and a refusal of HTTP's own, as it is."""
    known = coded(error)
    if known is None:
        return error
    headers = {"WWW-Authenticate": "Bearer"} if known.code is ErrorCode.UNAUTHENTICATED else {}
    if known.code is ErrorCode.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return HttpError(
        _STATUS[known.code],
        known.code,
        known.message,
        headers=headers,
        retry_after_ms=known.retry_after_ms,
        action=known.action,
    )
