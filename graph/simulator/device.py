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
sentence. Under the policy "new" (WeChat's since 2022) every nickname is 微信用户 and every picture grey.
"""

from typing import Annotated

from pydantic import Field

from graph.simulator.bodies import Fields
from graph.simulator.endpoints import ENDPOINTS
from graph.simulator.errors import BadRequest
from graph.simulator.faults import Fault
from graph.simulator.phone import PhoneNumber, Policy, ProfileApi
from graph.simulator.state import SimulatorState
from graph.simulator.users import DEFAULT_USER, User

Text = Annotated[str, Field(max_length=2048)]


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
    policy: Policy = "new"
    api: ProfileApi = "getUserInfo"
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


def login(state: SimulatorState, fields: LoginFields) -> dict[str, object]:
    return state.phone.login(_user(state, fields), renew_session_key=fields.renew_session_key)


def user_info(state: SimulatorState, fields: UserInfoFields) -> dict[str, object]:
    user = _user(state, fields)
    if fields.deny:
        return {"errMsg": f"{fields.api}:fail auth deny"}
    result = state.phone.user_info(user, policy=fields.policy, api=fields.api)
    if not fields.with_credentials:
        return {name: result[name] for name in ("errMsg", "userInfo", "rawData")}
    return result


def phone_number(state: SimulatorState, fields: PhoneNumberFields) -> dict[str, object]:
    user = _user(state, fields)
    if fields.deny:
        return {"errMsg": "getPhoneNumber:fail user deny"}
    pure, country_code = fields.pure_phone_number or user.phone_number, fields.country_code or "86"
    # Only a foreign number is shown with its country's code.
    shown = fields.phone_number or (pure if str(country_code) == "86" else f"+{country_code}{pure}")
    return state.phone.phone_number(user, PhoneNumber(shown, pure, country_code))


def check_session(state: SimulatorState, fields: UserFields) -> dict[str, object]:
    return state.phone.check_session(_user(state, fields))


def expire_session_key(state: SimulatorState, fields: UserFields) -> dict[str, object]:
    state.session_keys.expire(_user(state, fields).name)
    return {"errMsg": "expireSessionKey:ok"}


def users(state: SimulatorState) -> dict[str, object]:
    return {"errMsg": "users:ok", "users": [_shown(user) for user in state.users]}


def add_fault(state: SimulatorState, fault: Fault) -> dict[str, object]:
    if fault.path is not None and fault.path not in ENDPOINTS:
        message = f"path: must be one of {', '.join(ENDPOINTS)}, or absent for all"
        raise BadRequest(message)
    state.faults.add(fault)
    return faults(state)


def clear_faults(state: SimulatorState) -> dict[str, object]:
    state.faults.clear()
    return faults(state)


def faults(state: SimulatorState) -> dict[str, object]:
    active = [fault.model_dump(by_alias=True) | {"times": left} for fault, left in state.faults.active()]
    return {"errMsg": "faults:ok", "faults": active}


def _shown(user: User) -> dict[str, object]:
    return {
        "user": user.name,
        "openId": user.openid,
        "unionId": user.unionid,
        "nickName": user.nick_name,
        "gender": user.gender,
        "language": user.language,
        "city": user.city,
        "province": user.province,
        "country": user.country,
        "avatarUrl": user.avatar_url,
        "purePhoneNumber": user.phone_number,
    }


def _user(state: SimulatorState, fields: UserFields) -> User:
    profile = set(ProfileFields.model_fields) - {"user"}
    return state.users.get(fields.user, **fields.model_dump(include=profile, exclude_unset=True))
