"""What else users do on their phones: plugins, payments, messages, keys, and what WeChat thinks of them.

USER stands for `user`, `app` and what may be set of the user, as in `device`.

    POST /device/plugin-login  USER                           -> code, as of wx.pluginLogin
    POST /device/pay           USER, outTradeNo               -> transactionId, mchId, outTradeNo: for getpaidunionid
    POST /device/subscribe     USER, tmplIds (all), deny      -> by template: "accept" (one message more) or "reject"
    GET  /device/messages                                     -> the messages that users of all apps have received
    POST /device/user-key      USER                           -> encryptKey, iv, version, expireTime: getLatestUserKey's
    POST /device/risk-rank     USER, rank (0 to 4)            -> what getuserriskrank finds from now on
    POST /device/pages         app, pages (all without it)    -> the pages that the published version has from now on
    POST /device/quota         app, path, limit (calls a day) -> from now on; more of them are errcode 45009
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from graph.simulator.device import Action, AppFields, ProfileFields, Result, app_and_user, app_in_hand
from graph.simulator.endpoints import ENDPOINTS, WITHOUT_QUOTA
from graph.simulator.protocol import BadRequest, Fields
from graph.simulator.state import SimulatorState
from graph.simulator.user_keys import KEY_LIFE
from graph.simulator.users import Text


class PayFields(ProfileFields):
    out_trade_no: Annotated[str, Field(min_length=1, max_length=32)] | None = None


class SubscribeFields(ProfileFields):
    tmpl_ids: Annotated[list[Text], Field(min_length=1, max_length=5)] | None = None
    deny: bool = False


class RankFields(ProfileFields):
    rank: Annotated[int, Field(ge=0, le=4)]


class PagesFields(AppFields):
    pages: list[Text] | None = None


class QuotaFields(AppFields):
    path: Text
    limit: Annotated[int, Field(ge=0)]


def plugin_login(state: SimulatorState, fields: ProfileFields) -> Result:
    """The app is the plugin's: it has an AppID as mini-programs have."""
    app, _ = app_and_user(state, fields)
    return {"errMsg": "pluginLogin:ok", "code": app.plugin_codes.issue(fields.user)}


def pay(state: SimulatorState, fields: PayFields) -> Result:
    """The phone itself learns no number: the merchant's server does, which is not played here."""
    app, user = app_and_user(state, fields)
    transaction_id, out_trade_no = app.payments.make(user, fields.out_trade_no)
    numbers = {"transactionId": transaction_id, "mchId": app.payments.mch_id, "outTradeNo": out_trade_no}
    return {"errMsg": "requestPayment:ok", **numbers}


def subscribe(state: SimulatorState, fields: SubscribeFields) -> Result:
    app, user = app_and_user(state, fields)
    asked = fields.tmpl_ids or [*app.subscriptions.templates]
    if any(template not in app.subscriptions.templates for template in asked):
        failed = "requestSubscribeMessage:fail No template data return, verify the template id exist"
        return {"errMsg": failed, "errCode": 20001}
    if not fields.deny:
        app.subscriptions.consents.update((user.openid, template) for template in asked)
    choice = "reject" if fields.deny else "accept"
    return {"errMsg": "requestSubscribeMessage:ok", **dict.fromkeys(asked, choice)}


def messages(state: SimulatorState, _fields: Fields) -> Result:
    sent = [message for app in state.apps.values() for message in app.subscriptions.sent]
    return {"errMsg": "messages:ok", "messages": sent}


def user_key(state: SimulatorState, fields: ProfileFields) -> Result:
    app, _ = app_and_user(state, fields)
    key = app.user_keys.latest(fields.user)
    expire_time = int(key.created_at + KEY_LIFE)
    found = {"encryptKey": key.text, "iv": key.iv, "version": key.version, "expireTime": expire_time}
    return {"errMsg": "getLatestUserKey:ok", **found}


def risk_rank(state: SimulatorState, fields: RankFields) -> Result:
    _, user = app_and_user(state, fields)
    user.account.risk_rank = fields.rank
    return {"errMsg": "riskRank:ok"}


def pages(state: SimulatorState, fields: PagesFields) -> Result:
    app = app_in_hand(state, fields.app)
    app.pages = None if fields.pages is None else frozenset(fields.pages)
    return {"errMsg": "pages:ok"}


def quota(state: SimulatorState, fields: QuotaFields) -> Result:
    app = app_in_hand(state, fields.app)
    limited = [path for path in ENDPOINTS if path not in WITHOUT_QUOTA]
    if fields.path not in limited:
        message = f"path: must be one of {', '.join(limited)}: calls of the others are not counted"
        raise BadRequest(message)
    app.quotas.limits[fields.path] = fields.limit
    return {"errMsg": "quota:ok"}


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("POST", "/device/plugin-login"): ("pluginLogin", ProfileFields, plugin_login),
    ("POST", "/device/pay"): ("requestPayment", PayFields, pay),
    ("POST", "/device/subscribe"): ("requestSubscribeMessage", SubscribeFields, subscribe),
    ("GET", "/device/messages"): ("messages", Fields, messages),
    ("POST", "/device/user-key"): ("getLatestUserKey", ProfileFields, user_key),
    ("POST", "/device/risk-rank"): ("riskRank", RankFields, risk_rank),
    ("POST", "/device/pages"): ("pages", PagesFields, pages),
    ("POST", "/device/quota"): ("quota", QuotaFields, quota),
}
