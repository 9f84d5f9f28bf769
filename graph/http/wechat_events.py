"""Where WeChat pushes events: the URL of its console, for each mini-program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItemPerMinute
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graph.accounts.errors import KeyRingMismatch
from graph.accounts.event_inbox import EventInbox
from graph.errors import ErrorCode
from graph.security.rate_limit import RateLimitStorage
from graph.server.http_error import HttpError, busy
from graph.server.limits import RequestLimits, RouteLimits
from graph.wechat.errors import PushRefused
from graph.wechat.mini_programs import MiniPrograms, PushKeys
from graph.wechat.push import open_push, read_url_check
from models.errors import DatabaseError

_PATH: Final = "/wechat/events"
# WeChat waits no longer than this for an answer.
_LIMITS: Final = RequestLimits(body_bytes=65_536, body_seconds=5, request_seconds=5)
LIMITS: Final[RouteLimits] = {_PATH: _LIMITS, f"{_PATH}/": _LIMITS}
# Of all mini-programs together, and of what WeChat has signed alone. What is refused so WeChat sends again.
_RATE: Final = RateLimitItemPerMinute(6_000)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WeChatEvents:
    """The endpoint. Without `plain_allowed` what is not encrypted counts for nothing. `now` gives epoch milliseconds.

    `received` is called with the AppID and the name of each event, or None for what the server does not act on;
    `refused` with the AppID and why.
    """

    apps: MiniPrograms
    inbox: EventInbox
    storage: RateLimitStorage
    plain_allowed: bool
    now: Callable[[], int]
    received: Callable[[str, str | None], None]
    refused: Callable[[str, str], None]

    def routes(self) -> list[Route]:
        """The first mini-program's, and each one's."""
        return [Route(path, self.answer, methods=["GET", "POST"]) for path in (_PATH, f"{_PATH}/{{app_id}}")]

    async def answer(self, request: Request) -> Response:
        """What WeChat expects. Raises `HttpError`, with one message whatever is wrong with a push."""
        app_id = request.path_params.get("app_id")
        app = self.apps.first if app_id is None else self.apps.get(app_id)
        if app is None or app.push is None:
            raise HttpError(404, ErrorCode.NOT_FOUND, "There is nothing here; the API is at /graphql.")
        try:
            return PlainTextResponse(await self._answer(app.app_id, app.push, request))
        except PushRefused as error:
            self.refused(app.app_id, error.reason)
            raise HttpError(403, ErrorCode.FORBIDDEN, str(error)) from None
        except (DatabaseError, KeyRingMismatch):
            raise busy() from None

    async def _answer(self, app_id: str, keys: PushKeys, request: Request) -> str:
        query, now = request.query_params, self.now() / 1000
        if len(query.multi_items()) != len(query):
            raise PushRefused(reason="request")
        if request.method != "POST":
            return read_url_check(keys, query, now=now)
        body = await request.body()
        event = open_push(app_id, keys, query, body, now=now, plain_allowed=self.plain_allowed)
        if await self.storage.wait_ms(_RATE, "events"):
            self.refused(app_id, "rate")
            raise busy()
        if event is not None:
            await self.inbox.store(app_id, event)
        self.received(app_id, None if event is None else event.name)
        return "success"
