"""Whose a phone number is where it may be one user's only: a row for each number, and so one transaction at a time."""

from collections.abc import Sequence
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.database import Steps
from models.users import User


class PhoneOwner(Model):
    """The table `phone_owners`; empty unless numbers have to be unique.

    A number has a row for each key of the ring, so that replicas which begin with different keys meet in one of them.
    """

    # As in `phones`.
    number_index = fields.CharField(primary_key=True, max_length=40)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="owned_numbers", on_delete=fields.CASCADE, db_index=True
    )

    class Meta:
        table = "phone_owners"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Whose a phone number is, where it may be one user's only."


_OTHER: Final = "SELECT user_id FROM phone_owners WHERE number_index = $1 AND user_id <> $2"
# Changes nothing where there is a row, but waits for it and returns the committed one.
_CLAIM: Final = """
INSERT INTO phone_owners (number_index, user_id) VALUES ($1, $2)
ON CONFLICT (number_index) DO UPDATE SET user_id = phone_owners.user_id RETURNING user_id"""
_OWNED: Final = "SELECT number_index FROM phone_owners WHERE user_id = $1 ORDER BY number_index"
_DELETE: Final = "DELETE FROM phone_owners WHERE number_index = $1 AND user_id = $2"
_DELETE_ALL: Final = "DELETE FROM phone_owners WHERE user_id = $1"
_MOVE: Final = "UPDATE phone_owners SET user_id = $2 WHERE user_id = $1"


def is_owned_by_another(index: str, user_id: str) -> Steps[bool]:
    """Whether the number with this index is another user's, as far as has been committed."""
    return bool((yield _OTHER, (index, user_id)))


def owns_number(user_id: str) -> Steps[bool]:
    """Whether there is a row of this user."""
    return bool((yield _OWNED, (user_id,)))


def own(user_id: str, indexes: Sequence[str]) -> Steps[bool]:
    """Makes these the user's, and no others; False where one is another user's by now, and stays theirs."""
    is_free = True
    for index in sorted(indexes):  # in one order, for another user may claim the same at this moment
        [owner] = yield _CLAIM, (index, user_id)
        is_free &= owner["user_id"] == user_id
    for row in (yield _OWNED, (user_id,)):
        if row["number_index"] not in indexes:
            yield _DELETE, (row["number_index"], user_id)
    return is_free


def disown(user_id: str) -> Steps[None]:
    """Frees what a user owns."""
    yield _DELETE_ALL, (user_id,)


def move_owned(younger: str, older: str) -> Steps[None]:
    """Gives what one user owns to another."""
    yield _MOVE, (younger, older)
