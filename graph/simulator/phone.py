"""The phone in a person's hand: what wx.login, wx.getUserInfo and the rest give to the mini-program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from graph.simulator.codes import Codes
from graph.simulator.crypto import compact, encrypt, sign
from graph.simulator.fake_values import Chance
from graph.simulator.people import Person
from graph.simulator.session_keys import SessionKeys

Policy = Literal["new", "old"]
ProfileApi = Literal["getUserInfo", "getUserProfile"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
PROFILE_APIS: tuple[ProfileApi, ...] = get_args(ProfileApi)

ANONYMOUS_NAME = "微信用户"
ANONYMOUS_AVATAR = (
    "https://thirdwx.qlogo.cn/mmopen/vi_32/"
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132"
)


@dataclass(slots=True, frozen=True)
class PhoneNumber:
    """`shown` is WeChat's phoneNumber: with the country's code for a foreign one. The code came as a number, too."""

    shown: str
    pure: str
    country_code: str | int = "86"


@dataclass(slots=True, frozen=True)
class PhoneGrant:
    """What a phone code stands for; `at` is the moment of the tap, which the watermark tells."""

    person: str
    number: PhoneNumber
    at: int


@dataclass(slots=True, frozen=True)
class Phone:
    """Answers are what the `success` callback gets, under WeChat's own names.

    Everything is sealed with the session_key that is valid at that moment, whatever the server holds.
    """

    app_id: str
    chance: Chance
    now: Callable[[], float]
    session_keys: SessionKeys
    login_codes: Codes[str]
    phone_codes: Codes[PhoneGrant]

    def login(self, person: Person, *, renew_session_key: bool | None = None) -> dict[str, object]:
        self.session_keys.log_in(person.name, renew=renew_session_key)
        person.last_seen = self.now()
        return {"errMsg": "login:ok", "code": self.login_codes.issue(person.name)}

    def check_session(self, person: Person) -> dict[str, object]:
        if self.session_keys.is_of_last_login(person.name):
            return {"errMsg": "checkSession:ok"}
        return {"errMsg": "checkSession:fail session time out, need relogin"}

    def user_info(
        self, person: Person, *, policy: Policy = "new", api: ProfileApi = "getUserInfo", iv: str | None = None
    ) -> dict[str, object]:
        """`iv` is for tests that reproduce known bytes; it is drawn otherwise."""
        person.last_seen = self.now()
        profile = _profile(person, policy)
        plain: dict[str, object] = {"openId": person.openid} if api == "getUserInfo" else {}
        plain |= profile
        if api == "getUserInfo" and person.unionid is not None:
            plain["unionId"] = person.unionid
        raw_data = compact(profile)
        session_key = self.session_keys.current(person.name)
        return {
            "errMsg": f"{api}:ok",
            "userInfo": profile,
            "rawData": raw_data,
            "signature": sign(raw_data, session_key),
            **self._seal(plain, session_key, int(self.now()), iv),
        }

    def phone_number(self, person: Person, number: PhoneNumber, *, iv: str | None = None) -> dict[str, object]:
        """Both styles at once, as WeChat gives them: a code for the server, and the number encrypted."""
        person.last_seen = self.now()
        at = int(self.now())
        plain: dict[str, object] = {
            "phoneNumber": number.shown,
            "purePhoneNumber": number.pure,
            "countryCode": number.country_code,
        }
        return {
            "errMsg": "getPhoneNumber:ok",
            "code": self.phone_codes.issue(PhoneGrant(person.name, number, at)),
            **self._seal(plain, self.session_keys.current(person.name), at, iv),
        }

    def _seal(self, plain: dict[str, object], session_key: str, at: int, iv: str | None) -> dict[str, object]:
        iv = iv or self.chance.iv()
        marked = plain | {"watermark": {"timestamp": at, "appid": self.app_id}}
        return {"encryptedData": encrypt(marked, session_key, iv), "iv": iv}


def _profile(person: Person, policy: Policy) -> dict[str, object]:
    real = policy == "old"
    return {
        "nickName": person.nick_name if real else ANONYMOUS_NAME,
        "gender": person.gender if real else 0,
        "language": person.language,
        "city": person.city if real else "",
        "province": person.province if real else "",
        "country": person.country if real else "",
        "avatarUrl": person.avatar_url if real else ANONYMOUS_AVATAR,
    }
