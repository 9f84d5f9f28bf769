"""WeChat's endpoints: one function for each, from a request to the JSON of success."""

import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request

from graph.simulator import picture_checks
from graph.simulator.apps import SimulatedApp
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState
from graph.simulator.users import User

SEEN_WITHIN = 2 * 3600.0
CONTENT_LIMIT = 2500
_PICTURE: Final = 2
# The verdict on a text, by the word that it holds. Of several words, the first one here decides: the worst.
RISKY_WORDS: Final[Mapping[str, dict[str, object]]] = {
    "risky": {"suggest": "risky", "label": 21000},
    "违禁": {"suggest": "risky", "label": 20006},
    "广告": {"suggest": "risky", "label": 10001},
    "review": {"suggest": "review", "label": 21000},
}
# Developer Tools that run without an AppID give this one, always; WeChat itself refuses it.
TOURIST_CODE: Final = "the code is a mock one"
TOURIST: Final = "tourist"
_OK: Final = {"errcode": 0, "errmsg": "ok"}


def jscode2session(state: SimulatorState, request: Request, _body: bytes) -> dict[str, object]:
    query = request.query_params
    # Before the method: a POST with its parameters in the body gets the error of a missing appid.
    require(query.get("appid"), Errcode.APPID_MISSING)
    require(request.method == "GET", Errcode.REQUIRE_GET)
    app = _checked_app(state, query, "authorization_code", ErrcodeError(Errcode.INVALID_APPSECRET))
    require(query.get("js_code"), Errcode.CODE_MISSING)
    is_tourist = query["js_code"] == TOURIST_CODE
    name = TOURIST if is_tourist else app.login_codes.use(query["js_code"])
    user = app.users.get(name)
    # Without an errcode: that is how success looks here.
    session: dict[str, object] = {"session_key": app.session_keys.hand_over(name), "openid": user.openid}
    return session | ({"unionid": user.unionid} if user.unionid else {})


def token(state: SimulatorState, request: Request, _body: bytes) -> dict[str, object]:
    require(request.query_params.get("appid"), Errcode.APPID_MISSING)
    require(request.method == "GET", Errcode.REQUIRE_GET)
    # The long wording of 40001 speaks of access tokens; where the secret is wrong, it ends earlier.
    wrong_secret = ErrcodeError(Errcode.INVALID_CREDENTIAL, "invalid credential")
    app = _checked_app(state, request.query_params, "client_credential", wrong_secret)
    return app.access_tokens.fetch()


def stable_token(state: SimulatorState, request: Request, body: bytes) -> dict[str, object]:
    require(request.method == "POST", Errcode.REQUIRE_POST)
    fields = _object(body)
    require(fields.get("appid"), Errcode.APPID_MISSING)
    app = _checked_app(state, fields, "client_credential", ErrcodeError(Errcode.INVALID_APPSECRET))
    force_refresh = fields.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    return app.access_tokens.fetch_stable(force_refresh=force_refresh)


def checksession(state: SimulatorState, request: Request, _body: bytes) -> dict[str, object]:
    _signed_user(state, request)
    return {**_OK}


def resetusersessionkey(state: SimulatorState, request: Request, _body: bytes) -> dict[str, object]:
    app, user = _signed_user(state, request)
    return {**_OK, "openid": user.openid, "session_key": app.session_keys.reset(user.account.name)}


def getuserphonenumber(state: SimulatorState, request: Request, body: bytes) -> dict[str, object]:
    app, fields = _authorised_post(state, request, body, Errcode.REQUIRE_POST)
    require(fields.get("code"), Errcode.CODE_MISSING)
    code, openid = str(fields["code"]), fields.get("openid")
    user, phone_info = app.phone_codes.look_up(code)
    # Given, the openid must be the one that the code was made for; a wrong one does not use the code up.
    require(openid in (None, user.openid), Errcode.INVALID_CODE)
    app.phone_codes.use(code)
    return {**_OK, "phone_info": phone_info}


def msg_sec_check(state: SimulatorState, request: Request, body: bytes) -> dict[str, object]:
    app, fields = _authorised_post(state, request, body, Errcode.WRONG_METHOD)
    content = fields.get("content")
    require(content, Errcode.EMPTY_POST)
    if fields.get("version") not in (2, "2") or not isinstance(content, str):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    require(len(content) <= CONTENT_LIMIT, Errcode.CONTENT_TOO_LONG)
    require(fields.get("scene") in (1, 2, 3, 4), Errcode.INVALID_SCENE)
    _seen_user(state, app, fields)
    texts = [content, *(str(fields.get(name, "")) for name in ("nickname", "title", "signature"))]
    # A word counts only where the body spells it in real UTF-8: WeChat overlooks Chinese written as \uXXXX, and so
    # must this, or a client with that mistake would pass every test and check nothing in production.
    found = (word for word in RISKY_WORDS if word.encode() in body and any(word in text for text in texts))
    word = next(found, None)
    result = {"suggest": "pass", "label": 100} if word is None else RISKY_WORDS[word]
    detail: list[dict[str, object]] = [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}]
    # Of what does not find anything there is no suggestion.
    found_by_word = {} if word is None else {**result, "level": 90, "keyword": word}
    detail.append({"strategy": "keyword", "errcode": 0, **found_by_word})
    return {**_OK, "result": result, "detail": detail, "trace_id": state.fakes.rid(state.clock())}


def media_check_async(state: SimulatorState, request: Request, body: bytes) -> dict[str, object]:
    app, fields = _authorised_post(state, request, body, Errcode.WRONG_METHOD)
    url = fields.get("media_url")
    require(url, Errcode.EMPTY_POST)
    if fields.get("version") not in (2, "2") or not isinstance(url, str) or fields.get("media_type") != _PICTURE:
        raise ErrcodeError(Errcode.MALFORMED_POST)
    require(fields.get("scene") in (1, 2, 3, 4), Errcode.INVALID_SCENE)
    require(_is_web_address(url), Errcode.INVALID_URL)
    user = _seen_user(state, app, fields)
    return {**_OK, "trace_id": picture_checks.start(state, app, user, url).trace_id}


ENDPOINTS: Mapping[str, Callable[[SimulatorState, Request, bytes], dict[str, object]]] = {
    "/sns/jscode2session": jscode2session,
    "/cgi-bin/token": token,
    "/cgi-bin/stable_token": stable_token,
    "/wxa/checksession": checksession,
    "/wxa/resetusersessionkey": resetusersessionkey,
    "/wxa/business/getuserphonenumber": getuserphonenumber,
    "/wxa/msg_sec_check": msg_sec_check,
    "/wxa/media_check_async": media_check_async,
}


def named_app(state: SimulatorState, request: Request, body: bytes) -> str | None:
    """The AppID that a request names, itself or by its access token, with nothing of it checked."""
    if app := state.app_of_token(request.query_params.get("access_token")):
        return app.app_id
    app_id: object = request.query_params.get("appid")
    with suppress(ErrcodeError):
        app_id = app_id or _object(body).get("appid")
    return app_id if isinstance(app_id, str) else None


def _checked_app(
    state: SimulatorState, given: Mapping[str, object], grant_type: str, wrong_secret: ErrcodeError
) -> SimulatedApp:
    require(given.get("grant_type") == grant_type, Errcode.INVALID_GRANT_TYPE)
    app = state.apps.get(str(given.get("appid")))
    if app is None:
        raise ErrcodeError(Errcode.INVALID_APPID)
    require(given.get("secret"), Errcode.APPSECRET_MISSING)
    if not hmac.compare_digest(str(given["secret"]).encode(), app.app_secret.encode()):
        raise wrong_secret
    return app


def _authorised_app(state: SimulatorState, access_token: str | None) -> SimulatedApp:
    """The app that was given the token. Raises ErrcodeError with 41001, 40001 or 42001."""
    app = state.app_of_token(access_token) or state.apps[state.app_id]
    app.access_tokens.check(access_token)
    return app


def _signed_user(state: SimulatorState, request: Request) -> tuple[SimulatedApp, User]:
    require(request.method == "GET", Errcode.REQUIRE_GET)
    app = _authorised_app(state, request.query_params.get("access_token"))
    user = app.users.by_openid(request.query_params.get("openid"))
    require(request.query_params.get("sig_method") == "hmac_sha256", Errcode.INVALID_SIG_METHOD)
    # Keyed by the session_key's base64 text, over nothing for a GET.
    expected = hmac.new(app.session_keys.current(user.account.name).encode(), b"", "sha256").hexdigest()
    given = request.query_params.get("signature", "")
    require(hmac.compare_digest(given.encode(), expected.encode()), Errcode.INVALID_SIGNATURE)
    return app, user


def _authorised_post(
    state: SimulatorState, request: Request, body: bytes, wrong_method: Errcode
) -> tuple[SimulatedApp, dict[str, object]]:
    require(request.method == "POST", wrong_method)
    access_token = request.query_params.get("access_token")
    # WeChat reads a token from the query only, and this is how it speaks of one in the body.
    require(access_token or b'"access_token"' not in body, Errcode.MALFORMED_POST)
    return _authorised_app(state, access_token), _object(body)


def _seen_user(state: SimulatorState, app: SimulatedApp, fields: Mapping[str, object]) -> User:
    """The user of the openid. Raises ErrcodeError with 40003, or 61010 for one who was not there within two hours."""
    user = app.users.by_openid(fields.get("openid"))
    require(user.last_seen is not None and state.clock() - user.last_seen <= SEEN_WITHIN, Errcode.USER_UNSEEN)
    return user


def _is_web_address(url: str) -> bool:
    with suppress(ValueError):
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    return False


def _object(body: bytes) -> dict[str, object]:
    require(body.strip(), Errcode.EMPTY_POST)
    value = None
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(body)
    if not isinstance(value, dict):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    return value
