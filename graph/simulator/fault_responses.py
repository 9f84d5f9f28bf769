"""How each kind of fault looks on the wire."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from graph.simulator.bodies import json_response
from graph.simulator.faults import Fault, Faults

_PAGE = b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n</body>\r\n</html>\r\n"
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
