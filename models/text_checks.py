"""Whose texts WeChat has not passed: those that it could not see yet, and those that an operator must."""

from enum import IntEnum

from tortoise import fields
from tortoise.models import Model

from models.users import User


class TextCheckState(IntEnum):
    """WAITING is checked again by the server, REVIEW is for an operator."""

    WAITING = 0
    REVIEW = 1


class TextCheck(Model):
    """The table `text_checks`: a user whose typed texts have not been passed. The texts are in their row.

    `app_id` is the mini-program by which they came. Times in epoch milliseconds; `due_at` is None in REVIEW.
    """

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="text_check", on_delete=fields.CASCADE, primary_key=True
    )
    app_id = fields.CharField(max_length=32)
    # A `TextCheckState`.
    state = fields.SmallIntField()
    # WeChat's number for what it found.
    label = fields.IntField(null=True)
    tries = fields.SmallIntField()
    due_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()

    class Meta:
        table = "text_checks"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Texts of users that WeChat has not passed."
        indexes = (("state", "due_at"),)
