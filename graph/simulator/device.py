"""The phone's side over HTTP: wx.login and the rest as POST requests, for shims, tests and curl.

A body is a JSON object or empty, and every field of it is optional. USER stands for `user` (any name; "Li Lei"
without it), `app` (the AppID of the mini-program in the user's hand; the first without it) and what may be set of that
user: `nickName`, `avatarUrl`, `gender`, `city`, `province`, `country`, `language`, and for this app `unionId` (text, or
true for a fake one).

    POST /device/login               USER, renewSessionKey              -> code
    POST /device/user-info           USER, policy ("new" or "old"), api ("getUserInfo" or "getUserProfile"), deny,
                                     withCredentials -> userInfo, rawData, signature, encryptedData, iv
    POST /device/phone-number        USER, phoneNumber, purePhoneNumber, countryCode, deny, quota ("none"),
                                     api ("getPhoneNumber" or "getRealtimePhoneNumber"),
                                     style ("both", "new" or "old") -> code, encryptedData, iv
    POST /device/check-session       user, app                          -> checkSession:ok or its failure
    POST /device/expire-session-key  user, app                          -> the session_key is no longer valid
    GET  /device/users                                                  -> all users so far, without secrets
    POST /device/bind-open-platform  app, group                         -> all apps
    GET  /device/apps                                                   -> all apps, without secrets
    POST /device/faults              the fields of `Fault`              -> the active faults; times null: for good
    GET, DELETE /device/faults                                          -> the active faults
    POST /device/choose-avatar       USER, deny, face (any name, that of the user without it; a check finds "red" risky
                                     and "yellow" in need of a review)  -> avatarUrl, a path for a temporary file
    GET  /device/faces/NAME.png                                         -> the picture at that path, a PNG
    POST /device/revoke, /device/close-account, /device/modified, /device/release-events, /device/message-push,
    POST /device/picture-verdict, GET /device/picture-checks: `events`; GET, DELETE /device/calls: `calls`;
    POST /device/advance, /device/expire-access-tokens, /device/block: `control`

A user has one openid in each app, and one unionid in all apps of a `group`, which is an Open Platform account (any
name, "" without it). `bind-open-platform` adds the app to one: from then on its logins bring that unionid.

Every response has `errMsg` in WeChat's words. A field that does not exist, or has the wrong type, is a 400 with a
sentence. Under the policy "new" (WeChat's since 2022) every nickname is 微信用户 and every picture grey. Everything is
encrypted with the session_key that is valid at that time, whatever the server has stored.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from pydantic import Field

from graph.simulator.apps import SimulatedApp
from graph.simulator.endpoints import ENDPOINTS
from graph.simulator.faults import Fault
from graph.simulator.protocol import BadRequest, Fields
from graph.simulator.state import SimulatorState
from graph.simulator.users import DEFAULT_GROUP, DEFAULT_USER, Account, Profile, Text, User

Result = dict[str, object]
# `errno` of the phone's buttons once an app has used up what it has paid for.
QUOTA_USED_UP: Final = 1400001
# What `errMsg` begins with, the fields of the body, and what is done.
Action = tuple[str, type[Fields], Callable[[SimulatorState, Any], Result | Awaitable[Result]]]

_ANONYMOUS: Final[Result] = {
    "nickName": "微信用户",
    "gender": 0,
    "city": "",
    "province": "",
    "country": "",
    "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/"
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132",
}


class AppFields(Fields):
    app: Text | None = None


class UserFields(AppFields):
    user: Annotated[str, Field(min_length=1, max_length=64)] = DEFAULT_USER


class ProfileFields(Profile, UserFields):
    unionid: Annotated[bool | Text, Field(alias="unionId")] = False


class LoginFields(ProfileFields):
    renew_session_key: bool | None = None
    timeout: object = None


class UserInfoFields(ProfileFields):
    policy: Literal["new", "old"] = "new"
    api: Literal["getUserInfo", "getUserProfile"] = "getUserInfo"
    with_credentials: bool = True
    deny: bool = False
    # The wx call's own: accepted without effect, so that a shim may pass its options on.
    lang: object = None
    desc: object = None
    timeout: object = None


class PhoneNumberFields(ProfileFields):
    phone_number: Text = ""
    pure_phone_number: Text = ""
    country_code: Text | int = "86"
    deny: bool = False
    api: Literal["getPhoneNumber", "getRealtimePhoneNumber"] = "getPhoneNumber"
    # What the event brings: no code before base library 2.21.2, and nothing encrypted where only the code is looked at.
    style: Literal["both", "new", "old"] = "both"
    quota: Literal["none"] | None = None


class BindFields(AppFields):
    group: Text = DEFAULT_GROUP


def login(state: SimulatorState, fields: LoginFields) -> Result:
    app, user = app_and_user(state, fields)
    app.session_keys.log_in(fields.user, renew=fields.renew_session_key)
    user.last_seen = state.clock()
    return {"errMsg": "login:ok", "code": app.login_codes.issue(fields.user)}


def user_info(state: SimulatorState, fields: UserInfoFields) -> Result:
    app, user = app_and_user(state, fields)
    if fields.deny:
        return {"errMsg": f"{fields.api}:fail auth deny"}
    user.last_seen = state.clock()
    profile = user.account.profile() | (_ANONYMOUS if fields.policy == "new" else {})
    # JSON as WeChat writes it: no blanks, no escapes beyond the needed, keys in the order given.
    raw_data = orjson.dumps(profile).decode()
    result: Result = {"errMsg": f"{fields.api}:ok", "userInfo": profile, "rawData": raw_data}
    if not fields.with_credentials:
        return result
    union_id = {"unionId": user.unionid} if user.unionid else {}
    plain = {"openId": user.openid, **profile, **union_id} if fields.api == "getUserInfo" else profile
    key = app.session_keys.current(fields.user)
    encrypted = encrypt(state.fakes.iv(), key, plain | _watermark(state, app))
    return {**result, "signature": sign(raw_data, key), **encrypted}


def phone_number(state: SimulatorState, fields: PhoneNumberFields) -> Result:
    """Both styles at once, as WeChat gives them, or one: a code for the server, and the number encrypted."""
    app, user = app_and_user(state, fields)
    # Before the user is asked anything. The words are not recorded, the number is.
    if fields.quota is not None:
        return {"errMsg": f"{fields.api}:fail no quota left", "errno": QUOTA_USED_UP}
    if fields.deny:
        return {"errMsg": f"{fields.api}:fail user deny"}
    user.last_seen = state.clock()
    pure, country_code = fields.pure_phone_number or user.account.phone_number, fields.country_code or "86"
    # Only a foreign number is shown with its country's code.
    shown = fields.phone_number or (pure if str(country_code) == "86" else f"+{country_code}{pure}")
    info: Result = {"phoneNumber": shown, "purePhoneNumber": pure, "countryCode": country_code}
    info |= _watermark(state, app)
    result: Result = {"errMsg": f"{fields.api}:ok"}
    if fields.style != "old":
        result["code"] = app.phone_codes.issue((user, info))
    if fields.style != "new":
        result |= encrypt(state.fakes.iv(), app.session_keys.current(fields.user), info)
    return result


def check_session(state: SimulatorState, fields: UserFields) -> Result:
    app, _ = app_and_user(state, fields)
    living = app.session_keys.is_of_last_login(fields.user)
    return {"errMsg": "checkSession:ok" if living else "checkSession:fail session time out, need relogin"}


def expire_session_key(state: SimulatorState, fields: UserFields) -> Result:
    app, _ = app_and_user(state, fields)
    app.session_keys.expire(fields.user)
    return {"errMsg": "expireSessionKey:ok"}


def users(state: SimulatorState, _fields: Fields) -> Result:
    return {"errMsg": "users:ok", "users": [_shown(state, account) for account in state.accounts]}


def bind_open_platform(state: SimulatorState, fields: BindFields) -> Result:
    app_in_hand(state, fields.app).users.group = fields.group
    return {**apps(state, fields), "errMsg": "bindOpenPlatform:ok"}


def apps(state: SimulatorState, _fields: Fields) -> Result:
    return {"errMsg": "apps:ok", "apps": [{"app": app.app_id, "group": app.users.group} for app in state.apps.values()]}


def add_fault(state: SimulatorState, fault: Fault) -> Result:
    if fault.path is not None and fault.path not in ENDPOINTS:
        message = f"path: must be one of {', '.join(ENDPOINTS)}, or absent for all"
        raise BadRequest(message)
    app_in_hand(state, fault.app)
    state.faults.add(fault)
    return faults(state, fault)


def clear_faults(state: SimulatorState, fields: Fields) -> Result:
    state.faults.clear()
    return faults(state, fields)


def faults(state: SimulatorState, _fields: Fields) -> Result:
    return {"errMsg": "faults:ok", "faults": [fault.model_dump(by_alias=True) for fault in state.faults.active()]}


def sign(raw_data: str, session_key: str) -> str:
    """sha1(rawData + session_key), the key as its base64 text."""
    return hashlib.sha1((raw_data + session_key).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def encrypt(iv: str, session_key: str, plain: Mapping[str, object]) -> dict[str, str]:
    """AES-128-CBC with PKCS#7, the key and iv decoded from base64; the result, as base64, beside its iv."""
    cipher = AES.new(base64.b64decode(session_key), AES.MODE_CBC, base64.b64decode(iv))
    encrypted = cipher.encrypt(pad(orjson.dumps(plain), AES.block_size))
    return {"encryptedData": base64.b64encode(encrypted).decode(), "iv": iv}


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("POST", "/device/login"): ("login", LoginFields, login),
    ("POST", "/device/user-info"): ("getUserInfo", UserInfoFields, user_info),
    ("POST", "/device/phone-number"): ("getPhoneNumber", PhoneNumberFields, phone_number),
    ("POST", "/device/check-session"): ("checkSession", UserFields, check_session),
    ("POST", "/device/expire-session-key"): ("expireSessionKey", UserFields, expire_session_key),
    ("GET", "/device/users"): ("users", Fields, users),
    ("POST", "/device/bind-open-platform"): ("bindOpenPlatform", BindFields, bind_open_platform),
    ("GET", "/device/apps"): ("apps", Fields, apps),
    ("POST", "/device/faults"): ("faults", Fault, add_fault),
    ("GET", "/device/faults"): ("faults", Fields, faults),
    ("DELETE", "/device/faults"): ("faults", Fields, clear_faults),
}


def app_in_hand(state: SimulatorState, app_id: str | None) -> SimulatedApp:
    """The app of this AppID, by default the first. Raises `BadRequest`."""
    app = state.apps.get(state.app_id if app_id is None else app_id)
    if app is None:
        message = f"app: must be one of {', '.join(state.apps)}, or absent for the first"
        raise BadRequest(message)
    return app


def app_and_user(state: SimulatorState, fields: UserFields) -> tuple[SimulatedApp, User]:
    """The app and the user of that name in it, with what the fields set of them. Raises `BadRequest`."""
    app = app_in_hand(state, fields.app)
    settable = set(ProfileFields.model_fields) - set(UserFields.model_fields)
    return app, app.users.get(fields.user, **fields.model_dump(include=settable, exclude_unset=True))


def _shown(state: SimulatorState, account: Account) -> Result:
    by_app = {app.app_id: app.users.get(account.name) for app in state.apps.values()}
    first = by_app[state.app_id]
    return {
        "user": account.name,
        "openId": first.openid,
        "unionId": first.unionid,
        "purePhoneNumber": account.phone_number,
        "blocked": account.is_blocked,
        "openIds": {app_id: user.openid for app_id, user in by_app.items()},
        "unionIds": {app_id: user.unionid for app_id, user in by_app.items()},
        **account.profile(),
    }


def _watermark(state: SimulatorState, app: SimulatedApp) -> Result:
    return {"watermark": {"timestamp": int(state.clock()), "appid": app.app_id}}
