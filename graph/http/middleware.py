"""What surrounds every request, from the outside in."""

import asyncio
import logging
import random
import re
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Final, cast

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.errors import INTERNAL, ErrorCode
from graph.http.access_log import Observer, RequestRecord
from graph.http.request import Headers, joined
from graph.http.responses import error_response
from graph.server.http_error import HttpError, busy
from graph.server.limits import RequestLimits, RouteLimits

_log = logging.getLogger(__name__)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_SAFETY: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_PAGES_READ: Final = (b"access-control-expose-headers", b"Retry-After, X-Request-Id")
_PAGES_SEND: Final = ((b"access-control-allow-methods", b"GET, HEAD, POST"), (b"access-control-max-age", b"600"))


@dataclass(slots=True, eq=False)
class RequestMiddleware:
    """Gives each request an id, a record and a deadline, each response its safety headers; handles what fails.

    `observers` get the record of each request. A request that `graph.server.protocol` refused is answered here.
    """

    app: ASGIApp
    routes: Sequence[BaseRoute]
    observers: Sequence[Observer]
    default_limits: RequestLimits
    route_limits: RouteLimits
    _paths: frozenset[str] = field(default=frozenset(), init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        path, method = scope["path"], scope["method"]
        state = scope.setdefault("state", {})
        lines = scope["headers"]
        headers: Headers = {name: value.decode("latin-1") for name, value in lines}
        state["headers"] = headers = headers if len(headers) == len(lines) else joined(lines)
        offered = headers.get(b"x-request-id")
        # Ids that are guessable do no harm: they name a line in the log.
        request_id = offered if offered and _REQUEST_ID.fullmatch(offered) else f"{random.getrandbits(64):016x}"
        label = path if path in self._paths else self._label(path)
        record = state["record"] = RequestRecord(request_id, method if method.isalpha() else "?", label)
        # What `asyncio.timeout` does, for a fifth of its price: it asks for the loop and the task again and again.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        task = cast("asyncio.Task[object]", asyncio.current_task(loop))
        routes = self.route_limits
        limits = routes.get(path) or routes.get(path[: path.rfind("/") + 1], self.default_limits)
        expired = False

        def expire() -> None:
            nonlocal expired
            # Noted here: uvloop calls a moment before the time at which it says that it is due.
            expired = task.cancel()

        deadline = loop.call_later(limits.request_seconds, expire)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                headers = [header for header in message.get("headers", ()) if header[0] != b"x-request-id"]
                headers.append((b"x-request-id", request_id.encode()))
                names = dict(headers).keys()
                message["headers"] = headers + [header for header in _SAFETY if header[0] not in names]
                message["headers"] += state.get("response_headers", ())
            elif message.get("more_body"):
                deadline.cancel()  # from here on the protocol bounds how long the client may take to read
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except (Exception, asyncio.CancelledError) as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            if is_cancelled and expired:
                task.uncancel()
            failure = busy() if is_cancelled else error if isinstance(error, HttpError) else _defect(error, request_id)
            if not record.status:  # else a response has begun, and cannot become another
                await error_response(failure, scope)(scope, receive, send_with_headers)
            if is_cancelled and not expired:
                raise  # by the server, which stops
        finally:
            deadline.cancel()
            record.seconds = time.perf_counter() - started
            for observe in self.observers:
                observe(record)

    def _label(self, path: str) -> str:
        """What log and metrics call a path: of one with a parameter the template, of an unknown one nothing."""
        # A route may have been added since the last look.
        routes = [route for route in self.routes if isinstance(route, Route)]
        self._paths = frozenset(route.path for route in routes if not route.param_convertors)
        mounts = [route for route in self.routes if isinstance(route, Mount)]
        labels = [route.path for route in routes if route.path_regex.match(path)]
        labels += [f"{mount.path}/*" for mount in mounts if mount.path_regex.match(path)]
        return labels[0] if labels else "?"


def _defect(error: BaseException, request_id: str) -> HttpError:
    # Where it happened, but not its text, which may hold anything.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("a request failed", extra={"request_id": request_id, "reason": type(error).__name__, "frames": frames})
    return HttpError(500, INTERNAL.code, INTERNAL.message)


@dataclass(slots=True)
class _Room:
    """For so many requests at once."""

    most: int
    taken: int = 0


@dataclass(slots=True, eq=False)
class HostAndConcurrencyMiddleware:
    """Admits requests for known hosts, so many at once, and the one path that does without Starlette's router.

    `hosts` are names without ports, `*.` in front for any subdomain; none means any. `concurrency` counts requests that
    have arrived whole; probes are always answered, or an orchestrator would take a busy server for a dead one. Paths in
    `apart`, whose clients may take long to send a body, have room for so many of their own.
    """

    app: ASGIApp
    _: KW_ONLY
    hosts: tuple[str, ...]
    concurrency: int
    probes: frozenset[str]
    shortcut: tuple[str, ASGIApp]
    apart: Mapping[str, int] = field(default_factory=dict)
    _room: "_Room" = field(init=False)
    _apart: Mapping[str, "_Room"] = field(init=False)

    def __post_init__(self) -> None:
        self._room = _Room(self.concurrency)
        self._apart = {path: _Room(most) for path, most in self.apart.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.probes:
            await self.app(scope, receive, send)
            return
        error: HttpError | None = scope.get("extensions", {}).get("http_error")
        if error is None and self.hosts and not self._is_known(scope["state"]["headers"].get(b"host", "")):
            error = HttpError(400, ErrorCode.BAD_REQUEST, "This host is not listed in WXGATE_HTTP_ALLOWED_HOSTS.")
        path = scope["path"]
        room = self._apart.get(path, self._room)
        if error is None and room.taken >= room.most:
            error = busy()
        if error is not None:
            await error_response(error, scope)(scope, receive, send)
            return
        room.taken += 1
        try:
            shortcut, endpoint = self.shortcut
            await (endpoint if path == shortcut else self.app)(scope, receive, send)
        finally:
            room.taken -= 1

    def _is_known(self, host: str) -> bool:
        name = re.sub(r":[0-9]*$", "", host.lower())
        return any(name.endswith(known[1:]) if known.startswith("*.") else name == known for known in self.hosts)


@dataclass(slots=True, eq=False)
class ListedOriginsMiddleware:
    """Lets pages of listed origins read every response, and send any header: no cookie travels with their requests.

    An origin that ends in `:*` stands for any port. The state of the scope then has whether the origin is listed, and
    what `RequestMiddleware` adds to the response.
    """

    app: ASGIApp
    origins: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        headers: Headers = state["headers"]
        origin = headers.get(b"origin", "")
        is_listed = state["origin_is_listed"] = self._is_listed(origin)
        added = state["response_headers"] = [(b"vary", b"Origin")]
        if is_listed:
            added += [(b"access-control-allow-origin", origin.encode()), _PAGES_READ]
        method = headers.get(b"access-control-request-method")
        if method is None or scope["method"] != "OPTIONS":
            await self.app(scope, receive, send)
            return
        if not is_listed:
            raise HttpError(403, ErrorCode.FORBIDDEN, "This origin is not listed in WXGATE_HTTP_CORS_ORIGINS.")
        if method not in {"GET", "HEAD", "POST"}:
            raise HttpError(403, ErrorCode.FORBIDDEN, "Use POST, or GET for queries.")
        asked = headers.get(b"access-control-request-headers", "").encode("latin-1")
        added += (*_PAGES_SEND, (b"access-control-allow-headers", asked))
        await Response(status_code=204)(scope, receive, send)

    def _is_listed(self, origin: str) -> bool:
        # Without one, as every mini-program sends it, nothing is to be looked up.
        if not origin or origin in self.origins:
            return bool(origin)
        return re.sub(r":[0-9]{1,5}$", "", origin) + ":*" in self.origins
