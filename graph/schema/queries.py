"""What a client can ask."""

import strawberry

from graph.schema.context import Info
from graph.schema.types import User


@strawberry.type(description="What a client can ask.")
class Query:
    """The root of queries."""

    @strawberry.field(
        description="The signed-in person; null without a token. Errors: UNAUTHENTICATED for a token that is "
        "malformed, unknown or expired, SERVICE_UNAVAILABLE."
    )
    async def me(self, info: Info) -> User | None:
        """See the description."""
        viewer = await info.context.viewer()
        return None if viewer is None else User.of(viewer.user)
