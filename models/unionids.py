"""Which user a unionid belongs to: the table that decides which accounts are one user's."""

from typing import Final, NamedTuple

from tortoise import fields
from tortoise.models import Model

from models.database import Steps
from models.errors import Conflict
from models.users import User


class Unionid(Model):
    """The table `unionids`: WeChat's id of a user in all mini-programs of one Open Platform account."""

    unionid = fields.CharField(primary_key=True, max_length=64)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="unionids", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.BigIntField()

    class Meta:
        table = "unionids"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Which user an Open Platform account knows by a unionid."


# A server of the version before writes accounts only: of those that have the unionid, the oldest one's user is its
# owner, as that version and the migration choose.
_OWNER: Final = """
SELECT user_id, 0 AS account_id FROM unionids WHERE unionid = $1
UNION ALL SELECT user_id, id FROM accounts WHERE unionid = $1
ORDER BY account_id LIMIT 1"""
_INSERT: Final = """
INSERT INTO unionids (unionid, user_id, created_at) VALUES ($1, $2, $3)
ON CONFLICT (unionid) DO NOTHING RETURNING user_id"""
_MOVE: Final = "UPDATE unionids SET user_id = $2 WHERE user_id = $1 RETURNING unionid"
_DELETE_UNUSED: Final = """
DELETE FROM unionids WHERE unionid = $1 AND NOT EXISTS (SELECT 1 FROM accounts WHERE unionid = $1)"""


class Owner(NamedTuple):
    """The user of a unionid, and whether the table has it or only their account."""

    user_id: str
    is_stored: bool


def find_owner(unionid: str) -> Steps[Owner | None]:
    """Whose it is, as far as has been committed. It is theirs until the transaction ends only if their row is locked.

    See `models.users.lock_user`.
    """
    rows = yield _OWNER, (unionid,)
    return Owner(rows[0]["user_id"], rows[0]["account_id"] == 0) if rows else None


def claim_unionid(unionid: str, user_id: str, *, now: int) -> Steps[None]:
    """Makes it the user's. Raises `Conflict` when another login has claimed it meanwhile."""
    if not (yield _INSERT, (unionid, user_id, now)):
        msg = "the unionid is there"
        raise Conflict(msg)


def move_unionids(younger: str, older: str) -> Steps[int]:
    """Gives one user's unionids to another; how many."""
    return len((yield _MOVE, (younger, older)))


def drop_unused_unionid(unionid: str) -> Steps[None]:
    """Removes it when no account has it any more."""
    yield _DELETE_UNUSED, (unionid,)
