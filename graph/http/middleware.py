"""What surrounds every request: its id, its headers, who is told of it, and the last resort."""

import logging
import random
import re
import time
import traceback
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.errors import ErrorCode
from graph.http.access_log import LOGGER
from graph.http.facts import Facts, Observer, note_facts
from graph.http.headers import head_of
from graph.http.responses import HttpError, error_response

_log = logging.getLogger(LOGGER)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_SAFETY: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


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
        elif self._hosts and not self._is_ours(head_of(scope).get(b"host") or ""):
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
    """Gives each request an id, each answer its safety headers, and the observers the facts; and has the last word."""

    def __init__(self, app: ASGIApp, known_paths: frozenset[str], observers: Sequence[Observer]) -> None:
        self._app = app
        self._known_paths = known_paths
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wraps one request; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        offered, method, path = head_of(scope).get(b"x-request-id"), scope["method"], scope["path"]
        # Unguessable ids are no aim: they name a line in the log.
        request_id = offered if offered and _REQUEST_ID.fullmatch(offered) else f"{random.getrandbits(64):016x}"
        facts = Facts(request_id, method if method.isalpha() else "?", path if path in self._known_paths else "?")
        note_facts(scope, facts)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts.status = message["status"]
                message["headers"] = _with_safety(message["headers"], request_id.encode())
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error(
                "a request failed", extra={"request_id": request_id, "reason": type(error).__name__, "frames": frames}
            )
            if not facts.status:
                failure = HttpError(500, ErrorCode.INTERNAL_SERVER_ERROR, "Something went wrong on the server.")
                await error_response(failure, scope)(scope, receive, send_with_headers)
        finally:
            facts.seconds = time.perf_counter() - started
            for observe in self._observers:
                observe(facts)


def _with_safety(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with the id and, where it does not say otherwise itself, what keeps it safe."""
    complete = list(headers)
    names = [name for name, _ in complete]
    if b"x-request-id" in names:
        complete = [header for header in complete if header[0] != b"x-request-id"]
    complete.append((b"x-request-id", request_id))
    for header in _SAFETY:
        if header[0] not in names:
            complete.append(header)
    return complete
