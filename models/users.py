"""A user, as the server's clients see them."""

from typing import Final, NamedTuple

from tortoise import fields
from tortoise.models import Model

from models.database import Database, Row, Steps
from models.errors import Conflict


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
    # The same of the newest phone number that was taken back: neither it nor an older one comes back.
    removed_phone_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()
    # The file of an uploaded picture, whose address `avatar_url` is.
    avatar_name = fields.CharField(max_length=64, db_default="")
    # When each part was taken that the user typed or uploaded, and whether it was (1) or WeChat signed it (0).
    nick_name_at = fields.BigIntField(null=True)
    nick_name_source = fields.SmallIntField(db_default=0)
    avatar_at = fields.BigIntField(null=True)
    avatar_source = fields.SmallIntField(db_default=0)
    # The same of gender, region and language.
    facts_at = fields.BigIntField(null=True)

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


# The statements in this package select exactly these, in this order.
USER_COLUMNS: Final = UserRecord._fields
# Changes nothing. Unlike the lock that a foreign key takes, two transactions cannot hold it at once.
_LOCK: Final = f"""
UPDATE users SET updated_at = updated_at WHERE id = $1 RETURNING {", ".join(USER_COLUMNS)}"""  # noqa: S608 - constants only

_DELETE: Final = "DELETE FROM users WHERE id = $1"
_REMOVED_PHONE: Final = "SELECT removed_phone_at FROM users WHERE id = $1"
_NOTE_REMOVED_PHONE: Final = """
UPDATE users SET removed_phone_at = $2 WHERE id = $1 AND (removed_phone_at IS NULL OR removed_phone_at < $2)"""


def lock_user(user_id: str) -> Steps[UserRecord | None]:
    """The user, whom no other transaction merges, deletes or gives an account to until this one ends; None if gone."""
    rows = yield _LOCK, (user_id,)
    return UserRecord(*[rows[0][column] for column in USER_COLUMNS]) if rows else None


def require_user(user_id: str) -> Steps[UserRecord]:
    """As `lock_user`. Raises `Conflict` when another transaction has merged or deleted the user meanwhile."""
    user = yield from lock_user(user_id)
    if user is None:
        msg = "the user is gone"
        raise Conflict(msg)
    return user


def by_age(one: UserRecord, another: UserRecord) -> tuple[UserRecord, UserRecord]:
    """The older of two users, and the younger."""
    older, younger = sorted((one, another), key=lambda user: (user.created_at, user.id))
    return older, younger


def delete_user(user_id: str) -> Steps[None]:
    """Deletes a user, and whatever refers to them."""
    yield _DELETE, (user_id,)


def removed_phone_at(user_id: str) -> Steps[int | None]:
    """When the newest phone number was given that a user has taken back, in epoch milliseconds; None without any."""
    rows = yield _REMOVED_PHONE, (user_id,)
    return rows[0]["removed_phone_at"] if rows else None


def note_removed_phone(user_id: str, given_at: int) -> Steps[None]:
    """Has `removed_phone_at` return this time, unless a later one is known."""
    yield _NOTE_REMOVED_PHONE, (user_id, given_at)


async def find_user(database: Database, user_id: str) -> UserRecord | None:
    """The user, or None when they are gone. Raises `DatabaseError`."""
    stored = User.filter(id=user_id)
    rows = await database.run(lambda: stored.values_list(*USER_COLUMNS), reads=True)
    return UserRecord._make(rows[0]) if rows else None


async def read_user(database: Database, user_id: str) -> Row | None:
    """All columns of a user; None when they are gone. Raises `DatabaseError`."""
    rows = await database.run(lambda: User.filter(id=user_id).values(), reads=True)
    return next(iter(rows), None)
