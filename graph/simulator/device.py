"""The phone's side over HTTP: wx.login and the rest as POST requests, for shims, tests and curl.

A body is a JSON object or nothing, and every field of it is optional. PERSON stands for `person` (a name of your
choice; "me" without it) and what may be set of them: `nickName`, `avatarUrl`, `gender`, `city`, `province`, `country`,
`language`, `unionId` (text, or true for a made-up one).

    POST /device/login               PERSON, renewSessionKey            -> code
    POST /device/user-info           PERSON, policy ("new" or "old"), api ("getUserInfo" or "getUserProfile"),
                                     withCredentials, deny
                                                        -> userInfo, rawData, signature, encryptedData, iv
    POST /device/phone-number        PERSON, phoneNumber, purePhoneNumber, countryCode, deny
                                                                        -> code, encryptedData, iv
    POST /device/check-session       person                             -> checkSession:ok or its failure
    POST /device/expire-session-key  person                             -> the session_key is no longer valid
    GET  /device/people                                                 -> everybody mentioned so far, without secrets
    POST, GET, DELETE /device/faults                                    -> see `fault_desk.py`

Every answer has `errMsg` in WeChat's words. A field that does not exist, or has the wrong type, is answered 400 and a
sentence. Under the policy "new" (WeChat's since 2022) the nickname is 微信用户 and the picture grey, whoever it is.
"""

from graph.simulator.body import Body
from graph.simulator.errors import Misplayed
from graph.simulator.people import DEFAULT_PERSON, Person, Profile
from graph.simulator.phone import POLICIES, PROFILE_APIS, PhoneNumber, ProfileApi
from graph.simulator.state import SimulatorState

_LONGEST_NAME = 64
_WHO = frozenset({"person"})
_PROFILE = frozenset({"nickName", "avatarUrl", "gender", "city", "province", "country", "language", "unionId"})


def login(state: SimulatorState, body: Body) -> dict[str, object]:
    body.allow(_WHO | _PROFILE | {"renewSessionKey", "timeout"})
    return state.phone.login(_person(state, body), renew_session_key=body.flag("renewSessionKey"))


def user_info(state: SimulatorState, body: Body) -> dict[str, object]:
    # `lang`, `desc` and `timeout` are the wx calls' own: taken without effect, so that a shim may pass its options on.
    body.allow(_WHO | _PROFILE | {"policy", "api", "withCredentials", "deny", "lang", "desc", "timeout"})
    api: ProfileApi = body.choice("api", PROFILE_APIS) or "getUserInfo"
    person = _person(state, body)
    if body.flag("deny"):
        return {"errMsg": f"{api}:fail auth deny"}
    answer = state.phone.user_info(person, policy=body.choice("policy", POLICIES) or "new", api=api)
    if body.flag("withCredentials") is False:
        return {name: answer[name] for name in ("errMsg", "userInfo", "rawData")}
    return answer


def phone_number(state: SimulatorState, body: Body) -> dict[str, object]:
    body.allow(_WHO | _PROFILE | {"phoneNumber", "purePhoneNumber", "countryCode", "deny"})
    person = _person(state, body)
    if body.flag("deny"):
        return {"errMsg": "getPhoneNumber:fail user deny"}
    pure = body.text("purePhoneNumber") or person.phone_number
    country_code = body.text_or_whole("countryCode") or "86"
    # Only a foreign number is shown with its country's code.
    shown = body.text("phoneNumber") or (pure if str(country_code) == "86" else f"+{country_code}{pure}")
    return state.phone.phone_number(person, PhoneNumber(shown, pure, country_code))


def check_session(state: SimulatorState, body: Body) -> dict[str, object]:
    body.allow(_WHO)
    return state.phone.check_session(_person(state, body))


def expire_session_key(state: SimulatorState, body: Body) -> dict[str, object]:
    body.allow(_WHO)
    state.session_keys.expire(_person(state, body).name)
    return {"errMsg": "expireSessionKey:ok"}


def people(state: SimulatorState) -> dict[str, object]:
    """Everybody mentioned so far, without keys and codes."""
    return {"errMsg": "people:ok", "people": [_shown(person) for person in state.people]}


def _shown(person: Person) -> dict[str, object]:
    return {
        "person": person.name,
        "openId": person.openid,
        "unionId": person.unionid,
        "nickName": person.nick_name,
        "gender": person.gender,
        "language": person.language,
        "city": person.city,
        "province": person.province,
        "country": person.country,
        "avatarUrl": person.avatar_url,
        "purePhoneNumber": person.phone_number,
    }


def _person(state: SimulatorState, body: Body) -> Person:
    name = body.text("person")
    if name is None:
        name = DEFAULT_PERSON
    if not 0 < len(name) <= _LONGEST_NAME:
        message = f"person must be a name of 1 to {_LONGEST_NAME} characters"
        raise Misplayed(message)
    return state.people.meet(name, **_profile(body))


def _profile(body: Body) -> Profile:
    profile = Profile()
    if (nick_name := body.text("nickName")) is not None:
        profile["nick_name"] = nick_name
    if (avatar_url := body.text("avatarUrl")) is not None:
        profile["avatar_url"] = avatar_url
    if (gender := body.whole("gender")) is not None:
        if gender not in {0, 1, 2}:
            message = "gender must be 0 (not told), 1 (man) or 2 (woman)"
            raise Misplayed(message)
        profile["gender"] = gender
    if (language := body.text("language")) is not None:
        profile["language"] = language
    if (city := body.text("city")) is not None:
        profile["city"] = city
    if (province := body.text("province")) is not None:
        profile["province"] = province
    if (country := body.text("country")) is not None:
        profile["country"] = country
    if (unionid := body.text_or_flag("unionId")) is not None:
        profile["unionid"] = unionid
    return profile
