"""A user's phone: what wx.login, wx.getUserInfo and the rest return to the mini-program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from graph.simulator.codes import Codes
from graph.simulator.crypto import compact, encrypt, sign
from graph.simulator.fake_values import FakeValues
from graph.simulator.session_keys import SessionKeys
from graph.simulator.users import User

Policy = Literal["new", "old"]
ProfileApi = Literal["getUserInfo", "getUserProfile"]

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
    """What a phone code stands for; `at` is the time of the tap, as in the watermark."""

    user: str
    number: PhoneNumber
    at: int


@dataclass(slots=True, frozen=True)
class Phone:
    """Methods return what the `success` callback gets, under WeChat's own names.

    Everything is encrypted with the session_key that is valid at that time, whatever the server has stored.
    """

    app_id: str
    fakes: FakeValues
    now: Callable[[], float]
    session_keys: SessionKeys
    login_codes: Codes[str]
    phone_codes: Codes[PhoneGrant]

    def login(self, user: User, *, renew_session_key: bool | None = None) -> dict[str, object]:
        self.session_keys.log_in(user.name, renew=renew_session_key)
        user.last_seen = self.now()
        return {"errMsg": "login:ok", "code": self.login_codes.issue(user.name)}

    def check_session(self, user: User) -> dict[str, object]:
        if self.session_keys.is_of_last_login(user.name):
            return {"errMsg": "checkSession:ok"}
        return {"errMsg": "checkSession:fail session time out, need relogin"}

    def user_info(
        self, user: User, *, policy: Policy = "new", api: ProfileApi = "getUserInfo", iv: str | None = None
    ) -> dict[str, object]:
        """`iv` is for tests that reproduce known bytes; it is random otherwise."""
        user.last_seen = self.now()
        profile = _profile(user, policy)
        plain: dict[str, object] = {"openId": user.openid} if api == "getUserInfo" else {}
        plain |= profile
        if api == "getUserInfo" and user.unionid is not None:
            plain["unionId"] = user.unionid
        raw_data = compact(profile)
        session_key = self.session_keys.current(user.name)
        return {
            "errMsg": f"{api}:ok",
            "userInfo": profile,
            "rawData": raw_data,
            "signature": sign(raw_data, session_key),
            **self._encrypted(plain, session_key, int(self.now()), iv),
        }

    def phone_number(self, user: User, number: PhoneNumber, *, iv: str | None = None) -> dict[str, object]:
        """Both styles at once, as WeChat gives them: a code for the server, and the number encrypted."""
        user.last_seen = self.now()
        at = int(self.now())
        plain: dict[str, object] = {
            "phoneNumber": number.shown,
            "purePhoneNumber": number.pure,
            "countryCode": number.country_code,
        }
        return {
            "errMsg": "getPhoneNumber:ok",
            "code": self.phone_codes.issue(PhoneGrant(user.name, number, at)),
            **self._encrypted(plain, self.session_keys.current(user.name), at, iv),
        }

    def _encrypted(self, plain: dict[str, object], session_key: str, at: int, iv: str | None) -> dict[str, object]:
        iv = iv or self.fakes.iv()
        marked = plain | {"watermark": {"timestamp": at, "appid": self.app_id}}
        return {"encryptedData": encrypt(marked, session_key, iv), "iv": iv}


def _profile(user: User, policy: Policy) -> dict[str, object]:
    real = policy == "old"
    return {
        "nickName": user.nick_name if real else ANONYMOUS_NAME,
        "gender": user.gender if real else 0,
        "language": user.language,
        "city": user.city if real else "",
        "province": user.province if real else "",
        "country": user.country if real else "",
        "avatarUrl": user.avatar_url if real else ANONYMOUS_AVATAR,
    }
