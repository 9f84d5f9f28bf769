"""WeChat's server and the phone as one ASGI application, for the root of a server or any prefix of another."""

from asyncio import to_thread
from functools import partial

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graph.simulator import device, events, faces, open_abilities, pictures
from graph.simulator.device import Action
from graph.simulator.endpoints import ENDPOINTS, answer, named_app
from graph.simulator.protocol import BadRequest, Errcode, ErrcodeError
from graph.simulator.state import SimulatorState

MAX_BODY = 1024 * 1024
# Every method reaches the endpoint: a wrong one is an errcode with WeChat, never a 405.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def create_simulator(state: SimulatorState) -> Starlette:
    """An application without lifespan or global state: two of them in one process are independent."""
    server = [Route(path, partial(_call_endpoint, state, path), methods=_METHODS) for path in ENDPOINTS]
    actions = {**device.ACTIONS, **events.ACTIONS, **faces.ACTIONS, **open_abilities.ACTIONS}
    phone = [Route(path, partial(_act, state, action), methods=[method]) for (method, path), action in actions.items()]
    return Starlette(routes=[*server, *phone, Route(faces.ROUTE, _face)])


async def _face(request: Request) -> Response:
    name, images = request.path_params["name"], pictures.load_images()
    if len(name) > faces.NAME_LENGTH:
        return JSONResponse({"errMsg": "faces:fail no such face"}, 404)
    face = pictures.BLANK if images is None else await to_thread(images.draw_face, name)
    return Response(face, media_type="image/png")


async def _act(state: SimulatorState, action: Action, request: Request) -> Response:
    name, fields, act = action
    is_json = request.headers.get("content-type", "").startswith("application/json")
    try:
        body = await _read_body(request)
        # For a page from elsewhere a browser sends any other type without asking, and names the page as the origin.
        if request.method == "POST" and "origin" in request.headers and not is_json:
            return JSONResponse({"errMsg": f"{name}:fail send the body as application/json"}, status_code=415)
        result = act(state, fields.parse(body))
        return JSONResponse(result if isinstance(result, dict) else await result)
    except ClientDisconnect:
        return Response()
    except BadRequest as error:
        return JSONResponse({"errMsg": f"{name}:fail {error}"}, status_code=400)


async def _call_endpoint(state: SimulatorState, path: str, request: Request) -> Response:
    def refuse(error: ErrcodeError) -> Response:
        errmsg = error.errmsg
        # `/sns` puts a comma before the rid, the others do not, and `/wxa` adds a hint to an invalid code.
        if path.startswith("/sns/"):
            errmsg += ","
        elif path.startswith("/wxa/") and error.errcode == Errcode.INVALID_CODE:
            errmsg += f" hint: [{state.fakes.hint()}]"
        payload = {"errcode": error.errcode, "errmsg": f"{errmsg} rid: {state.fakes.rid(state.clock())}"}
        return JSONResponse(payload, headers={"content-type": "text/plain"})

    def respond() -> Response:
        try:
            payload = answer(state, path, request, body)
        except ErrcodeError as error:
            return refuse(error)
        if isinstance(payload, Response):
            return payload
        # Only the oldest family sends its successes as text; the others name an "encoding" that no client needs.
        content_type = "text/plain" if path.startswith("/sns/") else "application/json; encoding=utf-8"
        # Given as a header, so that Starlette adds no charset that WeChat does not send.
        return JSONResponse(payload, headers={"content-type": content_type})

    state.calls[path] += 1
    if request.method not in {"GET", "HEAD"} and "content-length" not in request.headers:
        return Response(status_code=412)
    try:
        body = await _read_body(request)
    except ClientDisconnect:
        return Response()
    except BadRequest:
        return refuse(ErrcodeError(Errcode.MALFORMED_POST))
    return await state.faults.play(path, named_app(state, request, body), request, respond, refuse)


async def _read_body(request: Request) -> bytes:
    """Raises `BadRequest` above 1 MiB, which no client of WeChat needs."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            message = f"the body is larger than {MAX_BODY} bytes"
            raise BadRequest(message)
    return bytes(body)
