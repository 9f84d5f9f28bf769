"""WeChat's server and the phone as one ASGI application, for the root of a server or any prefix of another."""

from asyncio import to_thread
from functools import partial

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graph.simulator import calls, control, device, events, faces, open_abilities, openapi, pictures
from graph.simulator.callers import named_app, named_user
from graph.simulator.device import Action
from graph.simulator.endpoints import ENDPOINTS, answer
from graph.simulator.faults import Fault
from graph.simulator.journal import Exchange
from graph.simulator.masking import shortened
from graph.simulator.page import Page
from graph.simulator.protocol import BadRequest, Errcode, ErrcodeError
from graph.simulator.state import SimulatorState

MAX_BODY = 2 * 1024 * 1024
# Every method reaches the endpoint: a wrong one is an errcode with WeChat, never a 405.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

ACTIONS = {
    **device.ACTIONS,
    **events.ACTIONS,
    **faces.ACTIONS,
    **open_abilities.ACTIONS,
    **control.ACTIONS,
    **calls.ACTIONS,
}


def create_simulator(state: SimulatorState) -> Starlette:
    """An application without lifespan or global state: two of them in one process are independent."""
    server = [Route(path, partial(_call_endpoint, state, path), methods=_METHODS) for path in ENDPOINTS]
    phone = [Route(path, partial(_act, state, action), methods=[method]) for (method, path), action in ACTIONS.items()]

    async def page(request: Request) -> Response:
        return Page(state, request, ACTIONS).response()

    async def unmatched(request: Request, _error: Exception) -> Response:
        """A path with a line break, which no pattern of a route matches."""
        return await _call_endpoint(state, None, request)

    return Starlette(
        exception_handlers={404: unmatched},
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/favicon.ico", _no_icon, methods=["GET"]),
            *server,
            *phone,
            Route(openapi.PATH, _openapi),
            Route(faces.ROUTE, _face),
            Route("/device/{action:path}", _no_such_action, methods=_METHODS),
            Route("/{path:path}", partial(_call_endpoint, state, None), methods=_METHODS),
        ],
    )


async def _face(request: Request) -> Response:
    name, images = request.path_params["name"], pictures.load_images()
    if len(name) > faces.NAME_LENGTH:
        return JSONResponse({"errMsg": "faces:fail no such face"}, 404)
    face = pictures.BLANK if images is None else await to_thread(images.draw_face, name)
    return Response(face, media_type="image/png")


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi.document(ACTIONS, openapi.base_url(request)))


async def _no_icon(_request: Request) -> Response:
    """A browser asks for it by itself: no call of WeChat's for the journal."""
    return Response(status_code=204)


async def _no_such_action(_request: Request) -> Response:
    return JSONResponse({"errMsg": "device:fail no such action, or not with this method"}, 404)


async def _act(state: SimulatorState, action: Action, request: Request) -> Response:
    name, fields, act = action
    is_json = request.headers.get("content-type", "").startswith("application/json")
    try:
        body = await _read_body(request)
        # For a page from elsewhere a browser sends any other type without asking, and names the page as the origin.
        if request.method == "POST" and "origin" in request.headers and not is_json:
            return JSONResponse({"errMsg": f"{name}:fail send the body as application/json"}, status_code=415)
        if request.method == "GET" and not body:
            body = orjson.dumps(dict(request.query_params))
        given = fields.parse(body)
        result = act(state, given)
        result = result if isinstance(result, dict) else await result
    except ClientDisconnect:
        return Response()
    except BadRequest as error:
        return JSONResponse({"errMsg": f"{name}:fail {error}"}, status_code=400)
    if request.method != "GET":
        calls.record_act(state, name, given, result)
    return JSONResponse(result)


async def _call_endpoint(state: SimulatorState, known: str | None, request: Request) -> Response:
    """Responds as WeChat does; `known` is the path of an endpoint that is played."""
    path = known or request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    at = state.journal.now()
    body, fault = b"", None

    def refuse(error: ErrcodeError) -> Response:
        errmsg = error.errmsg
        # `/sns` puts a comma before the rid, the others do not, and `/wxa` adds a hint to an invalid code.
        if path.startswith("/sns/"):
            errmsg += ","
        elif path.startswith("/wxa/") and error.errcode == Errcode.INVALID_CODE:
            errmsg += f" hint: [{state.fakes.hint()}]"
        payload = {"errcode": error.errcode, "errmsg": f"{errmsg} rid: {state.fakes.rid(state.clock())}"}
        return JSONResponse(payload, headers={"content-type": "text/plain"})

    async def respond() -> Response:
        try:
            if known is None:
                raise ErrcodeError(Errcode.INVALID_URL)  # noqa: TRY301 - as every endpoint does
            payload = await answer(state, known, request, body)
        except ErrcodeError as error:
            return refuse(error)
        if isinstance(payload, Response):
            return payload
        # Only the oldest family sends its successes as text; the others name an "encoding" that no client needs.
        content_type = "text/plain" if path.startswith("/sns/") else "application/json; encoding=utf-8"
        # Given as a header, so that Starlette adds no charset that WeChat does not send.
        return JSONResponse(payload, headers={"content-type": content_type})

    if known is not None:
        state.calls[known] += 1
    if request.method not in {"GET", "HEAD"} and "content-length" not in request.headers:
        response = Response(status_code=412)
    else:
        try:
            body = await _read_body(request)
        except ClientDisconnect:
            return Response()
        except BadRequest:
            is_picture = path == "/wxa/img_sec_check"
            response = refuse(ErrcodeError(Errcode.INVALID_MEDIA_SIZE if is_picture else Errcode.MALFORMED_POST))
        else:
            fault = state.faults.take(path, named_app(state, request, body))
            response = await state.faults.play(fault, request, respond, refuse)
    await _record(state, request, path=path, at=at, body=body, response=response, fault=fault)
    return response


async def _record(
    state: SimulatorState, request: Request, *, path: str, at: int, body: bytes, response: Response, fault: Fault | None
) -> None:
    app = named_app(state, request, body)
    was_kept_waiting = fault is not None and fault.kind in {"hang", "delay"}
    exchange = Exchange(
        at=at,
        app=app if app in state.apps else None,
        method=request.method,
        path=path,
        query=dict(request.query_params),
        body=shortened(body),
        # Who waits too long goes away, without an answer.
        status=None if was_kept_waiting and await request.is_disconnected() else response.status_code,
        # What is streamed is of no interest but for its size.
        answer=shortened(bytes(getattr(response, "body", b""))),
        fault=None if fault is None else fault.kind,
        user=named_user(state, app, request, body),
        is_picture=response.headers.get("content-type", "").startswith("image/"),
    )
    state.journal.record(exchange)


async def _read_body(request: Request) -> bytes:
    """Raises `BadRequest` above 2 MiB; WeChat takes pictures of 1 MB."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            message = f"the body is larger than {MAX_BODY} bytes"
            raise BadRequest(message)
    return bytes(body)
