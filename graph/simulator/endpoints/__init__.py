"""WeChat's endpoints: one function for each, from a request to the JSON of success, in a module for each family.

`requests` is what most of them ask of a request first. `sign_in` has sessions and access tokens, `user_data` what
WeChat gives of a user, `content` the checks of texts and pictures.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.requests import Request

from graph.simulator.endpoints import content, sign_in, user_data
from graph.simulator.endpoints.requests import Answer, json_object
from graph.simulator.protocol import ErrcodeError
from graph.simulator.state import SimulatorState

ENDPOINTS: Mapping[str, Callable[[SimulatorState, Request, bytes], Answer]] = {
    "/sns/jscode2session": sign_in.jscode2session,
    "/cgi-bin/token": sign_in.token,
    "/cgi-bin/stable_token": sign_in.stable_token,
    "/wxa/checksession": sign_in.checksession,
    "/wxa/resetusersessionkey": sign_in.resetusersessionkey,
    "/wxa/business/getuserphonenumber": user_data.getuserphonenumber,
    "/wxa/msg_sec_check": content.msg_sec_check,
    "/wxa/media_check_async": content.media_check_async,
}


def named_app(state: SimulatorState, request: Request, body: bytes) -> str | None:
    """The AppID that a request names, itself or by its access token, with nothing of it checked."""
    if app := state.app_of_token(request.query_params.get("access_token")):
        return app.app_id
    app_id: object = request.query_params.get("appid")
    with suppress(ErrcodeError):
        app_id = app_id or json_object(body).get("appid")
    return app_id if isinstance(app_id, str) else None
