"""Which user a unionid belongs to: the table that decides which accounts are one user's."""

from tortoise import fields
from tortoise.models import Model

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
