"""The pictures that users have saved, and where the check of each stands."""

from enum import IntEnum

from tortoise import fields
from tortoise.models import Model

from models.users import User


class PictureState(IntEnum):
    """As the schema describes them; the file of a REFUSED one is deleted."""

    CHECKING = 0
    SHOWN = 1
    REVIEW = 2
    REFUSED = 3


class Picture(Model):
    """The table `pictures`: those of a user's past too, for a while. The id is that of the upload.

    `app_id` is the mini-program by which it came, in which WeChat checks it under `trace_id`. `due_at` is when the
    server next asks or gives up, in epoch milliseconds as all times; None where it waits for nothing.
    """

    id = fields.CharField(primary_key=True, max_length=22)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="pictures", on_delete=fields.CASCADE, db_index=True
    )
    app_id = fields.CharField(max_length=32)
    name = fields.CharField(max_length=64)
    url = fields.CharField(max_length=1024)
    # A `PictureState`.
    state = fields.SmallIntField()
    trace_id = fields.CharField(max_length=64, null=True)
    # WeChat's number for what it found.
    label = fields.IntField(null=True)
    tries = fields.SmallIntField()
    checked_at = fields.BigIntField(null=True)
    due_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()

    class Meta:
        table = "pictures"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Pictures that users have saved."
        indexes = (("app_id", "trace_id"), ("state", "due_at"))
