"""What surrounds every request: its id, its headers, its line in the log, and the last resort."""

import logging
import re
import secrets
import time
import traceback
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.answers import HttpError, error_response
from graph.schema.errors import ErrorCode

_log = logging.getLogger("graph.http.request")

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")


class Shortcut:
    """Hands one path to its endpoint past `app`; the endpoint answers its own errors."""

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or a lifespan."""
        short = scope["type"] == "http" and scope["path"] == self._path
        await (self._endpoint if short else self._app)(scope, receive, send)


class DoorMiddleware:
    """Lets in requests for hosts of ours, so many at once; turns the others away before anything is read of them.

    `hosts` are names without ports, `*.` in front for any subdomain; none means any. `capacity` counts requests at
    work; probes are always answered, or an orchestrator would take a busy server for a dead one.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...], capacity: int, probes: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._capacity = capacity
        self._probes = probes
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admits one request; other scopes pass through."""
        if scope["type"] != "http" or scope["path"] in self._probes:
            await self._app(scope, receive, send)
        elif self._hosts and not self._is_ours(Headers(scope=scope).get("host", "")):
            await error_response(HttpError(400, ErrorCode.BAD_REQUEST, "Unknown host."), scope)(scope, receive, send)
        elif self._inside >= self._capacity:
            later = {"Retry-After": "1"}
            busy = HttpError(503, ErrorCode.SERVICE_UNAVAILABLE, "The server is too busy.", headers=later)
            await error_response(busy, scope)(scope, receive, send)
        else:
            self._inside += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._inside -= 1

    def _is_ours(self, host: str) -> bool:
        name = re.sub(r":[0-9]*$", "", host.lower())
        return any(name.endswith(known[1:]) if known.startswith("*.") else name == known for known in self._hosts)


class RequestMiddleware:
    """Gives each request an id, each answer its safety headers, and the log one line.

    The line holds no path that the server does not know and no query string: both can hold anything.
    """

    def __init__(self, app: ASGIApp, known_paths: frozenset[str]) -> None:
        self._app = app
        self._known_paths = known_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wraps one request; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if _REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error(
                "a request failed", extra={"request_id": request_id, "reason": type(error).__name__, "frames": frames}
            )
            if not status:
                failure = HttpError(500, ErrorCode.INTERNAL_SERVER_ERROR, "Something went wrong on the server.")
                await error_response(failure, scope)(scope, receive, send_with_headers)
        finally:
            path = scope["path"]
            _log.info(
                "request",
                extra={
                    "request_id": request_id,
                    "method": scope["method"] if scope["method"].isalpha() else "?",
                    "path": path if path in self._known_paths else "?",
                    "status": status,
                    "ms": round((time.perf_counter() - started) * 1000, 1),
                },
            )
