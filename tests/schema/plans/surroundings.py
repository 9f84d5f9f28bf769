"""What a resolver of the strange schema meets: an extension, a permission, and values that are not what they seem."""

from enum import IntEnum
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission


class Doubled(FieldExtension):
    """Runs the resolver, and changes what it gave."""

    def resolve(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        return next_(source, info, **arguments) * 2

    async def resolve_async(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        return (await next_(source, info, **arguments)) * 2


class NothingStrange(BasePermission):
    """Refuses what is strange."""

    message = "This is too strange."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return not info.context.strangeness


class Foreign(IntEnum):
    """The values of `Colour`, but no members of it."""

    RED = 1
    BLUE = 2
    GREEN = 3


class Text(str):
    """Text that is not exactly text."""
