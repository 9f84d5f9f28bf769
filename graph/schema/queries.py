"""The queries."""

import strawberry

from graph.schema.context import Info
from graph.schema.errors import with_errors
from graph.schema.types import Session, User


@strawberry.type(description="What a client can ask.")
class Query:
    @strawberry.field(
        description=with_errors(
            "The signed-in user; null without a token. One that is malformed, unknown or expired is UNAUTHENTICATED.",
            "UNAUTHENTICATED SERVICE_UNAVAILABLE",
        )
    )
    async def me(self, info: Info) -> User | None:
        viewer = await info.context.services.sessions.viewer(info.context.token)
        return None if viewer is None else User.of(viewer.user)

    @strawberry.field(
        description=with_errors(
            "The user's live sessions, the one seen last first, this one among them.",
            "UNAUTHENTICATED SERVICE_UNAVAILABLE",
        )
    )
    async def sessions(self, info: Info) -> list[Session]:
        services = info.context.services
        viewer = await services.sessions.require_viewer(info.context.token)
        return [Session.of(listed, viewer.token_hash) for listed in await services.session_list.of(viewer)]

    @strawberry.field(
        description=with_errors(
            "True while WeChat still takes the session_key that the server holds for this user: what it signs or "
            "encrypts now can be submitted. Where it is false, log in first.",
            "UNAUTHENTICATED RATE_LIMITED WECHAT_UNAVAILABLE WECHAT_MISCONFIGURED SERVICE_UNAVAILABLE",
        )
    )
    async def check_session(self, info: Info) -> bool:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return await context.services.session_key_check.is_valid(viewer, client=context.client())
