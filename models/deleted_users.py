"""The feed of users that are gone, for services that keep their ids."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from tortoise import fields
from tortoise.models import Model

from models.clock import TOLERANCE_MS
from models.database import Database, Steps


class DeletionReason(IntEnum):
    """Who wanted it; a merge that a unionid alone decided is WeChat's."""

    USER = 1
    WECHAT = 2
    OPERATOR = 3


class DeletedUser(Model):
    """The table `deleted_users`: who went when and why, and into which user they were merged, if any.

    `seq` is the place in the feed. Of several writers at once a smaller one may appear later: see `read_changes`.
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


class DeletedRecord(NamedTuple):
    """A row, but for its reason. `at` in epoch milliseconds."""

    seq: int
    user_id: str
    at: int
    merged_into: str | None


# Milliseconds that a row waits for those before it, which other transactions may still have to commit.
_SETTLED: Final = 5_000
# The same where a number is missing before it. Most often it was taken by a transaction that ended without a row; one
# in flight may have lost its connection and run again, and the clocks of the two that wrote may differ.
_SETTLED_BEHIND_GAP: Final = 60_000 + TOLERANCE_MS

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


async def read_changes(database: Database, after: int, limit: int, *, now: int) -> Sequence[DeletedRecord]:
    """The rows that follow the place `after` in the feed, up to the first that is too young to be settled.

    So a reader who goes on behind the last of them misses none. `now` in epoch milliseconds, by the database's clock.
    Raises `DatabaseError`.
    """
    rows = DeletedUser.filter(seq__gt=after).order_by("seq").limit(limit)
    found = await database.run(lambda: rows.values_list(*DeletedRecord._fields), reads=True)
    settled: list[DeletedRecord] = []
    for record in (DeletedRecord(*row) for row in found):
        if record.at > now - (_SETTLED if record.seq == after + 1 else _SETTLED_BEHIND_GAP):
            break
        settled.append(record)
        after = record.seq
    return settled
