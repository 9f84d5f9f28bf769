"""The types that operations return."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Self

import strawberry

from graph.accounts.login import LoggedIn
from graph.accounts.profile import ANONYMOUS_NICK_NAMES
from models.users import UserRecord


@strawberry.enum(description="WeChat's gender. WeChat has given only UNKNOWN since October 2021.")
class Gender(Enum):
    UNKNOWN = strawberry.enum_value(0, description="Not given.")
    MALE = strawberry.enum_value(1, description="WeChat's 1.")
    FEMALE = strawberry.enum_value(2, description="WeChat's 2.")


# Sooner found than by `Gender(...)`.
_GENDERS: Final[Mapping[object, Gender]] = {gender.value: gender for gender in Gender}


@strawberry.type(description="A user of the mini-program.")
class User:
    """The client's view of a row of `users`; what WeChat has not given is null."""

    id: strawberry.ID = strawberry.field(description="Identifies the user in this server. Opaque; not WeChat's openid.")
    nick_name: str | None = strawberry.field(description="Nickname as last submitted; null before that.")
    avatar_url: str | None = strawberry.field(description="Address of the picture as last submitted; null before that.")
    gender: Gender = strawberry.field(description="Gender as last submitted.")
    city: str | None = strawberry.field(description="City; null where WeChat gives none.")
    province: str | None = strawberry.field(description="Province; null where WeChat gives none.")
    country: str | None = strawberry.field(description="Country; null where WeChat gives none.")
    language: str | None = strawberry.field(description="Language that city, province and country are in, like zh_CN.")
    is_anonymous: bool = strawberry.field(
        description="True while the user has no nickname of their own: none submitted, or WeChat's 微信用户."
    )
    created_at: datetime = strawberry.field(description="When the user first signed in.")
    updated_at: datetime = strawberry.field(description="When their user info was last submitted.")

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


def _time(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
