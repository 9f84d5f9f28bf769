"""A person, as the server's clients see them."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from tortoise import fields
from tortoise.models import Model

#: Columns of `users` that `UserRecord` holds, in its order. The statements in this package select exactly these.
USER_COLUMNS = (
    "id",
    "nick_name",
    "avatar_url",
    "gender",
    "city",
    "province",
    "country",
    "language",
    "created_at",
    "updated_at",
)


class User(Model):
    """The table `users`. Text that WeChat has not given is the empty string; `gender` is WeChat's 0, 1 or 2."""

    id = fields.CharField(primary_key=True, max_length=22)
    nick_name = fields.CharField(max_length=256, default="")
    avatar_url = fields.CharField(max_length=1024, default="")
    gender = fields.SmallIntField(default=0)
    city = fields.CharField(max_length=128, default="")
    province = fields.CharField(max_length=128, default="")
    country = fields.CharField(max_length=128, default="")
    language = fields.CharField(max_length=128, default="")
    # Watermark of the newest submission that was taken, so that an older one cannot roll the profile back.
    profile_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        table = "users"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "People, as the server's clients see them."


class UserRecord(NamedTuple):
    """One row of `users` without the ORM around it: building a model object costs more than the query itself."""

    id: str
    nick_name: str
    avatar_url: str
    gender: int
    city: str
    province: str
    country: str
    language: str
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The record in a row that holds at least `USER_COLUMNS`."""
        return cls(*[row[column] for column in USER_COLUMNS])
