"""The users of WeChat, and each of them as one app knows them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from graph.simulator.fake_values import FakeValues
from graph.simulator.protocol import BadRequest, Errcode, ErrcodeError, Fields

DEFAULT_USER = "Li Lei"
# The Open Platform account of which nothing is known but that there is one.
DEFAULT_GROUP = ""
Text = Annotated[str, Field(max_length=2048)]


class Profile(Fields):
    """What `userInfo` shows of a user, in WeChat's order, which the signature covers."""

    nick_name: Text = ""
    gender: Annotated[int, Field(ge=0, le=2)] = 0
    language: Text = "zh_CN"
    city: Text = "Guangzhou"
    province: Text = "Guangdong"
    country: Text = "China"
    avatar_url: Text = ""


class Account(Profile, frozen=False):
    """One user of WeChat, the same in every app, with the data that the old privacy policy would give."""

    name: str
    phone_number: str
    is_blocked: bool = False
    # Those that were set, None for none: by the group that the app is in, or by the app if it is in none.
    unionids: dict[tuple[str, str], str | None] = Field(default_factory=dict)

    def profile(self) -> dict[str, object]:
        return self.model_dump(by_alias=True, include=set(Profile.model_fields))


class Accounts:
    """Every user mentioned so far, by name. At most `limit`, so that a load test cannot fill the memory."""

    def __init__(self, fakes: FakeValues, *, limit: int) -> None:
        self._fakes = fakes
        self._limit = limit
        self._by_name: dict[str, Account] = {}

    def get(self, name: str) -> Account:
        """The user of that name, made on first mention. Raises `BadRequest` beyond the limit."""
        return self._by_name.get(name) or self._make(name)

    def __iter__(self) -> Iterator[Account]:
        return iter(tuple(self._by_name.values()))

    def _make(self, name: str) -> Account:
        if len(self._by_name) >= self._limit:
            message = f"this simulator already has {self._limit} users"
            raise BadRequest(message)
        derived, derived_text = self._fakes.derived, self._fakes.derived_text
        account = self._by_name[name] = Account(
            name=name,
            nick_name=name,
            # In the form of WeChat's picture hosts; there is no such picture.
            avatar_url=f"https://thirdwx.qlogo.cn/mmopen/vi_32/{derived_text('avatar', name)}/132",
            gender=1 + derived("gender", name)[0] % 2,
            # Plainly fake; there are ten thousand, so two of many users may share one.
            phone_number=f"1380000{int.from_bytes(derived('phone', name)[:4]) % 10_000:04d}",
        )
        return account


@dataclass(slots=True)
class User:
    """A user as one app knows them."""

    account: Account
    openid: str
    unionid: str | None = None
    last_seen: float | None = None


class Users:
    """The users of one app, by name; each is made on first mention.

    `group` is the Open Platform account that holds the app: all its apps see a user with the same unionid. In an app
    of no group (None) a user has a unionid only if it was set.
    """

    def __init__(self, app_id: str, fakes: FakeValues, accounts: Accounts, *, group: str | None) -> None:
        self.group = group
        self._app_id = app_id
        self._fakes = fakes
        self._accounts = accounts
        self._by_name: dict[str, User] = {}
        self._by_openid: dict[str, User] = {}
        # How many accounts a user has closed.
        self._closed: Counter[str] = Counter()

    def get(self, name: str, *, openid: str | None = None, unionid: str | bool | None = None, **profile: Any) -> User:
        """The user of that name; a given field stays changed, one of `Account` in every app.

        A `unionid` may also be True, for one derived from the name, or False, for none. In an app of a group it counts
        for the whole group; in one of none it stays the app's own, and ends when the app joins a group.
        """
        user = self._by_name.get(name) or self._make(name)
        account = user.account
        for attribute, value in profile.items():
            setattr(account, attribute, value)
        if openid is not None:
            user.openid = openid
            self._by_openid = {user.openid: user for user in self._by_name.values()}
        issuer = ("app", self._app_id) if self.group is None else ("group", self.group)
        if unionid is not None:
            account.unionids[issuer] = self._derived_unionid(name) if unionid is True else unionid or None
        in_group = None if self.group is None else self._derived_unionid(name)
        user.unionid = account.unionids.get(issuer, in_group)
        return user

    def by_openid(self, openid: object) -> User:
        """Raises ErrcodeError with 40003."""
        if not isinstance(openid, str) or openid not in self._by_openid:
            raise ErrcodeError(Errcode.INVALID_OPENID)
        return self._by_openid[openid]

    def name_of(self, openid: str) -> str | None:
        user = self._by_openid.get(openid)
        return None if user is None else user.account.name

    def close(self, name: str) -> User:
        """Closes the account of a known user, who gets another openid on the next mention; returns what is gone."""
        user = self._by_name.pop(name)
        del self._by_openid[user.openid]
        self._closed[name] += 1
        return user

    def __iter__(self) -> Iterator[User]:
        return iter(tuple(self._by_name.values()))

    def _make(self, name: str) -> User:
        # 28 characters beginning with o; the same after a restart, and another in every app and after each closed one.
        closed = [str(self._closed[name])] if self._closed[name] else []
        openid = "o" + self._fakes.derived_text("openid", self._app_id, name, *closed)[:27]
        user = self._by_name[name] = self._by_openid[openid] = User(self._accounts.get(name), openid)
        return user

    def _derived_unionid(self, name: str) -> str:
        """In the form of an openid; that of the default group and of apps of no group is one."""
        parts = (self.group, name) if self.group else (name,)
        return "o" + self._fakes.derived_text("unionid", *parts)[:27]
