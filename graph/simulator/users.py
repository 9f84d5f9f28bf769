"""The fake users of the mini-program."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graph.simulator.errors import BadRequest
from graph.simulator.fake_values import FakeValues

DEFAULT_USER = "me"


@dataclass(slots=True)
class User:
    """One WeChat user of this app, with the data that the old privacy policy would give."""

    name: str
    openid: str
    nick_name: str
    avatar_url: str
    gender: int
    phone_number: str
    unionid: str | None = None
    language: str = "zh_CN"
    city: str = "Guangzhou"
    province: str = "Guangdong"
    country: str = "China"
    last_seen: float | None = None


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
        for field, value in profile.items():
            setattr(user, field, value)
        if "unionid" in profile:
            unionid = profile["unionid"]
            user.unionid = self._fakes.unionid(name) if unionid is True else unionid or None
        if "openid" in profile:
            self._by_openid = {user.openid: user for user in self}
        return user

    def by_openid(self, openid: object) -> User | None:
        return self._by_openid.get(openid) if isinstance(openid, str) else None

    def __iter__(self) -> Iterator[User]:
        return iter(tuple(self._by_name.values()))

    def _make(self, name: str) -> User:
        if len(self._by_name) >= self._limit:
            message = f"this simulator already has {self._limit} users"
            raise BadRequest(message)
        user = User(
            name=name,
            openid=self._fakes.openid(self._app_id, name),
            nick_name=name,
            avatar_url=self._fakes.avatar_url(name),
            gender=self._fakes.gender(name),
            phone_number=self._fakes.phone_number(name),
        )
        self._by_name[name] = self._by_openid[user.openid] = user
        return user
