"""Pairs of users that a unionid, which came late, has shown to be one."""

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

from tortoise import fields
from tortoise.models import Model

from models.database import Database, Steps
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
_DELETE: Final = """
DELETE FROM merge_proposals WHERE older_id = $1 OR younger_id = $1 RETURNING older_id, younger_id, created_at"""


def propose(older: str, younger: str, *, now: int) -> Steps[bool]:
    """Whether the pair is new. The transaction has locked what keeps both users there."""
    return bool((yield _INSERT, (secrets.token_hex(11), older, younger, now)))


def withdraw(user_id: str) -> Steps[Sequence[tuple[str, int]]]:
    """Removes all proposals that name a user; the other users that they named, and since when."""
    rows = yield _DELETE, (user_id,)
    others = [(row["older_id"] if row["younger_id"] == user_id else row["younger_id"], row) for row in rows]
    return sorted((other, row["created_at"]) for other, row in others)


class ProposalRecord(NamedTuple):
    """Two users, and since when it is known that they are one, in epoch milliseconds."""

    older: str
    younger: str
    created_at: int


async def read_proposals(database: Database) -> Sequence[ProposalRecord]:
    """All of them, the oldest first. Raises `DatabaseError`."""
    proposals = MergeProposal.all().order_by("created_at", "id")
    columns = ("older_id", "younger_id", "created_at")
    return [ProposalRecord(*row) for row in await database.run(lambda: proposals.values_list(*columns), reads=True)]
