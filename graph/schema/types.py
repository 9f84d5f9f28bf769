"""The types that operations return."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Self

import strawberry

from graph.accounts.export import Export
from graph.accounts.login import LoggedIn
from graph.accounts.masked_phone import MaskedPhone
from graph.accounts.pictures import ShownPicture
from graph.accounts.profile import ANONYMOUS_NICK_NAMES
from graph.schema.context import Info
from graph.security.tokens import session_id
from models import devices, pictures
from models.session_list import ListedSession
from models.users import UserRecord


@strawberry.enum(description="WeChat's gender. WeChat has given only UNKNOWN since October 2021.")
class Gender(Enum):
    UNKNOWN = strawberry.enum_value(0, description="Not given.")
    MALE = strawberry.enum_value(1, description="WeChat's 1.")
    FEMALE = strawberry.enum_value(2, description="WeChat's 2.")


# Sooner found than by `Gender(...)`.
_GENDERS: Final[Mapping[object, Gender]] = {gender.value: gender for gender in Gender}


@strawberry.type(description="A phone number that WeChat has verified.")
class PhoneNumber:
    masked: str = strawberry.field(description="The number with its middle hidden, like 138****8000 or +852 ****5678.")
    country_code: str = strawberry.field(description="The country's calling code without a plus, like 86.")
    verified_at: datetime = strawberry.field(
        description="When the user gave it: the moment of the tap, by WeChat's watermark."
    )

    @classmethod
    def of(cls, phone: MaskedPhone) -> Self:
        return cls(masked=phone.masked, country_code=phone.country_code, verified_at=_time(phone.verified_at))


@strawberry.enum(description="Where the check of a picture stands.")
class PictureState(Enum):
    CHECKING = strawberry.enum_value(
        pictures.PictureState.CHECKING.value,
        description="Not judged yet: shown meanwhile or not, as the operators decide.",
    )
    SHOWN = strawberry.enum_value(pictures.PictureState.SHOWN.value, description="Shown to all.")
    REVIEW = strawberry.enum_value(
        pictures.PictureState.REVIEW.value,
        description="Doubtful: an operator decides; shown meanwhile or not, as for CHECKING.",
    )
    REFUSED = strawberry.enum_value(
        pictures.PictureState.REFUSED.value, description="Refused, by WeChat or an operator, and deleted."
    )


@strawberry.type(description="A picture that the user uploaded.")
class Picture:
    url: str | None = strawberry.field(description="Its address; null once it is refused.")
    state: PictureState = strawberry.field(description="Where its check stands.")
    uploaded_at: datetime = strawberry.field(description="When it was saved.")

    @classmethod
    def of(cls, picture: ShownPicture) -> Self:
        return cls(url=picture.url, state=PictureState(picture.state.value), uploaded_at=_time(picture.created_at))


@strawberry.type(description="A user of the mini-program.")
class User:
    """The client's view of a row of `users`; what neither WeChat nor the user has given is null."""

    id: strawberry.ID = strawberry.field(description="Identifies the user in this server. Opaque; not WeChat's openid.")
    nick_name: str | None = strawberry.field(description="Nickname as last submitted or typed; null before that.")
    avatar_url: str | None = strawberry.field(
        description="Address of the picture as last submitted or saved, once it may be shown; null before that."
    )
    gender: Gender = strawberry.field(description="Gender as last submitted or saved.")
    city: str | None = strawberry.field(description="City; null where none is given.")
    province: str | None = strawberry.field(description="Province; null where none is given.")
    country: str | None = strawberry.field(description="Country; null where none is given.")
    language: str | None = strawberry.field(description="Language of the user, or of the places above, like zh_CN.")
    is_anonymous: bool = strawberry.field(
        description="True while the user has no nickname of their own: none submitted or typed, or WeChat's 微信用户."
    )
    created_at: datetime = strawberry.field(description="When the user first signed in.")
    updated_at: datetime = strawberry.field(description="When their profile last changed.")

    # By a statement of its own, where it is selected: no other document waits for it.
    @strawberry.field(description="The verified phone number, masked; null without one. Errors: SERVICE_UNAVAILABLE.")
    async def phone(self, info: Info) -> PhoneNumber | None:
        phone = await info.context.services.masked_phones.of(self.id)
        return None if phone is None else PhoneNumber.of(phone)

    @strawberry.field(
        description="The picture that was uploaded last, whatever its check finds; null without one. Errors: "
        "SERVICE_UNAVAILABLE."
    )
    async def picture(self, info: Info) -> Picture | None:
        picture = await info.context.services.pictures.of(self.id)
        return None if picture is None else Picture.of(picture)

    @classmethod
    def of(cls, record: UserRecord) -> Self:
        return cls(
            id=strawberry.ID(record.id),
            nick_name=record.nick_name or None,
            avatar_url=record.avatar_url or None,
            gender=_GENDERS[record.gender],
            city=record.city or None,
            province=record.province or None,
            country=record.country or None,
            language=record.language or None,
            is_anonymous=record.nick_name in ANONYMOUS_NICK_NAMES,
            created_at=_time(record.created_at),
            updated_at=_time(record.updated_at),
        )


@strawberry.type(description="A completed login.")
class LoginPayload:
    token: str = strawberry.field(
        description="Send it as `Authorization: Bearer <token>`. Keep it in storage; it survives restarts."
    )
    expires_at: datetime = strawberry.field(
        description="The token ends at this time at the latest, and sooner when it is not used for days."
    )
    user: User = strawberry.field(description="The user who is now signed in.")
    is_new_user: bool = strawberry.field(description="True when this login created the user.")

    @classmethod
    def of(cls, login: LoggedIn) -> Self:
        return cls(
            token=login.token.get_secret_value(),
            expires_at=_time(login.expires_at),
            user=User.of(login.user),
            is_new_user=login.is_new_user,
        )


@strawberry.enum(description="Systems that WeChat runs on.")
class Platform(Enum):
    IOS = strawberry.enum_value(devices.Platform.IOS, description="iPhone and iPad.")
    ANDROID = strawberry.enum_value(devices.Platform.ANDROID, description="Android phones and tablets.")
    HARMONY = strawberry.enum_value(devices.Platform.HARMONY, description="HarmonyOS phones and tablets.")
    WINDOWS = strawberry.enum_value(devices.Platform.WINDOWS, description="Computers with Windows.")
    MAC = strawberry.enum_value(devices.Platform.MAC, description="Computers with macOS.")
    DEVTOOLS = strawberry.enum_value(devices.Platform.DEVTOOLS, description="WeChat's developer tools.")
    OTHER = strawberry.enum_value(devices.Platform.OTHER, description="Something else, or not known.")


_PLATFORMS: Final[Mapping[object, Platform]] = {platform.value: platform for platform in Platform}


@strawberry.type(description="A device as its client described it when it signed in.")
class Device:
    label: str | None = strawberry.field(
        description="What the client called it in the header X-Wxgate-Device; null without it."
    )
    platform: Platform = strawberry.field(description="The system, as far as the User-Agent shows it.")
    we_chat_version: str | None = strawberry.field(description="Version of WeChat, like 8.0.48; null where unknown.")
    app_version: str | None = strawberry.field(
        description="Version of the mini-program: a number of the release, 0 for a version under development or "
        "review, devtools in the developer tools; null where unknown."
    )

    @classmethod
    def of(cls, device: devices.Device) -> Self:
        return cls(
            label=device.device or None,
            platform=_PLATFORMS.get(device.platform, Platform.OTHER),
            we_chat_version=device.wechat_version or None,
            app_version=device.app_version or None,
        )


@strawberry.type(description="One signed-in device.")
class Session:
    id: strawberry.ID = strawberry.field(
        description="Identifies the session. Opaque; not the token, and of no use in its place."
    )
    is_current: bool = strawberry.field(description="True for the session whose token this request carries.")
    created_at: datetime = strawberry.field(description="When it was signed in.")
    last_seen_at: datetime = strawberry.field(description="When it was last used, to the hour.")
    expires_at: datetime = strawberry.field(description="When it ends at the latest.")
    app_id: str = strawberry.field(description="AppID of the mini-program that signed in.")
    device: Device = strawberry.field(description="What is known of the device, all of it by the client's own account.")

    @classmethod
    def of(cls, listed: ListedSession, current: str) -> Self:
        session = listed.session
        return cls(
            id=strawberry.ID(session_id(session.token_hash)),
            is_current=session.token_hash == current,
            created_at=_time(session.created_at),
            last_seen_at=_time(session.last_seen_at),
            expires_at=_time(session.expires_at),
            app_id=listed.app_id,
            device=Device.of(listed.device),
        )


@strawberry.type(description="A completed deletion.")
class DeleteMePayload:
    deleted_at: datetime = strawberry.field(description="When it was done.")

    @classmethod
    def of(cls, epoch_ms: int) -> Self:
        return cls(deleted_at=_time(epoch_ms))


@strawberry.type(description="What is kept of a user.")
class ExportMePayload:
    document: str = strawberry.field(
        description="JSON, at most 1 MiB in UTF-8: format, version, exportedAt, user, phone, accounts, pictures, the "
        "newest 100 at most, sessions, and events, the newest 1,000 at most. The version grows when members are added."
    )
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def of(cls, export: Export) -> Self:
        return cls(document=export.document, created_at=_time(export.created_at))


def _time(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
