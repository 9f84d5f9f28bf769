"""What Strawberry runs around a resolver: an extension, and a permission."""

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
