"""The mutations."""

from typing import Annotated, Any, Final

import strawberry

from graph.accounts.login import LoginRequest
from graph.accounts.requested_change import RequestedChange
from graph.schema.context import Info
from graph.schema.errors import with_errors
from graph.schema.types import DeleteMePayload, ExportMePayload, Gender, LoginPayload, User

_FRESH_CODE_ERRORS: Final = (
    "UNAUTHENTICATED APP_UNKNOWN LOGIN_CODE_INVALID LOGIN_CODE_USED CODE_OF_ANOTHER_PERSON USER_BLOCKED RATE_LIMITED "
    "WECHAT_UNAVAILABLE WECHAT_MISCONFIGURED SERVICE_UNAVAILABLE"
)
_FRESH_CODE: Final = strawberry.argument(
    description="A fresh code of wx.login in the session's mini-program, which proves that the user is at hand."
)

_PLACE: Final = strawberry.argument(description="At most 64 characters.")


@strawberry.type(description="What a client can do.")
class Mutation:
    @strawberry.mutation(
        description=with_errors(
            "Signs in the user who holds a code of wx.login. A token of the same mini-program that the request still "
            "carries is superseded: it works for another minute. The header X-Wxgate-App names the mini-program, "
            "where WeChat's Referer does not and the server serves several.",
            "BAD_REQUEST APP_UNKNOWN LOGIN_CODE_INVALID LOGIN_CODE_USED USER_BLOCKED RATE_LIMITED "
            "WECHAT_UNAVAILABLE WECHAT_MISCONFIGURED SERVICE_UNAVAILABLE",
        )
    )
    async def login(
        self,
        info: Info,
        code: Annotated[str, strawberry.argument(description="`res.code` of wx.login: works once, for five minutes.")],
    ) -> LoginPayload:
        context = info.context
        app, foreign_id = context.services.apps.requested(*context.named_app())
        request = LoginRequest(code, app, foreign_id, context.client(), context.token, context.device())
        return LoginPayload.of(await context.services.logins.login(request))

    @strawberry.mutation(
        description=with_errors(
            "Takes the result of wx.getUserInfo or wx.getUserProfile as it came, verifies and decrypts it, and keeps "
            "it. Collect it after `login`, not before. Repeating a submission changes nothing; an older one never "
            "replaces a newer one; WeChat's 微信用户 and its grey picture never replace a real nickname or picture.",
            "UNAUTHENTICATED BAD_USER_INPUT SESSION_KEY_STALE DECRYPTION_FAILED WATERMARK_OUT_OF_RANGE "
            "RATE_LIMITED SERVICE_UNAVAILABLE",
        )
    )
    async def submit_user_info(
        self,
        info: Info,
        raw_data: Annotated[
            str, strawberry.argument(description="`res.rawData`, character for character: the signature covers it.")
        ],
        signature: Annotated[
            str, strawberry.argument(description="`res.signature`: 40 lower-case hexadecimal digits.")
        ],
        encrypted_data: Annotated[str, strawberry.argument(description="`res.encryptedData`: base64.")],
        iv: Annotated[str, strawberry.argument(description="`res.iv`: base64 of 16 bytes.")],
    ) -> User:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        user = await context.services.profiles.submit_user_info(
            viewer,
            client=context.client(),
            raw_data=raw_data,
            signature=signature,
            encrypted_data=encrypted_data,
            iv=iv,
        )
        return User.of(user)

    @strawberry.mutation(
        description=with_errors(
            "Changes what the user shows of themselves. What is absent stays; null clears. What is typed is checked "
            "by WeChat, and so is a picture, later. Repeating it changes nothing.",
            "UNAUTHENTICATED BAD_USER_INPUT APP_UNKNOWN TEXT_REFUSED PICTURE_REFUSED UPLOAD_NOT_FOUND NOT_ENABLED "
            "RATE_LIMITED WECHAT_UNAVAILABLE WECHAT_MISCONFIGURED SERVICE_UNAVAILABLE",
        )
    )
    async def update_profile(
        self,
        info: Info,
        *,
        nick_name: Annotated[str | None, strawberry.argument(description="1 to 32 characters.")] = strawberry.UNSET,
        avatar: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The `avatar` that POST /uploads/avatar answered, of this user, less than an hour ago."
            ),
        ] = strawberry.UNSET,
        gender: Annotated[
            Gender | None, strawberry.argument(description="As the user has it; null is UNKNOWN.")
        ] = strawberry.UNSET,
        city: Annotated[str | None, _PLACE] = strawberry.UNSET,
        province: Annotated[str | None, _PLACE] = strawberry.UNSET,
        country: Annotated[str | None, _PLACE] = strawberry.UNSET,
        language: Annotated[
            str | None, strawberry.argument(description="A BCP 47 or WeChat tag, like zh_CN.")
        ] = strawberry.UNSET,
    ) -> User:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        change = _requested(
            nick_name=nick_name,
            avatar=avatar,
            gender=gender and gender.value,
            city=city,
            province=province,
            country=country,
            language=language,
        )
        return User.of(await context.services.profile_updates.update(viewer, change, client=context.client()))

    @strawberry.mutation(
        description=with_errors(
            "Takes the code that a button with open-type getPhoneNumber or getRealtimePhoneNumber gives, asks WeChat "
            "for the number and keeps it. Repeating it changes nothing.",
            "UNAUTHENTICATED BAD_USER_INPUT APP_UNKNOWN PHONE_CODE_INVALID PHONE_IN_USE RATE_LIMITED "
            "WECHAT_UNAVAILABLE WECHAT_MISCONFIGURED SERVICE_UNAVAILABLE",
        )
    )
    async def submit_phone_number(
        self,
        info: Info,
        code: Annotated[
            str,
            strawberry.argument(
                description="`e.detail.code` of the button's event: works once, for five minutes. Not the code of "
                "wx.login."
            ),
        ],
    ) -> User:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return User.of(await context.services.phones.submit(viewer, client=context.client(), code=code))

    @strawberry.mutation(
        description=with_errors(
            "As `submitPhoneNumber`, for base libraries before 2.21.2, whose event has no code. Collect it after "
            "`login`, not before. An older number never replaces a newer one.",
            "UNAUTHENTICATED BAD_USER_INPUT NOT_ENABLED SESSION_KEY_STALE DECRYPTION_FAILED "
            "WATERMARK_OUT_OF_RANGE PHONE_IN_USE RATE_LIMITED SERVICE_UNAVAILABLE",
        )
    )
    async def submit_encrypted_phone_number(
        self,
        info: Info,
        encrypted_data: Annotated[str, strawberry.argument(description="`e.detail.encryptedData`: base64.")],
        iv: Annotated[str, strawberry.argument(description="`e.detail.iv`: base64 of 16 bytes.")],
    ) -> User:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        phones, client = context.services.phones, context.client()
        return User.of(await phones.submit_encrypted(viewer, client=client, encrypted_data=encrypted_data, iv=iv))

    @strawberry.mutation(
        description=with_errors(
            "Forgets the user's phone number. Repeating it changes nothing.",
            "UNAUTHENTICATED SERVICE_UNAVAILABLE",
        )
    )
    async def remove_phone_number(self, info: Info) -> User:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return User.of(await context.services.phones.remove(viewer))

    @strawberry.mutation(
        description=with_errors(
            "Ends this request's session. True when it ended one, false when there was none to end: a repeat, or a "
            "token that is no longer good.",
            "SERVICE_UNAVAILABLE",
        )
    )
    async def logout(self, info: Info) -> bool:
        context = info.context
        return await context.services.session_list.log_out(context.token, client=context.client())

    @strawberry.mutation(
        description=with_errors(
            "Ends another session of this user, or this one. True when it ended one, false when they have none with "
            "this id.",
            "UNAUTHENTICATED BAD_USER_INPUT SERVICE_UNAVAILABLE",
        )
    )
    async def revoke_session(
        self,
        info: Info,
        session: Annotated[strawberry.ID, strawberry.argument(name="id", description="`Session.id`.")],
    ) -> bool:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return await context.services.session_list.revoke(viewer, session, client=context.client())

    @strawberry.mutation(
        description=with_errors(
            "Ends all of this user's sessions but this one, and returns how many.",
            "UNAUTHENTICATED SERVICE_UNAVAILABLE",
        )
    )
    async def revoke_other_sessions(self, info: Info) -> int:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return await context.services.session_list.revoke_others(viewer, client=context.client())

    @strawberry.mutation(
        description=with_errors(
            "Deletes the user and everything kept of them, in all mini-programs of this server, at once and for good; "
            "all their sessions end, so that a repeat is UNAUTHENTICATED. The next `login` makes a new user: keep the "
            "client from it before the call.",
            _FRESH_CODE_ERRORS,
        )
    )
    async def delete_me(self, info: Info, code: Annotated[str, _FRESH_CODE]) -> DeleteMePayload:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return DeleteMePayload.of(await context.services.deletions.delete(viewer, code, client=context.client()))

    @strawberry.mutation(
        description=with_errors(
            "Everything that is kept of the user, as one JSON document.",
            _FRESH_CODE_ERRORS,
        )
    )
    async def export_me(self, info: Info, code: Annotated[str, _FRESH_CODE]) -> ExportMePayload:
        context = info.context
        viewer = await context.services.sessions.require_viewer(context.token)
        return ExportMePayload.of(await context.services.exports.export(viewer, code, client=context.client()))


def _requested(**arguments: Any) -> RequestedChange:
    """The change, without the arguments that are absent from the request."""
    return RequestedChange(**{name: value for name, value in arguments.items() if value is not strawberry.UNSET})
