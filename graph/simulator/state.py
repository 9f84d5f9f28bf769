"""Everything WeChat remembers about one mini-program, in memory, without HTTP."""

import base64
import hmac
import random
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any

from pydantic import Field

from graph.simulator.credentials import AccessTokens, Codes, Renewal, SessionKeys
from graph.simulator.faults import Faults
from graph.simulator.protocol import BadRequest, Errcode, ErrcodeError, Fields

DEFAULT_USER = "me"
Text = Annotated[str, Field(max_length=2048)]
_ALPHANUMERIC = string.ascii_letters + string.digits


class FakeValues:
    """Every fake value, in the shape that WeChat gives it.

    Drawn values depend on the seed and on the order of drawing; derived ones on the seed and the name alone.
    Without a seed, values come from the operating system and cannot be predicted.
    """

    def __init__(self, seed: int | None) -> None:
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - they must repeat
        self._salt = self._random.randbytes(32) if seed is None else f"wechat simulator, seed {seed}".encode()

    def code(self) -> str:
        """A wx.login code: 32 characters, the first always 0."""
        return "0" + self._text(_ALPHANUMERIC, 31)

    def phone_code(self) -> str:
        """A getPhoneNumber code: 64 hex digits, so the two kinds differ at sight."""
        return self._random.randbytes(32).hex()

    def session_key(self) -> str:
        """16 bytes as base64 text: signatures use the text, AES the bytes."""
        return base64.b64encode(self._random.randbytes(16)).decode()

    def iv(self) -> str:
        return base64.b64encode(self._random.randbytes(16)).decode()

    def access_token(self) -> str:
        """Two digits, an underscore and 133 characters; WeChat asks for room for 512."""
        return f"{self._random.randrange(10, 100)}_" + self._text(_ALPHANUMERIC + "-_", 133)

    def rid(self, now: float) -> str:
        """The request id at the end of an errmsg: its first eight digits are the Unix time."""
        return f"{int(now):08x}-{self._random.randbytes(4).hex()}-{self._random.randbytes(4).hex()}"

    def hint(self) -> str:
        """The bracketed mark that `/wxa` puts into its messages about codes."""
        return f"{self._text(_ALPHANUMERIC, 6)}-{self._text(_ALPHANUMERIC, 3)}"

    def derived(self, *what: str) -> bytes:
        """32 bytes."""
        # Each part carries its length: ("a", "bc") and ("ab", "c") are different users.
        message = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in what)
        return hmac.digest(self._salt, message, "sha256")

    def derived_text(self, *what: str) -> str:
        """43 characters."""
        return base64.urlsafe_b64encode(self.derived(*what)).decode().rstrip("=")

    def _text(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))


class Profile(Fields):
    """What `userInfo` shows of a user, in WeChat's order, which the signature covers."""

    nick_name: Text = ""
    gender: Annotated[int, Field(ge=0, le=2)] = 0
    language: Text = "zh_CN"
    city: Text = "Guangzhou"
    province: Text = "Guangdong"
    country: Text = "China"
    avatar_url: Text = ""


class User(Profile, frozen=False):
    """One WeChat user of this app, with the data that the old privacy policy would give."""

    name: str
    openid: str
    phone_number: str
    unionid: str | None = None
    last_seen: float | None = None

    def profile(self) -> dict[str, object]:
        return self.model_dump(by_alias=True, include=set(Profile.model_fields))


class Users:
    """Every user mentioned so far, by name. At most `limit`, so that a load test cannot fill the memory."""

    def __init__(self, app_id: str, fakes: FakeValues, *, limit: int) -> None:
        self._app_id = app_id
        self._fakes = fakes
        self._limit = limit
        self._by_name: dict[str, User] = {}
        self._by_openid: dict[str, User] = {}

    def get(self, name: str, **profile: Any) -> User:
        """The user of that name, made on first mention; a given field of `User` stays changed.

        A `unionid` may also be True, for one derived from the name, or False, for none, as in an app that no Open
        Platform account holds. Giving one later is the real case of an app that joins such an account.
        """
        user = self._by_name.get(name) or self._make(name)
        for attribute, value in profile.items():
            setattr(user, attribute, value)
        if profile.get("unionid") is True:
            # In the form of an openid, and the same in every app, as within one Open Platform account.
            user.unionid = "o" + self._fakes.derived_text("unionid", name)[:27]
        user.unionid = user.unionid or None
        if "openid" in profile:
            self._by_openid = {user.openid: user for user in self}
        return user

    def by_openid(self, openid: object) -> User:
        """Raises ErrcodeError with 40003."""
        if not isinstance(openid, str) or openid not in self._by_openid:
            raise ErrcodeError(Errcode.INVALID_OPENID)
        return self._by_openid[openid]

    def __iter__(self) -> Iterator[User]:
        return iter(tuple(self._by_name.values()))

    def _make(self, name: str) -> User:
        if len(self._by_name) >= self._limit:
            message = f"this simulator already has {self._limit} users"
            raise BadRequest(message)
        derived, derived_text = self._fakes.derived, self._fakes.derived_text
        user = User(
            name=name,
            # 28 characters beginning with o; the same after a restart, and another in every app.
            openid="o" + derived_text("openid", self._app_id, name)[:27],
            nick_name=name,
            # In the form of WeChat's picture hosts; there is no such picture.
            avatar_url=f"https://thirdwx.qlogo.cn/mmopen/vi_32/{derived_text('avatar', name)}/132",
            gender=1 + derived("gender", name)[0] % 2,
            # Plainly fake; there are ten thousand, so two of many users may share one.
            phone_number=f"1380000{int.from_bytes(derived('phone', name)[:4]) % 10_000:04d}",
        )
        self._by_name[name] = self._by_openid[user.openid] = user
        return user


@dataclass(eq=False)
class SimulatorState:
    """All parts of the simulator.

    With a `seed`, a user's openid, unionid and other lasting fields depend on seed, app and name alone, and so
    survive a restart; codes, keys and tokens repeat in the order in which they are asked for.
    """

    app_id: str
    app_secret: str = field(repr=False)
    _: KW_ONLY
    seed: int | None = None
    now: Callable[[], float] = field(default=time.time, repr=False)
    renew: Renewal = "after"
    max_users: int = 100_000

    def __post_init__(self) -> None:
        self._advanced = 0.0
        self.fakes = FakeValues(self.seed)
        self.faults = Faults()
        self.users = Users(self.app_id, self.fakes, limit=self.max_users)
        self.login_codes: Codes[str] = Codes(self.fakes.code, self.clock)
        # The user who tapped, and WeChat's `phone_info`.
        self.phone_codes: Codes[tuple[User, dict[str, object]]] = Codes(self.fakes.phone_code, self.clock)
        self.access_tokens = AccessTokens(self.fakes.access_token, self.clock)
        self.session_keys = SessionKeys(self.fakes.session_key, self.clock, self.renew)

    def clock(self) -> float:
        """Unix time: `now` plus what `advance` has added."""
        return self.now() + self._advanced

    def advance(self, seconds: float) -> None:
        """Let time pass in this simulator only, so that codes, keys and tokens expire without waiting."""
        self._advanced += seconds
