"""What WeChat knows of a user and gives to the server, against a code, a payment or a signature."""

import re
from typing import Final

from starlette.requests import Request

from graph.simulator.endpoints.requests import OK, Answer, authorised_get, authorised_post, signed_user
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState

ENCRYPTED_REMEMBERED_FOR: Final = 3 * 24 * 3600.0
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def getuserphonenumber(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    require(fields.get("code"), Errcode.CODE_MISSING)
    code, openid = str(fields["code"]), fields.get("openid")
    user, phone_info = app.phone_codes.look_up(code)
    # Given, the openid must be the one that the code was made for; a wrong one does not use the code up.
    require(openid in (None, user.openid), Errcode.INVALID_CODE)
    app.phone_codes.use(code)
    return {**OK, "phone_info": phone_info}


def checkencryptedmsg(state: SimulatorState, request: Request, body: bytes) -> Answer:
    """Whether WeChat has encrypted this within three days: it remembers phone numbers only."""
    app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    digest = fields.get("encrypted_msg_hash")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise ErrcodeError(Errcode.INVALID_ARGUMENTS)
    created_at = app.encrypted_numbers.get(digest)
    if created_at is None or state.clock() - created_at > ENCRYPTED_REMEMBERED_FOR:
        raise ErrcodeError(Errcode.DATA_UNKNOWN)
    # So spelt.
    return {**OK, "vaild": True, "create_time": int(created_at)}


def getuserencryptkey(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    # Mini-programs are to GET this and mini-games to POST it, with the same query.
    app, user = signed_user(state, request, ("GET", "POST"))
    keys = [
        {
            "encrypt_key": key.text,
            "version": key.version,
            "expire_in": app.user_keys.expires_in(key),
            "iv": key.iv,
            "create_time": int(key.created_at),
        }
        for key in app.user_keys.newest_first(user.account.name)
    ]
    return {**OK, "key_info_list": keys}


def getpluginopenpid(state: SimulatorState, request: Request, body: bytes) -> Answer:
    """A user of the plugin whose AppID the access token has, whichever mini-program it runs in."""
    try:
        app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    except ErrcodeError as error:
        # This endpoint has a number of its own for it.
        raise (ErrcodeError(Errcode.INVALID_JSON) if error.errcode == Errcode.MALFORMED_POST else error) from None
    code = fields.get("code")
    if not isinstance(code, str) or not code:
        raise ErrcodeError(Errcode.INVALID_REQUEST)
    if any(code in other.plugin_codes for other in state.apps.values() if other is not app):
        raise ErrcodeError(Errcode.WRONG_PLUGIN)
    require(code in app.plugin_codes, Errcode.OPENPID_UNKNOWN)
    name = app.plugin_codes.use(code)
    return {**OK, "openpid": "G" + state.fakes.derived_text("openpid", app.app_id, name)[:27]}


def getpaidunionid(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    app, query = authorised_get(state, request), request.query_params
    user = app.users.by_openid(query.get("openid"))
    payer = app.payments.payer(query.get("transaction_id"), query.get("mch_id"), query.get("out_trade_no"))
    require(payer is user, Errcode.INVALID_TRADE)
    require(user.unionid, Errcode.NO_OPEN_PLATFORM)
    return {"unionid": user.unionid, **OK}
