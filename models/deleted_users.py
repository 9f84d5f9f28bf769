"""The feed of users that are gone, for services that keep their ids."""

from tortoise import fields
from tortoise.models import Model


class DeletedUser(Model):
    """The table `deleted_users`: who went when and why, and into which user they were merged, if any.

    `seq` is the place in the feed. Of several writers at once a smaller one may appear later: a reader serves rows that
    are some seconds old.
    """

    seq = fields.BigIntField(primary_key=True, generated=True)
    user_id = fields.CharField(max_length=22, unique=True)
    at = fields.BigIntField(db_index=True)
    # 1: the user, 2: WeChat, 3: an operator.
    reason = fields.SmallIntField()
    merged_into = fields.CharField(max_length=22, null=True)

    class Meta:
        table = "deleted_users"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Users that are gone, for services that keep their ids."
