"""What a request to WeChat's server must have, whichever endpoint it is for: a method, JSON, an app, a user."""

import hmac
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from graph.simulator.apps import SimulatedApp
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState
from graph.simulator.users import User

# Success: the fields of JSON, or what is none.
Answer = dict[str, object] | Response

OK: Final = {"errcode": 0, "errmsg": "ok"}
# Seconds after which a user counts as gone, to the endpoints that ask about one who is there.
SEEN_WITHIN = 2 * 3600.0


def app_with_secret(
    state: SimulatorState, given: Mapping[str, object], grant_type: str, wrong_secret: ErrcodeError
) -> SimulatedApp:
    """The app that the fields name and prove to be."""
    require(given.get("grant_type") == grant_type, Errcode.INVALID_GRANT_TYPE)
    app = state.apps.get(str(given.get("appid")))
    if app is None:
        raise ErrcodeError(Errcode.INVALID_APPID)
    require(given.get("secret"), Errcode.APPSECRET_MISSING)
    if not hmac.compare_digest(str(given["secret"]).encode(), app.app_secret.encode()):
        raise wrong_secret
    return app


def authorised_app(state: SimulatorState, request: Request) -> SimulatedApp:
    """The app that was given the access token. Raises ErrcodeError with 41001, 40001 or 42001."""
    access_token = request.query_params.get("access_token")
    app = state.app_of_token(access_token) or state.apps[state.app_id]
    app.access_tokens.check(access_token)
    return app


def authorised_get(state: SimulatorState, request: Request) -> SimulatedApp:
    require(request.method == "GET", Errcode.REQUIRE_GET)
    return authorised_app(state, request)


def authorised_post(
    state: SimulatorState, request: Request, body: bytes, wrong_method: Errcode
) -> tuple[SimulatedApp, dict[str, object]]:
    """The app, and the fields of the body, which must be a JSON object."""
    require(request.method == "POST", wrong_method)
    # WeChat reads a token from the query only, and this is how it speaks of one in the body.
    require(request.query_params.get("access_token") or b'"access_token"' not in body, Errcode.MALFORMED_POST)
    return authorised_app(state, request), json_object(body)


def signed_user(
    state: SimulatorState, request: Request, methods: Collection[str] = ("GET",)
) -> tuple[SimulatedApp, User]:
    """The app, and the user whose session_key signed nothing at all. Raises ErrcodeError with 40003, 87008 or 87009."""
    require(request.method in methods, Errcode.REQUIRE_GET)
    app = authorised_app(state, request)
    user = app.users.by_openid(request.query_params.get("openid"))
    require(request.query_params.get("sig_method") == "hmac_sha256", Errcode.INVALID_SIG_METHOD)
    # Keyed by the session_key's base64 text, over nothing for a GET.
    expected = hmac.new(app.session_keys.current(user.account.name).encode(), b"", "sha256").hexdigest()
    given = request.query_params.get("signature", "")
    require(hmac.compare_digest(given.encode(), expected.encode()), Errcode.INVALID_SIGNATURE)
    return app, user


def seen_user(state: SimulatorState, app: SimulatedApp, fields: Mapping[str, object]) -> User:
    """The user of the openid. Raises ErrcodeError with 40003, or 61010 for one who was not there within two hours."""
    user = app.users.by_openid(fields.get("openid"))
    require(user.last_seen is not None and state.clock() - user.last_seen <= SEEN_WITHIN, Errcode.USER_UNSEEN)
    return user


def json_object(body: bytes) -> dict[str, object]:
    """Raises ErrcodeError with 44002 or 47001."""
    require(body.strip(), Errcode.EMPTY_POST)
    value = None
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(body)
    if not isinstance(value, dict):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    return value
