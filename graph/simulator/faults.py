"""Faults on demand: which of WeChat's endpoints shall fail, how, how often, and how that looks on the wire."""

import asyncio
import threading
from collections.abc import Callable
from itertools import chain, repeat
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from graph.simulator.protocol import ErrcodeError, Fields

_PAGE = b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n</body>\r\n</html>\r\n"
_HTML = {"content-type": "text/html"}
_CHUNK = b"x" * 65536


class Fault(Fields):
    """A fault of one endpoint's path or (None) of all, for one app or (None) for all, `times` times or until cleared.

    `errcode` and `errmsg` belong to the kind "errcode", `seconds` to "delay", `size` (bytes) to "huge".
    `carried_out` lets the request take effect before its response is lost: a code is then used up, a token issued.
    """

    kind: Literal["errcode", "delay", "hang", "empty", "html", "bad-gateway", "truncated", "missing-openid", "huge"]
    path: str | None = None
    app: str | None = None
    times: Annotated[int, Field(ge=1)] | None = 1
    errcode: int = -1
    errmsg: str | None = None
    seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    size: Annotated[int, Field(ge=0, le=1 << 30)] = 16 * 1024 * 1024
    carried_out: bool = False


class Faults:
    """The active faults, oldest first. May be used from another thread than the server's, as tests do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []
        # For each request that hangs or is delayed: done when its client disconnects, and cancelled by `clear`.
        self._waiters: set[asyncio.Future[Any]] = set()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Remove every fault, and release the requests that hang or are delayed."""
        with self._lock:
            self._active.clear()
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            waiter.get_loop().call_soon_threadsafe(waiter.cancel)

    def take(self, path: str, app_id: str | None) -> Fault | None:
        """The first fault for the path and the app (None: the request names none), counted down by one."""
        with self._lock:
            for index, fault in enumerate(self._active):
                if fault.path in (None, path) and fault.app in (None, app_id):
                    if fault.times is not None:
                        left = [fault.model_copy(update={"times": fault.times - 1})] if fault.times > 1 else []
                        self._active[index : index + 1] = left
                    return fault
        return None

    def active(self) -> list[Fault]:
        """Each fault with the number of times that are left."""
        with self._lock:
            return list(self._active)

    def waiting(self) -> int:
        """How many requests hang or are delayed."""
        return len(self._waiters)

    async def play(
        self,
        fault: Fault | None,
        request: Request,
        respond: Callable[[], Response],
        refuse: Callable[[ErrcodeError], Response],
    ) -> Response:
        """The response to a request whose body has been read: what `respond` makes of it, or the fault.

        A server that stops without clearing the faults must cancel the request (uvicorn: `timeout_graceful_shutdown`).
        """
        if fault is None:
            return respond()
        carried_out = fault.carried_out or fault.kind in {"delay", "truncated", "missing-openid"}
        response = respond() if carried_out else Response()
        body, headers = bytes(response.body), {"content-type": response.headers.get("content-type", "")}
        match fault.kind:
            case "errcode":
                response = refuse(ErrcodeError(fault.errcode, fault.errmsg))
            case "delay":
                await self._wait(request, fault.seconds)
            case "hang":
                if await self._wait(request, None) and not carried_out:
                    response = respond()
            case "empty":
                response = Response(headers={"content-type": "text/html; charset=gbk"})
            case "html":
                response = Response(_PAGE % (b"WeChat", b"WeChat"), headers=_HTML)
            case "bad-gateway":
                response = Response(_PAGE % (b"502 Bad Gateway", b"502 Bad Gateway"), status_code=502, headers=_HTML)
            case "truncated":
                response = Response(body[: len(body) // 2], headers=headers)
            case "missing-openid":
                fields = {name: value for name, value in orjson.loads(body).items() if name != "openid"}
                response = JSONResponse(fields, headers=headers)
            case "huge":
                # Valid JSON of exactly `size` bytes (26 at least), so that only its length is wrong.
                head, tail = b'{"errcode":-1,"errmsg":"', b'"}'
                whole, rest = divmod(max(fault.size - len(head + tail), 0), len(_CHUNK))
                chunks = chain([head], repeat(_CHUNK, whole), [_CHUNK[:rest] + tail])
                response = StreamingResponse(chunks, headers={"content-type": "text/plain"})
        return response

    async def _wait(self, request: Request, seconds: float | None) -> bool:
        """Waits so long or (None) for good, or until the faults are cleared; False if the client disconnects first."""
        disconnected = asyncio.ensure_future(request.receive())
        with self._lock:
            self._waiters.add(disconnected)
        try:
            await asyncio.wait({disconnected}, timeout=seconds)
            return not disconnected.done() or disconnected.cancelled()
        finally:
            with self._lock:
                self._waiters.discard(disconnected)
            disconnected.cancel()
            await asyncio.gather(disconnected, return_exceptions=True)
