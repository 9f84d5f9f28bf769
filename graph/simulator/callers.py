"""For whom a server calls WeChat: the app, and the user whose code or openid a request brings."""

from contextlib import suppress

from starlette.requests import Request

from graph.simulator.endpoints.requests import json_object
from graph.simulator.endpoints.sign_in import TOURIST, TOURIST_CODE
from graph.simulator.protocol import ErrcodeError
from graph.simulator.state import SimulatorState


def named_app(state: SimulatorState, request: Request, body: bytes) -> str | None:
    """The AppID that a request names, itself or by its access token, with nothing of it checked."""
    if app := state.app_of_token(request.query_params.get("access_token")):
        return app.app_id
    app_id: object = request.query_params.get("appid")
    with suppress(ErrcodeError):
        app_id = app_id or json_object(body).get("appid")
    return app_id if isinstance(app_id, str) else None


def named_user(state: SimulatorState, app_id: str | None, request: Request, body: bytes) -> str | None:
    """The name of the user, whether the code is still good or not; None where nothing in the request stands for one."""
    app = state.apps.get(app_id or "")
    if app is None:
        return None
    fields: dict[str, object] = {}
    with suppress(ErrcodeError):
        fields = json_object(body)
    given = {**fields, **request.query_params}
    if given.get("js_code") == TOURIST_CODE:
        return TOURIST
    if login := app.login_codes.holder(str(given.get("js_code"))):
        return login
    if grant := app.phone_codes.holder(str(given.get("code"))):
        return grant[0].account.name
    if plugin_user := app.plugin_codes.holder(str(given.get("code"))):
        return plugin_user
    return app.users.name_of(str(given.get("openid", given.get("touser"))))
