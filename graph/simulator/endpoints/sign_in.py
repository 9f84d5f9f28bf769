"""Signing in: a code against a session, access tokens, and what can be done with a session_key."""

from typing import Final

from starlette.requests import Request

from graph.simulator.endpoints.requests import OK, Answer, app_with_secret, json_object, signed_user
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState

# Developer Tools that run without an AppID give this one, always; WeChat itself refuses it.
TOURIST_CODE: Final = "the code is a mock one"
TOURIST: Final = "tourist"


def jscode2session(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    query = request.query_params
    # Before the method: a POST with its parameters in the body gets the error of a missing appid.
    require(query.get("appid"), Errcode.APPID_MISSING)
    require(request.method == "GET", Errcode.REQUIRE_GET)
    app = app_with_secret(state, query, "authorization_code", ErrcodeError(Errcode.INVALID_APPSECRET))
    require(query.get("js_code"), Errcode.CODE_MISSING)
    is_tourist = query["js_code"] == TOURIST_CODE
    name = TOURIST if is_tourist else app.login_codes.look_up(query["js_code"])
    user = app.users.get(name)
    require(not user.account.is_blocked, Errcode.CODE_BLOCKED)
    if not is_tourist:
        app.login_codes.use(query["js_code"])
    # Without an errcode: that is how success looks here.
    session: dict[str, object] = {"session_key": app.session_keys.hand_over(name), "openid": user.openid}
    return session | ({"unionid": user.unionid} if user.unionid else {})


def token(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    require(request.query_params.get("appid"), Errcode.APPID_MISSING)
    require(request.method == "GET", Errcode.REQUIRE_GET)
    # The long wording of 40001 speaks of access tokens; where the secret is wrong, it ends earlier.
    wrong_secret = ErrcodeError(Errcode.INVALID_CREDENTIAL, "invalid credential")
    app = app_with_secret(state, request.query_params, "client_credential", wrong_secret)
    return app.access_tokens.fetch()


def stable_token(state: SimulatorState, request: Request, body: bytes) -> Answer:
    require(request.method == "POST", Errcode.REQUIRE_POST)
    fields = json_object(body)
    require(fields.get("appid"), Errcode.APPID_MISSING)
    app = app_with_secret(state, fields, "client_credential", ErrcodeError(Errcode.INVALID_APPSECRET))
    force_refresh = fields.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    return app.access_tokens.fetch_stable(force_refresh=force_refresh)


def checksession(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    signed_user(state, request)
    return {**OK}


def resetusersessionkey(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    app, user = signed_user(state, request)
    return {**OK, "openid": user.openid, "session_key": app.session_keys.reset(user.account.name)}
