"""The phone's side over HTTP: wx.login and the rest as POST requests, for shims, tests and curl.

A body is a JSON object or empty, and every field of it is optional. USER stands for `user` (any name; "me" without
it) and what may be set of that user: `nickName`, `avatarUrl`, `gender`, `city`, `province`, `country`, `language`,
`unionId` (text, or true for a fake one).

    POST /device/login               USER, renewSessionKey              -> code
    POST /device/user-info           USER, policy ("new" or "old"), api ("getUserInfo" or "getUserProfile"),
                                     withCredentials, deny
                                                        -> userInfo, rawData, signature, encryptedData, iv
    POST /device/phone-number        USER, phoneNumber, purePhoneNumber, countryCode, deny
                                                                        -> code, encryptedData, iv
    POST /device/check-session       user                             -> checkSession:ok or its failure
    POST /device/expire-session-key  user                             -> the session_key is no longer valid
    GET  /device/users                                                  -> all users so far, without secrets
    POST /device/faults              the fields of `Fault`              -> the active faults; times null: for good
    GET, DELETE /device/faults                                          -> the active faults

Every response has `errMsg` in WeChat's words. A field that does not exist, or has the wrong type, is a 400 with a
sentence. Under the policy "new" (WeChat's since 2022) every nickname is 微信用户 and every picture grey. Everything is
encrypted with the session_key that is valid at that time, whatever the server has stored.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from graph.simulator.bodies import Fields
from graph.simulator.crypto import compact, encrypt, sign
from graph.simulator.endpoints import ENDPOINTS
from graph.simulator.errors import BadRequest
from graph.simulator.faults import Fault
from graph.simulator.state import SimulatorState
from graph.simulator.users import DEFAULT_USER, User

Text = Annotated[str, Field(max_length=2048)]
Result = dict[str, object]

_ANONYMOUS: Final[Result] = {
    "nickName": "微信用户",
    "gender": 0,
    "city": "",
    "province": "",
    "country": "",
    "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/"
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132",
}


class Action(NamedTuple):
    """One request that the phone takes; `name` is what `errMsg` begins with."""

    method: str
    path: str
    name: str
    fields: type[Fields]
    act: Callable[[SimulatorState, Any], Result]


class UserFields(Fields):
    user: Annotated[str, Field(min_length=1, max_length=64)] = DEFAULT_USER


class ProfileFields(UserFields):
    nick_name: Text = ""
    avatar_url: Text = ""
    gender: Annotated[int, Field(ge=0, le=2)] = 0
    city: Text = ""
    province: Text = ""
    country: Text = ""
    language: Text = ""
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


def login(state: SimulatorState, fields: LoginFields) -> Result:
    user = _user(state, fields)
    state.session_keys.log_in(user.name, renew=fields.renew_session_key)
    user.last_seen = state.clock()
    return {"errMsg": "login:ok", "code": state.login_codes.issue(user.name)}


def user_info(state: SimulatorState, fields: UserInfoFields) -> Result:
    user = _user(state, fields)
    if fields.deny:
        return {"errMsg": f"{fields.api}:fail auth deny"}
    user.last_seen = state.clock()
    profile = _profile(user)
    if fields.policy == "new":
        profile |= _ANONYMOUS
    raw_data = compact(profile)
    result: Result = {"errMsg": f"{fields.api}:ok", "userInfo": profile, "rawData": raw_data}
    if not fields.with_credentials:
        return result
    plain = profile
    if fields.api == "getUserInfo":
        plain = {"openId": user.openid, **profile, **({"unionId": user.unionid} if user.unionid else {})}
    signature = sign(raw_data, state.session_keys.current(user.name))
    return {**result, "signature": signature, **_encrypted(state, user, plain | _watermark(state))}


def phone_number(state: SimulatorState, fields: PhoneNumberFields) -> Result:
    """Both styles at once, as WeChat gives them: a code for the server, and the number encrypted."""
    user = _user(state, fields)
    if fields.deny:
        return {"errMsg": "getPhoneNumber:fail user deny"}
    user.last_seen = state.clock()
    pure, country_code = fields.pure_phone_number or user.phone_number, fields.country_code or "86"
    # Only a foreign number is shown with its country's code.
    shown = fields.phone_number or (pure if str(country_code) == "86" else f"+{country_code}{pure}")
    info: Result = {"phoneNumber": shown, "purePhoneNumber": pure, "countryCode": country_code, **_watermark(state)}
    return {
        "errMsg": "getPhoneNumber:ok",
        "code": state.phone_codes.issue((user, info)),
        **_encrypted(state, user, info),
    }


def check_session(state: SimulatorState, fields: UserFields) -> Result:
    living = state.session_keys.is_of_last_login(_user(state, fields).name)
    return {"errMsg": "checkSession:ok" if living else "checkSession:fail session time out, need relogin"}


def expire_session_key(state: SimulatorState, fields: UserFields) -> Result:
    state.session_keys.expire(_user(state, fields).name)
    return {"errMsg": "expireSessionKey:ok"}


def users(state: SimulatorState, _fields: Fields) -> Result:
    shown = [
        {
            "user": user.name,
            "openId": user.openid,
            "unionId": user.unionid,
            "purePhoneNumber": user.phone_number,
            **_profile(user),
        }
        for user in state.users
    ]
    return {"errMsg": "users:ok", "users": shown}


def add_fault(state: SimulatorState, fault: Fault) -> Result:
    if fault.path is not None and fault.path not in ENDPOINTS:
        message = f"path: must be one of {', '.join(ENDPOINTS)}, or absent for all"
        raise BadRequest(message)
    state.faults.add(fault)
    return faults(state, fault)


def clear_faults(state: SimulatorState, fields: Fields) -> Result:
    state.faults.clear()
    return faults(state, fields)


def faults(state: SimulatorState, _fields: Fields) -> Result:
    return {"errMsg": "faults:ok", "faults": [fault.model_dump(by_alias=True) for fault in state.faults.active()]}


ACTIONS: Final = [
    Action("POST", "/device/login", "login", LoginFields, login),
    Action("POST", "/device/user-info", "getUserInfo", UserInfoFields, user_info),
    Action("POST", "/device/phone-number", "getPhoneNumber", PhoneNumberFields, phone_number),
    Action("POST", "/device/check-session", "checkSession", UserFields, check_session),
    Action("POST", "/device/expire-session-key", "expireSessionKey", UserFields, expire_session_key),
    Action("GET", "/device/users", "users", Fields, users),
    Action("POST", "/device/faults", "faults", Fault, add_fault),
    Action("GET", "/device/faults", "faults", Fields, faults),
    Action("DELETE", "/device/faults", "faults", Fields, clear_faults),
]


def _user(state: SimulatorState, fields: UserFields) -> User:
    profile = set(ProfileFields.model_fields) - {"user"}
    return state.users.get(fields.user, **fields.model_dump(include=profile, exclude_unset=True))


def _profile(user: User) -> Result:
    """In WeChat's order, which the signature covers."""
    return {
        "nickName": user.nick_name,
        "gender": user.gender,
        "language": user.language,
        "city": user.city,
        "province": user.province,
        "country": user.country,
        "avatarUrl": user.avatar_url,
    }


def _watermark(state: SimulatorState) -> Result:
    return {"watermark": {"timestamp": int(state.clock()), "appid": state.app_id}}


def _encrypted(state: SimulatorState, user: User, plain: Result) -> Result:
    iv = state.fakes.iv()
    return {"encryptedData": encrypt(plain, state.session_keys.current(user.name), iv), "iv": iv}
