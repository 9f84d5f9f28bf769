"""Pairs of users that a unionid, which came late, has shown to be one."""

import secrets
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.database import Steps
from models.users import User


class MergeProposal(Model):
    """The table `merge_proposals`: for an operator, who decides whether `younger` is merged into `older`."""

    id = fields.CharField(primary_key=True, max_length=22)
    older: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="proposals_as_older", on_delete=fields.CASCADE, db_index=True
    )
    younger: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="proposals_as_younger", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.BigIntField()

    class Meta:
        table = "merge_proposals"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Pairs of users that a unionid has shown to be one."
        unique_together = (("older", "younger"),)


_INSERT: Final = """
INSERT INTO merge_proposals (id, older_id, younger_id, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (older_id, younger_id) DO NOTHING RETURNING id"""


def propose(older: str, younger: str, *, now: int) -> Steps[bool]:
    """Whether the pair is new. The transaction has locked what keeps both users there."""
    return bool((yield _INSERT, (secrets.token_hex(11), older, younger, now)))
