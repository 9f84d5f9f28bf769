"""The two sides as one ASGI application, for the root of a server or any prefix of another."""

from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from graph.simulator import device, fault_desk
from graph.simulator.body import Body
from graph.simulator.errors import Misplayed
from graph.simulator.state import SimulatorState
from graph.simulator.wechat_side import wechat_routes
from graph.simulator.wire import json_response, read_body

Action = Callable[[SimulatorState, Body], dict[str, object]]

# By path: the name that the action has in `errMsg`, and what it does.
_ACTIONS: Mapping[str, tuple[str, Action]] = {
    "/device/login": ("login", device.login),
    "/device/user-info": ("getUserInfo", device.user_info),
    "/device/phone-number": ("getPhoneNumber", device.phone_number),
    "/device/check-session": ("checkSession", device.check_session),
    "/device/expire-session-key": ("expireSessionKey", device.expire_session_key),
    "/device/faults": ("faults", fault_desk.order),
}
_VIEWS: Mapping[tuple[str, str], Callable[[SimulatorState], dict[str, object]]] = {
    ("GET", "/device/people"): device.people,
    ("GET", "/device/faults"): fault_desk.listing,
    ("DELETE", "/device/faults"): fault_desk.clear,
}


def create_simulator(state: SimulatorState) -> Starlette:
    """An application without lifespan or global state: two of them in one process do not meet."""
    views = [_view(state, method, path, look) for (method, path), look in _VIEWS.items()]
    actions = [_action(state, path, name, act) for path, (name, act) in _ACTIONS.items()]
    return Starlette(routes=[*wechat_routes(state), *views, *actions])


def _view(state: SimulatorState, method: str, path: str, look: Callable[[SimulatorState], dict[str, object]]) -> Route:
    async def serve(_request: Request) -> Response:
        return json_response(look(state))

    return Route(path, serve, methods=[method])


def _action(state: SimulatorState, path: str, name: str, act: Action) -> Route:
    async def serve(request: Request) -> Response:
        try:
            body = await read_body(request)
            if body and not _is_json(request.headers):
                return json_response({"errMsg": f"{name}:fail send the body as application/json"}, status=415)
            return json_response(act(state, Body(body)))
        except ClientDisconnect:
            return Response()
        except Misplayed as misplayed:
            return json_response({"errMsg": f"{name}:fail {misplayed}"}, status=400)

    return Route(path, serve, methods=["POST"])


def _is_json(headers: Headers) -> bool:
    """For a page from elsewhere a browser sends any other type without asking, and names the page as the origin."""
    return "origin" not in headers or headers.get("content-type", "").startswith("application/json")
