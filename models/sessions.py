"""A signed-in device."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import Account
from models.users import User


class Session(Model):
    """The table `sessions`: the SHA-256 of a token, never the token.

    `user` repeats what `account` implies, because it saves the busiest statement of the server a join.
    """

    token_hash = fields.CharField(primary_key=True, max_length=43)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "models.Account", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.BigIntField()
    # Written at most once an hour; the idle limit counts from here.
    last_seen_at = fields.BigIntField()
    # The absolute limit; a login that supersedes the session brings it forward.
    expires_at = fields.BigIntField(db_index=True)

    class Meta:
        table = "sessions"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Signed-in devices."
