"""The feed of users that are gone, for services that keep their ids."""

from enum import IntEnum
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.database import Steps


class DeletionReason(IntEnum):
    """Who wanted it; a merge that a unionid alone decided is WeChat's."""

    USER = 1
    WECHAT = 2
    OPERATOR = 3


class DeletedUser(Model):
    """The table `deleted_users`: who went when and why, and into which user they were merged, if any.

    `seq` is the place in the feed. Of several writers at once a smaller one may appear later: a reader serves rows that
    are some seconds old.
    """

    seq = fields.BigIntField(primary_key=True, generated=True)
    user_id = fields.CharField(max_length=22, unique=True)
    at = fields.BigIntField(db_index=True)
    # A `DeletionReason`.
    reason = fields.SmallIntField()
    merged_into = fields.CharField(max_length=22, null=True)

    class Meta:
        table = "deleted_users"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Users that are gone, for services that keep their ids."


_INSERT: Final = """
INSERT INTO deleted_users (user_id, at, reason, merged_into) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id) DO NOTHING"""
_FIND: Final = "SELECT at, merged_into FROM deleted_users WHERE user_id = $1"


def record_deletion(user_id: str, *, at: int, reason: DeletionReason, merged_into: str | None = None) -> Steps[None]:
    """Appends a user to the feed, once."""
    yield _INSERT, (user_id, at, int(reason), merged_into)


def find_successors(user_id: str) -> Steps[tuple[str, ...]]:
    """Into whom a user was merged, and that one in turn, and so on; empty if they were not."""
    successors: tuple[str, ...] = ()
    while (rows := (yield _FIND, (user_id,))) and (user_id := rows[0]["merged_into"]):
        successors += (user_id,)
    return successors


def find_deletion(user_id: str) -> Steps[int | None]:
    """When a user, or the one into whom they were merged, was deleted; None if they were not. Epoch milliseconds."""
    while rows := (yield _FIND, (user_id,)):
        if rows[0]["merged_into"] is None:
            return int(rows[0]["at"])
        user_id = rows[0]["merged_into"]
    return None
