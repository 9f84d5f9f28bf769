"""Pictures that were uploaded and that no profile has yet."""

from tortoise import fields
from tortoise.models import Model

from models.users import User


class Upload(Model):
    """The table `uploads`. `name` is the file's; times in epoch milliseconds."""

    id = fields.CharField(primary_key=True, max_length=22)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="uploads", on_delete=fields.CASCADE, db_index=True
    )
    name = fields.CharField(max_length=64)
    width = fields.SmallIntField()
    height = fields.SmallIntField()
    expires_at = fields.BigIntField(db_index=True)

    class Meta:
        table = "uploads"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Pictures that were uploaded and are not saved yet."
