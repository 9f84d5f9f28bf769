"""Faults on demand: which of WeChat's endpoints shall fail, how, how often, and how that looks on the wire."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Annotated, Literal

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from graph.simulator.bodies import Fields, json_response

_PAGE = b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n</body>\r\n</html>\r\n"
_CHUNK = b"x" * 65536

FaultKind = Literal["errcode", "delay", "hang", "empty", "html", "bad-gateway", "truncated", "missing-openid", "huge"]


class Fault(Fields):
    """A fault of one endpoint's path or (None) of all, `times` times or (None) until cleared.

    `errcode` and `errmsg` belong to the kind "errcode", `seconds` to "delay", `size` (bytes) to "huge".
    `carried_out` lets the request take effect before its response is lost: a code is then used up, a token issued.
    """

    kind: FaultKind
    path: str | None = None
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
        self._waiters: set[Future[None]] = set()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """Remove every fault, and release the requests that hang or are delayed."""
        with self._lock:
            self._active.clear()
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            waiter.set_result(None)

    def take(self, path: str) -> Fault | None:
        """The first fault for the path, counted down by one."""
        with self._lock:
            for index, fault in enumerate(self._active):
                if fault.path in (None, path):
                    if fault.times is not None:
                        left = [fault.model_copy(update={"times": fault.times - 1})] if fault.times > 1 else []
                        self._active[index : index + 1] = left
                    return fault
        return None

    def active(self) -> list[Fault]:
        """Each fault with the number of times that are left."""
        with self._lock:
            return list(self._active)

    @contextmanager
    def cleared(self) -> Iterator[Future[None]]:
        """A future that is done if the faults are cleared meanwhile, from any thread."""
        waiter: Future[None] = Future()
        with self._lock:
            self._waiters.add(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def waiting(self) -> int:
        """How many requests hang or are delayed."""
        return len(self._waiters)


async def play(
    fault: Fault,
    faults: Faults,
    request: Request,
    *,
    respond: Callable[[], Response],
    refuse: Callable[[int, str | None], Response],
) -> Response:
    """`respond` carries the request out. The body of `request` must have been read, or its end would not be seen."""
    spoils = fault.kind in {"delay", "truncated", "missing-openid"}
    done = respond() if spoils or fault.carried_out else Response()
    body, content_type = bytes(done.body), done.headers.get("content-type", "")
    match fault.kind:
        case "delay":
            await _client_waits(request, faults, seconds=fault.seconds)
            return done
        case "hang":
            waited = await _client_waits(request, faults, seconds=None)
            return respond() if waited and not fault.carried_out else done
        case "errcode":
            return refuse(fault.errcode, fault.errmsg)
        case "missing-openid":
            payload = {name: value for name, value in orjson.loads(body).items() if name != "openid"}
            return json_response(payload, content_type=content_type)
        case "huge":
            return StreamingResponse(_huge(fault.size), headers={"content-type": "text/plain"})
    # By kind: status, body, content-type.
    status, content, media = {
        "truncated": (200, body[: len(body) // 2], content_type),
        "html": (200, _PAGE % (b"WeChat", b"WeChat"), "text/html"),
        "bad-gateway": (502, _PAGE % (b"502 Bad Gateway", b"502 Bad Gateway"), "text/html"),
        "empty": (200, b"", "text/html; charset=gbk"),
    }[fault.kind]
    return Response(content, status_code=status, headers={"content-type": media})


async def _huge(size: int) -> AsyncIterator[bytes]:
    """Valid JSON of exactly `size` bytes (28 at least), so that only its length is wrong."""
    head, tail = b'{"errcode":-1,"errmsg":"', b'"}'
    left = size - len(head) - len(tail)
    yield head
    while left > 0:
        yield _CHUNK[:left]
        left -= len(_CHUNK)
    yield tail


async def _client_waits(request: Request, faults: Faults, *, seconds: float | None) -> bool:
    """Wait until the client disconnects (False) or the faults are cleared.

    A server that stops without clearing the faults must cancel the request (uvicorn: `timeout_graceful_shutdown`).
    """
    gone = asyncio.ensure_future(_disconnect(request))
    with faults.cleared() as cleared:
        try:
            over = {gone, asyncio.wrap_future(cleared)}
            await asyncio.wait(over, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return not gone.done()
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
