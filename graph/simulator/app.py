"""WeChat's server and the phone as one ASGI application, for the root of a server or any prefix of another."""

from functools import partial

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from graph.simulator.bodies import json_response, parse_fields, read_body
from graph.simulator.device import ACTIONS, Action
from graph.simulator.endpoints import ENDPOINTS, ApiRequest, Endpoint
from graph.simulator.errors import BadRequest, Errcode, ErrcodeError
from graph.simulator.faults import play
from graph.simulator.state import SimulatorState

# Every method reaches the endpoint: a wrong one is an errcode with WeChat, never a 405.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def create_simulator(state: SimulatorState) -> Starlette:
    """An application without lifespan or global state: two of them in one process are independent."""
    endpoints = [_endpoint(state, path, endpoint) for path, endpoint in ENDPOINTS.items()]
    return Starlette(routes=[*endpoints, *(_action(state, action) for action in ACTIONS)])


def _action(state: SimulatorState, action: Action) -> Route:
    async def serve(request: Request) -> Response:
        try:
            body = await read_body(request)
            if body and not _is_json(request.headers):
                return json_response({"errMsg": f"{action.name}:fail send the body as application/json"}, status=415)
            return json_response(action.act(state, parse_fields(action.fields, body)))
        except ClientDisconnect:
            return Response()
        except BadRequest as error:
            return json_response({"errMsg": f"{action.name}:fail {error}"}, status=400)

    return Route(action.path, serve, methods=[action.method])


def _endpoint(state: SimulatorState, path: str, endpoint: Endpoint) -> Route:
    async def serve(request: Request) -> Response:
        if request.method not in {"GET", "HEAD"} and "content-length" not in request.headers:
            return Response(status_code=412)
        try:
            body = await read_body(request)
        except ClientDisconnect:
            return Response()
        except BadRequest:
            return _refusal(state, path, Errcode.MALFORMED_POST)
        api_request = ApiRequest(request.method, request.query_params, body)

        def respond() -> Response:
            return _response(state, path, endpoint, api_request)

        fault = state.faults.take(path)
        if fault is None:
            return respond()
        refuse = partial(_refusal, state, path)
        return await play(fault, state.faults, request, respond=respond, refuse=refuse)

    return Route(path, serve, methods=_METHODS)


def _response(state: SimulatorState, path: str, endpoint: Endpoint, request: ApiRequest) -> Response:
    try:
        payload = endpoint(state, request)
    except ErrcodeError as error:
        return _refusal(state, path, error.errcode, error.errmsg)
    # Only the oldest family sends its successes as text; the others name an "encoding" that no client needs.
    content_type = "text/plain" if path.startswith("/sns/") else "application/json; encoding=utf-8"
    return json_response(payload, content_type=content_type)


def _refusal(state: SimulatorState, path: str, errcode: int, errmsg: str | None = None) -> Response:
    """`/sns` puts a comma before the rid, the others do not, and `/wxa` adds a hint to an invalid code."""
    errmsg = errmsg or ErrcodeError(errcode).errmsg
    if path.startswith("/sns/"):
        errmsg += ","
    elif path.startswith("/wxa/") and errcode == Errcode.INVALID_CODE:
        errmsg += f" hint: [{state.fakes.hint()}]"
    payload = {"errcode": errcode, "errmsg": f"{errmsg} rid: {state.fakes.rid(state.clock())}"}
    return json_response(payload, content_type="text/plain")


def _is_json(headers: Headers) -> bool:
    """For a page from elsewhere a browser sends any other type without asking, and names the page as the origin."""
    return "origin" not in headers or headers.get("content-type", "").startswith("application/json")
