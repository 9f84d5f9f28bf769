"""The made-up people who use the mini-program."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict, Unpack

from graph.simulator.errors import Misplayed
from graph.simulator.fake_values import Chance

DEFAULT_PERSON = "me"


class Profile(TypedDict, total=False):
    """What may be chosen about a person; the rest is derived from the seed and the name."""

    openid: str
    # True: one derived from the name. False: none, as in an app that no Open Platform account holds.
    unionid: bool | str
    nick_name: str
    avatar_url: str
    gender: int
    language: str
    city: str
    province: str
    country: str


@dataclass(slots=True)
class Person:
    """One WeChat user of this app, with the data that the old privacy policy would hand out."""

    name: str
    openid: str
    unionid: str | None
    nick_name: str
    avatar_url: str
    gender: int
    phone_number: str
    language: str = "zh_CN"
    city: str = "Guangzhou"
    province: str = "Guangdong"
    country: str = "China"
    last_seen: float | None = None


class People:
    """Everybody ever mentioned, by name. At most `limit` of them, so that a load test cannot fill the memory."""

    def __init__(self, app_id: str, chance: Chance, *, limit: int) -> None:
        self._app_id = app_id
        self._chance = chance
        self._limit = limit
        self._by_name: dict[str, Person] = {}
        self._by_openid: dict[str, Person] = {}

    def meet(self, name: str, **profile: Unpack[Profile]) -> Person:
        """The person of that name, made on first mention; a given field changes them for good.

        Giving a unionid later plays the real case of an app that joins an Open Platform account.
        """
        person = self._by_name.get(name) or self._make(name)
        for field, value in profile.items():
            if field == "unionid":
                setattr(person, field, self._chance.unionid(name) if value is True else value or None)
            elif field == "openid":
                self._move(person, str(value))
            else:
                setattr(person, field, value)
        return person

    def by_openid(self, openid: str) -> Person | None:
        return self._by_openid.get(openid)

    def __iter__(self) -> Iterator[Person]:
        return iter(tuple(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    def _make(self, name: str) -> Person:
        if len(self._by_name) >= self._limit:
            message = f"this simulator already plays {self._limit} people"
            raise Misplayed(message)
        person = Person(
            name=name,
            openid=self._chance.openid(self._app_id, name),
            unionid=None,
            nick_name=name,
            avatar_url=self._chance.avatar_url(name),
            gender=self._chance.gender(name),
            phone_number=self._chance.phone_number(name),
        )
        self._by_name[name] = person
        self._by_openid[person.openid] = person
        return person

    def _move(self, person: Person, openid: str) -> None:
        del self._by_openid[person.openid]
        person.openid = openid
        self._by_openid[openid] = person
