"""A schema whose resolvers do whatever resolvers can do: fail, lie about types, leave out what may not be missing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Final

import strawberry

from graph.accounts.errors import Unauthenticated
from graph.schema.build import graphql_core_schema
from tests.schema.plans.surroundings import Doubled, Foreign, NothingStrange, Text


@strawberry.enum
class Colour(Enum):
    """An enum whose values are no names."""

    RED = 1
    BLUE = 2


@strawberry.enum
class Mood(StrEnum):
    """An enum whose members are texts as well."""

    GOOD = "good"
    BAD = "bad"


@strawberry.interface
class Named:
    """What has a name; its types check their objects."""

    name: str


@strawberry.type
class Badge(Named):
    """A type that checks its objects."""


@strawberry.type
class Thing:
    """Every kind of plain field, and one that is not."""

    id: strawberry.ID
    name: str
    nick: str | None
    count: int
    weight: float | None
    good: bool
    colour: Colour
    shade: Colour | None
    mood: Mood
    made: datetime
    tags: list[str]
    gaps: list[str | None] | None
    inner: Thing | None
    sure: Other
    others: list[Other]
    badge: Badge | None = None
    made_in: str | None = "Guangzhou"

    @strawberry.field
    def shouted(self) -> str:
        """A resolver that wants to know nothing else."""
        return f"{self.name}!"

    @strawberry.field
    async def friend(self) -> Other | None:
        """A resolver that waits, and fails where the thing is not sure."""
        await asyncio.sleep(0)
        if isinstance(self.sure, str):
            raise Unauthenticated
        return self.sure

    @strawberry.field
    def placed(self, info: strawberry.Info) -> list[str]:
        """What a resolver sees of where it stands."""
        return [info.field_name, str(info.path.as_list()), str(info.return_type), str(info.variable_values)]

    @strawberry.field
    def computed(self, times: int = 2) -> str:
        """A field with a resolver of its own."""
        return "x" * times


@strawberry.type
class Other:
    """Something below a thing."""

    id: strawberry.ID
    label: str | None
    back: Thing | None = None


# What an attribute can hold although its type says otherwise.
STRANGE: Final[dict[str, tuple[Any, ...]]] = {
    "id": (None, 7, 7.5, object(), Text("sub"), True),
    "name": (None, "", 5, 1.5, True, b"bytes", object(), ValueError("a value"), ["list"], Text("sub"), Mood.BAD),
    "nick": (None, "", 5, ValueError("a value")),
    "count": (None, "7", 2**40, 1.0, 1.5, float("nan"), True, Unauthenticated()),
    "weight": (None, 3, float("inf"), "2.5", "x"),
    "good": (None, 1, 0, "yes", float("nan")),
    "colour": (None, 1, "RED", object(), Colour.BLUE, Foreign.RED, Foreign.GREEN, Mood.GOOD),
    "shade": (None, 2, [], Foreign.BLUE, True, Colour.RED),
    "mood": (None, "good", "GOOD", Mood.BAD, Text("bad"), Colour.RED),
    "made": (None, "now", 5),
    "tags": (None, ("a", "b"), ["a", None], "ab", {"a": 1}, ["a", 5]),
    "gaps": (None, [None], ["a", None, 5], {"s"}),
    "inner": (None, 5, "text"),
    "sure": (None, ValueError("none"), "text"),
    "others": (None, [None], (), "text"),
    "made_in": (None, 5),
    "badge": (Badge(name="badge"), 5, "text"),
}


def plain_thing(depth: int = 2) -> Thing:
    """A thing with nothing strange about it."""
    return Thing(
        id=strawberry.ID("t1"),
        name='名字 \u2028 "quoted"',
        nick=None,
        count=3,
        weight=1.5,
        good=True,
        colour=Colour.RED,
        shade=Colour.BLUE,
        mood=Mood.GOOD,
        made=datetime(2026, 1, 31, 8, tzinfo=UTC),
        tags=["a", "b"],
        gaps=["a", None],
        inner=plain_thing(depth - 1) if depth else None,
        sure=Other(id=strawberry.ID("o1"), label="label"),
        others=[Other(id=strawberry.ID("o2"), label=None), Other(id=strawberry.ID("o3"), label="x")],
    )


def strange_thing(strangeness: tuple[tuple[str, int], ...]) -> Thing:
    """A thing whose named attributes hold the strange value of that number."""
    thing = plain_thing()
    for name, number in strangeness:
        values = STRANGE[name]
        setattr(thing, name, values[number % len(values)])
    return thing


Info = strawberry.Info["World", None]


class World:
    """The context: what the resolvers find, and how often they ran."""

    def __init__(self, strangeness: tuple[tuple[str, int], ...]) -> None:
        self.strangeness = strangeness
        self.runs = 0


def seen_by(info: Info) -> str:
    """Whatever a resolver can see of its request."""
    operation = info.operation.name
    seen = [
        *(info.field_name, info.python_name, info.return_type, info.path.key, info.path.typename, info.selected_fields),
        *(
            sorted(info._raw_info.fragments),
            info.root_value,
            operation and operation.value,
            info.variable_values,
            info.context.strangeness,
        ),
    ]
    return " ".join(map(str, seen))


@strawberry.type
class Query:
    """Root fields that answer in every way."""

    @strawberry.field
    async def thing(self, info: Info) -> Thing | None:
        """Maybe a strange one."""
        info.context.runs += 1
        await asyncio.sleep(0)
        return strange_thing(info.context.strangeness)

    @strawberry.field
    def sync(self, info: Info) -> Thing:
        """The same without a coroutine."""
        info.context.runs += 1
        return strange_thing(info.context.strangeness)

    @strawberry.field
    def things(self, info: Info, count: int = 2) -> list[Thing]:
        """Several, with an argument."""
        info.context.runs += 1
        return [strange_thing(info.context.strangeness if place else ()) for place in range(count)]

    @strawberry.field
    async def nothing(self, info: Info) -> Thing | None:
        """Nothing."""
        info.context.runs += 1
        return None

    @strawberry.field
    async def missing(self, info: Info) -> Thing:
        """Nothing, where something must be."""
        info.context.runs += 1
        return None  # type: ignore[return-value]

    @strawberry.field
    async def fails(self, info: Info) -> Thing | None:
        """An exception that has a code."""
        info.context.runs += 1
        raise Unauthenticated

    @strawberry.field
    def breaks(self, info: Info) -> Thing:
        """An unforeseen exception, and no coroutine."""
        info.context.runs += 1
        raise RuntimeError

    @strawberry.field
    async def number(self, info: Info, of: int, text: str | None = None) -> int:
        """A leaf, from arguments."""
        info.context.runs += 1
        return of + len(text or "")

    @strawberry.field
    def bare(self) -> list[str]:
        """Asks for nothing."""
        return ["bare", str(self)]

    @strawberry.field
    async def seen(self, asking: Info) -> str:
        """Calls its `info` by another name."""
        return seen_by(asking)

    from_elsewhere: str = strawberry.field(resolver=seen_by)

    @strawberry.field
    def rooted(self, root: Any, info: Info) -> str:
        """Asks for the root value too."""
        return f"{root} {self} {seen_by(info)}"

    @strawberry.field
    def below(parent: strawberry.Parent[Any]) -> str:  # noqa: N805 - Strawberry takes it for what it is annotated as
        """Asks for the root value under another name."""
        return str(parent)

    @strawberry.field(extensions=[Doubled()])
    async def doubled(self, info: Info) -> str:
        """Runs within an extension."""
        info.context.runs += 1
        return seen_by(info)

    @strawberry.field(extensions=[Doubled()])
    def tripled(self, times: int = 3) -> str:
        """The same without a coroutine, with an argument."""
        return "x" * times

    @strawberry.field(permission_classes=[NothingStrange])
    async def guarded(self, info: Info) -> Thing | None:
        """With a permission."""
        info.context.runs += 1
        return strange_thing(info.context.strangeness)

    @strawberry.field
    async def echoed(self, info: Info, of: int = 1) -> str:
        """Returns its argument too."""
        return f"{of} {seen_by(info)}"

    # No resolver at all, and a root value that has no such attribute.
    unresolved: str = "unresolved"


@strawberry.type
class Mutation:
    """One way to change something."""

    @strawberry.mutation
    async def change(self, info: Info, name: str, good: bool = True) -> Thing:
        """Whatever the name, a thing."""
        info.context.runs += 1
        thing = strange_thing(info.context.strangeness)
        thing.nick = name if good else None
        return thing


SCHEMA: Final = graphql_core_schema(strawberry.Schema(Query, Mutation))
