"""A person as one mini-program knows them."""

from tortoise import fields
from tortoise.models import Model

from models.users import User


class Account(Model):
    """The table `accounts`: WeChat's ids of a person in one mini-program, and the two newest session_keys, sealed.

    Two keys, because a submission that was signed before a login may arrive after it. The columns hold sealed text and
    a keyed fingerprint; nothing in this package can open them.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="accounts", on_delete=fields.CASCADE, db_index=True
    )
    app_id = fields.CharField(max_length=32)
    openid = fields.CharField(max_length=64)
    unionid = fields.CharField(max_length=64, null=True, db_index=True)
    session_key = fields.TextField()
    session_key_fingerprint = fields.CharField(max_length=22)
    # When the newest WeChat call that returned this key was sent.
    session_key_at = fields.BigIntField()
    previous_session_key = fields.TextField(null=True)
    # As `session_key_at`, for the previous key.
    previous_session_key_asked_at = fields.BigIntField(null=True)
    # When the previous key was replaced.
    previous_session_key_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        table = "accounts"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "People as one mini-program knows them."
        unique_together = (("app_id", "openid"),)
