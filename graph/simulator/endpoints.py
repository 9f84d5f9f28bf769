"""WeChat's endpoints: one function for each, from a request to the JSON of success."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from graph.simulator.crypto import sign_for_server
from graph.simulator.errors import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState
from graph.simulator.text_check import judge
from graph.simulator.users import User

SEEN_WITHIN = 2 * 3600.0
CONTENT_LIMIT = 2500
SCENES = (1, 2, 3, 4)
_OK = {"errcode": 0, "errmsg": "ok"}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, read to its end."""

    method: str
    query: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """Raises ErrcodeError with 44002 or 47001."""
        require(self.body.strip(), Errcode.EMPTY_POST)
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise ErrcodeError(Errcode.MALFORMED_POST)
        return value


def jscode2session(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    query = request.query
    # Before the method: a POST with its parameters in the body gets the error of a missing appid.
    require(query.get("appid"), Errcode.APPID_MISSING)
    require(request.method == "GET", Errcode.REQUIRE_GET)
    _check_app(state, query, "authorization_code", Errcode.INVALID_APPSECRET)
    require(query.get("js_code"), Errcode.CODE_MISSING)
    user = state.users.get(state.login_codes.use(query["js_code"]))
    # Without an errcode: that is how success looks here.
    session: dict[str, object] = {"session_key": state.session_keys.hand_over(user.name), "openid": user.openid}
    return session | ({"unionid": user.unionid} if user.unionid else {})


def token(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    require(request.query.get("appid"), Errcode.APPID_MISSING)
    require(request.method == "GET", Errcode.REQUIRE_GET)
    # The long wording of 40001 speaks of access tokens; where the secret is wrong, it ends earlier.
    _check_app(state, request.query, "client_credential", Errcode.INVALID_CREDENTIAL, "invalid credential")
    text, expires_in = state.access_tokens.fetch()
    return {"access_token": text, "expires_in": expires_in}


def stable_token(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    require(request.method == "POST", Errcode.REQUIRE_POST)
    body = request.json()
    require(body.get("appid"), Errcode.APPID_MISSING)
    _check_app(state, body, "client_credential", Errcode.INVALID_APPSECRET)
    force_refresh = body.get("force_refresh", False)
    require(isinstance(force_refresh, bool), Errcode.MALFORMED_POST)
    text, expires_in = state.access_tokens.fetch_stable(force_refresh=bool(force_refresh))
    return {"access_token": text, "expires_in": expires_in}


def checksession(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    _signed_user(state, request)
    return {**_OK}


def resetusersessionkey(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    user = _signed_user(state, request)
    return {**_OK, "openid": user.openid, "session_key": state.session_keys.reset(user.name)}


def getuserphonenumber(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    body = _authorised_post(state, request, Errcode.REQUIRE_POST)
    require(body.get("code"), Errcode.CODE_MISSING)
    code, openid = str(body["code"]), body.get("openid")
    user, phone_info = state.phone_codes.look_up(code)
    # Given, the openid must be the one that the code was made for; a wrong one does not use the code up.
    require(openid in (None, user.openid), Errcode.INVALID_CODE)
    state.phone_codes.use(code)
    return {**_OK, "phone_info": phone_info}


def msg_sec_check(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    body = _authorised_post(state, request, Errcode.WRONG_METHOD)
    content = body.get("content")
    require(content, Errcode.EMPTY_POST)
    if body.get("version") not in (2, "2") or not isinstance(content, str):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    require(len(content) <= CONTENT_LIMIT, Errcode.CONTENT_TOO_LONG)
    require(body.get("scene") in SCENES, Errcode.INVALID_SCENE)
    user = _user(state, body.get("openid"))
    seen = user.last_seen is not None and state.clock() - user.last_seen <= SEEN_WITHIN
    require(seen, Errcode.USER_UNSEEN)
    texts = [content, *(str(body.get(name, "")) for name in ("nickname", "title", "signature"))]
    verdict, word = judge(state.risky_words, texts, request.body)
    result = verdict._asdict()
    detail: list[dict[str, object]] = [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}]
    if word is not None:
        detail.append({"strategy": "keyword", "errcode": 0, **result, "level": 90, "keyword": word})
    return {**_OK, "result": result, "detail": detail, "trace_id": state.fakes.rid(state.clock())}


Endpoint = Callable[[SimulatorState, ApiRequest], dict[str, object]]

ENDPOINTS: Mapping[str, Endpoint] = {
    "/sns/jscode2session": jscode2session,
    "/cgi-bin/token": token,
    "/cgi-bin/stable_token": stable_token,
    "/wxa/checksession": checksession,
    "/wxa/resetusersessionkey": resetusersessionkey,
    "/wxa/business/getuserphonenumber": getuserphonenumber,
    "/wxa/msg_sec_check": msg_sec_check,
}


def _check_app(
    state: SimulatorState,
    parameters: Mapping[str, object],
    grant_type: str,
    wrong_secret: Errcode,
    errmsg: str | None = None,
) -> None:
    require(parameters.get("grant_type") == grant_type, Errcode.INVALID_GRANT_TYPE)
    require(parameters.get("appid") == state.app_id, Errcode.INVALID_APPID)
    require(parameters.get("secret"), Errcode.APPSECRET_MISSING)
    right = hmac.compare_digest(str(parameters["secret"]).encode(), state.app_secret.encode())
    require(right, wrong_secret, errmsg)


def _user(state: SimulatorState, openid: object) -> User:
    user = state.users.by_openid(openid)
    if user is None:
        raise ErrcodeError(Errcode.INVALID_OPENID)
    return user


def _signed_user(state: SimulatorState, request: ApiRequest) -> User:
    require(request.method == "GET", Errcode.REQUIRE_GET)
    state.access_tokens.check(request.query.get("access_token"))
    user = _user(state, request.query.get("openid"))
    require(request.query.get("sig_method") == "hmac_sha256", Errcode.INVALID_SIG_METHOD)
    expected = sign_for_server(state.session_keys.current(user.name))
    given = request.query.get("signature", "")
    require(hmac.compare_digest(given.encode(), expected.encode()), Errcode.INVALID_SIGNATURE)
    return user


def _authorised_post(state: SimulatorState, request: ApiRequest, wrong_method: Errcode) -> dict[str, object]:
    require(request.method == "POST", wrong_method)
    access_token = request.query.get("access_token")
    # WeChat reads a token from the query only, and this is how it speaks of one in the body.
    require(access_token or b'"access_token"' not in request.body, Errcode.MALFORMED_POST)
    state.access_tokens.check(access_token)
    return request.json()
