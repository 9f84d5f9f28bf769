"""WeChat's side over HTTP: the 412 for bodies without a length, the faults, the endpoints, the shape of errors."""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from graph.simulator.endpoints import ENDPOINTS, Endpoint, Question
from graph.simulator.errors import INVALID_CODE, MALFORMED_POST, Misplayed, Refused
from graph.simulator.fault_responses import play
from graph.simulator.state import SimulatorState
from graph.simulator.wire import json_response, read_body

# Every method reaches the endpoint: a wrong one is an errcode with WeChat, never a 405.
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def wechat_routes(state: SimulatorState) -> list[Route]:
    return [_route(state, path, endpoint) for path, endpoint in ENDPOINTS.items()]


def _route(state: SimulatorState, path: str, endpoint: Endpoint) -> Route:
    async def serve(request: Request) -> Response:
        if request.method not in {"GET", "HEAD"} and "content-length" not in request.headers:
            return Response(status_code=412)
        try:
            body = await read_body(request)
        except ClientDisconnect:
            return Response()
        except Misplayed:
            return _refusal(state, path, MALFORMED_POST)
        question = Question(request.method, request.query_params, body)

        def answer() -> Response:
            return _answer(state, path, endpoint, question)

        fault = state.faults.take(path)
        if fault is None:
            return answer()
        return await play(
            fault,
            state.faults,
            request,
            answer=answer,
            refuse=lambda errcode, errmsg: _refusal(state, path, errcode, errmsg),
        )

    return Route(path, serve, methods=_METHODS)


def _answer(state: SimulatorState, path: str, endpoint: Endpoint, question: Question) -> Response:
    try:
        payload = endpoint(state, question)
    except Refused as refused:
        return _refusal(state, path, refused.errcode, refused.errmsg)
    # Only the oldest family sends its successes as text; the others name an "encoding" that no client needs.
    content_type = "text/plain" if path.startswith("/sns/") else "application/json; encoding=utf-8"
    return json_response(payload, content_type=content_type)


def _refusal(state: SimulatorState, path: str, errcode: int, errmsg: str | None = None) -> Response:
    """`/sns` puts a comma before the rid, the others do not, and `/wxa` adds a hint to an invalid code."""
    errmsg = errmsg or Refused(errcode).errmsg
    if path.startswith("/sns/"):
        errmsg += ","
    elif path.startswith("/wxa/") and errcode == INVALID_CODE:
        errmsg += f" hint: [{state.chance.hint()}]"
    payload = {"errcode": errcode, "errmsg": f"{errmsg} rid: {state.chance.rid(state.clock())}"}
    return json_response(payload, content_type="text/plain")
