"""WeChat's endpoints: one function for each, from a request to the JSON of success."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from graph.simulator import errors
from graph.simulator.crypto import sign_for_server
from graph.simulator.errors import ErrcodeError
from graph.simulator.state import SimulatorState
from graph.simulator.users import User

SEEN_WITHIN = 2 * 3600.0
CONTENT_LIMIT = 2500
CONTENT_TOO_LONG = 45002
SCENES = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, read to its end."""

    method: str
    query: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """Raises ErrcodeError with 44002 or 47001."""
        if not self.body.strip():
            raise ErrcodeError(errors.EMPTY_POST)
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise ErrcodeError(errors.MALFORMED_POST) from None
        if not isinstance(value, dict):
            raise ErrcodeError(errors.MALFORMED_POST)
        return value


def jscode2session(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    query = request.query
    # Before the method: a POST with its parameters in the body gets the error of a missing appid.
    _check_present(query, "appid")
    _check_method(request, "GET")
    _check_grant_type(query, "authorization_code")
    _check_app(state, query, wrong_secret=errors.INVALID_APPSECRET)
    code = query.get("js_code")
    if not code:
        raise ErrcodeError(errors.CODE_MISSING)
    user = state.users.get(state.login_codes.use(code))
    session: dict[str, object] = {"session_key": state.session_keys.hand_over(user.name), "openid": user.openid}
    if user.unionid is not None:
        session["unionid"] = user.unionid
    # Without an errcode: that is how success looks here.
    return session


def token(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    _check_present(request.query, "appid")
    _check_method(request, "GET")
    _check_grant_type(request.query, "client_credential")
    _check_app(state, request.query, wrong_secret=errors.INVALID_CREDENTIAL)
    text, expires_in = state.access_tokens.fetch()
    return {"access_token": text, "expires_in": expires_in}


def stable_token(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    _check_method(request, "POST")
    body = request.json()
    _check_present(body, "appid")
    _check_grant_type(body, "client_credential")
    _check_app(state, body, wrong_secret=errors.INVALID_APPSECRET)
    force_refresh = body.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise ErrcodeError(errors.MALFORMED_POST)
    text, expires_in = state.access_tokens.fetch_stable(force_refresh=force_refresh)
    return {"access_token": text, "expires_in": expires_in}


def checksession(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    _signed_user(state, request)
    return {"errcode": 0, "errmsg": "ok"}


def resetusersessionkey(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    user = _signed_user(state, request)
    session_key = state.session_keys.reset(user.name)
    return {"errcode": 0, "errmsg": "ok", "openid": user.openid, "session_key": session_key}


def getuserphonenumber(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    body = _authorised_post(state, request)
    code, openid = body.get("code"), body.get("openid")
    if not code:
        raise ErrcodeError(errors.CODE_MISSING)
    grant = state.phone_codes.look_up(str(code))
    # Given, the openid must be the one that the code was made for; a wrong one does not use the code up.
    if openid is not None and state.users.get(grant.user).openid != openid:
        raise ErrcodeError(errors.INVALID_CODE)
    state.phone_codes.use(str(code))
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": grant.number.shown,
            "purePhoneNumber": grant.number.pure,
            "countryCode": grant.number.country_code,
            "watermark": {"timestamp": grant.at, "appid": state.app_id},
        },
    }


def msg_sec_check(state: SimulatorState, request: ApiRequest) -> dict[str, object]:
    body = _authorised_post(state, request, wrong_method=errors.WRONG_METHOD)
    content = body.get("content")
    if not content:
        raise ErrcodeError(errors.EMPTY_POST)
    if body.get("version") not in (2, "2") or not isinstance(content, str):
        raise ErrcodeError(errors.MALFORMED_POST)
    if len(content) > CONTENT_LIMIT:
        raise ErrcodeError(CONTENT_TOO_LONG)
    if body.get("scene") not in SCENES:
        raise ErrcodeError(errors.INVALID_SCENE)
    user = _user(state, body.get("openid"))
    if user.last_seen is None or state.clock() - user.last_seen > SEEN_WITHIN:
        raise ErrcodeError(errors.USER_UNSEEN)
    texts = [content, *(str(body.get(name, "")) for name in ("nickname", "title", "signature"))]
    verdict, word = state.text_check.judge(texts, request.body)
    result = {"suggest": verdict.suggest, "label": verdict.label}
    detail: list[dict[str, object]] = [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}]
    if word is not None:
        detail.append({"strategy": "keyword", "errcode": 0, **result, "level": 90, "keyword": word})
    return {
        "errcode": 0,
        "errmsg": "ok",
        "result": result,
        "detail": detail,
        "trace_id": state.fakes.rid(state.clock()),
    }


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


def _check_method(request: ApiRequest, method: str, errcode: int | None = None) -> None:
    if request.method != method:
        raise ErrcodeError(errcode or (errors.REQUIRE_GET if method == "GET" else errors.REQUIRE_POST))


def _check_present(parameters: Mapping[str, object], name: str) -> None:
    if not parameters.get(name):
        raise ErrcodeError(errors.APPID_MISSING if name == "appid" else errors.APPSECRET_MISSING)


def _check_grant_type(parameters: Mapping[str, object], grant_type: str) -> None:
    if parameters.get("grant_type") != grant_type:
        raise ErrcodeError(errors.INVALID_GRANT_TYPE)


def _check_app(state: SimulatorState, parameters: Mapping[str, object], *, wrong_secret: int) -> None:
    if parameters.get("appid") != state.app_id:
        raise ErrcodeError(errors.INVALID_APPID)
    _check_present(parameters, "secret")
    if not state.is_secret(str(parameters["secret"])):
        # The long wording of 40001 speaks of access tokens; where the secret is wrong, it ends earlier.
        raise ErrcodeError(wrong_secret, "invalid credential" if wrong_secret == errors.INVALID_CREDENTIAL else None)


def _user(state: SimulatorState, openid: object) -> User:
    user = state.users.by_openid(openid) if isinstance(openid, str) else None
    if user is None:
        raise ErrcodeError(errors.INVALID_OPENID)
    return user


def _signed_user(state: SimulatorState, request: ApiRequest) -> User:
    _check_method(request, "GET")
    state.access_tokens.check(request.query.get("access_token"))
    user = _user(state, request.query.get("openid"))
    if request.query.get("sig_method") != "hmac_sha256":
        raise ErrcodeError(errors.INVALID_SIG_METHOD)
    expected = sign_for_server(state.session_keys.current(user.name))
    if not hmac.compare_digest(request.query.get("signature", "").encode(), expected.encode()):
        raise ErrcodeError(errors.INVALID_SIGNATURE)
    return user


def _authorised_post(
    state: SimulatorState, request: ApiRequest, *, wrong_method: int = errors.REQUIRE_POST
) -> dict[str, object]:
    _check_method(request, "POST", wrong_method)
    access_token = request.query.get("access_token")
    if not access_token and b'"access_token"' in request.body:
        # WeChat reads a token from the query only, and this is how it speaks of one in the body.
        raise ErrcodeError(errors.MALFORMED_POST)
    state.access_tokens.check(access_token)
    return request.json()
