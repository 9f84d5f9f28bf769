"""What a resolver finds in `info.context`."""

from collections.abc import Callable
from dataclasses import dataclass, field

import strawberry

from graph.accounts.errors import Unauthenticated
from graph.accounts.sessions import Viewer
from graph.services import Services


@dataclass(slots=True)
class Context:
    """One request: the server's parts, and who claims to be asking. Not frozen, for its price alone."""

    services: Services
    # The text behind `Authorization: Bearer`; None when the request has no such header.
    token: str | None = field(repr=False)
    # Tells where the request comes from, as rate limits count: see `graph.http.client_address`.
    address: Callable[[], str] = field(repr=False)

    async def viewer(self) -> Viewer | None:
        """The signed-in person, or None when the request carries no token.

        Raises `Unauthenticated` when it carries one that is worth nothing, and `DatabaseError`.
        """
        return None if self.token is None else await self.services.sessions.authenticate(self.token)

    async def require_viewer(self) -> Viewer:
        """The signed-in person. Raises `Unauthenticated`, `DatabaseError`."""
        viewer = await self.viewer()
        if viewer is None:
            raise Unauthenticated
        return viewer


Info = strawberry.Info[Context, None]
