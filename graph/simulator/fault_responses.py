"""How each kind of fault looks on the wire."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from graph.simulator.bodies import json_response
from graph.simulator.faults import Fault, Faults

_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
_CHUNK = b"x" * 65536


async def play(
    fault: Fault,
    faults: Faults,
    request: Request,
    *,
    respond: Callable[[], Response],
    refuse: Callable[[int, str | None], Response],
) -> Response:
    """`respond` carries the request out. The body of `request` must have been read, or its end would not be seen."""
    if fault.kind in {"delay", "truncated", "missing-openid"}:
        return await _spoil(fault, faults, request, respond())
    done = respond() if fault.carried_out else None
    if fault.kind == "hang":
        if await _client_waits(request, faults, seconds=None):
            return done or respond()
        return Response()
    if fault.kind == "errcode":
        return refuse(fault.errcode, fault.errmsg)
    return _stand_in(fault)


async def _spoil(fault: Fault, faults: Faults, request: Request, response: Response) -> Response:
    if fault.kind == "delay":
        await _client_waits(request, faults, seconds=fault.seconds)
        return response
    body = bytes(response.body)
    if fault.kind == "truncated":
        return Response(body[: len(body) // 2], headers={"content-type": response.headers["content-type"]})
    payload = {name: value for name, value in orjson.loads(body).items() if name != "openid"}
    return json_response(payload, content_type=response.headers["content-type"])


def _stand_in(fault: Fault) -> Response:
    match fault.kind:
        case "html":
            return Response(_PAGE.format("WeChat"), headers={"content-type": "text/html"})
        case "bad-gateway":
            return Response(_PAGE.format("502 Bad Gateway"), status_code=502, headers={"content-type": "text/html"})
        case "huge":
            return StreamingResponse(_huge(fault.size), headers={"content-type": "text/plain"})
        case _:
            return Response(headers={"content-type": "text/html; charset=gbk"})


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
    loop = asyncio.get_running_loop()
    cleared = asyncio.Event()
    gone = asyncio.ensure_future(_disconnect(request))
    over = asyncio.ensure_future(cleared.wait())
    with faults.on_clear(lambda: loop.call_soon_threadsafe(cleared.set)):
        try:
            await asyncio.wait({gone, over}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return not gone.done()
        finally:
            gone.cancel()
            over.cancel()
            await asyncio.gather(gone, over, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
