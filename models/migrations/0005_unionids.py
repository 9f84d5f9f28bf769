"""The tables that decide which accounts are one user's, filled from the accounts that there are."""

from typing import Any, Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

# Of accounts that have one unionid and are two users' already, the user of the oldest, as logins have chosen so far.
_FILL: Final = """
INSERT INTO unionids (unionid, user_id, created_at)
SELECT a.unionid, a.user_id, a.created_at FROM accounts a
JOIN (SELECT MIN(id) AS id FROM accounts WHERE unionid IS NOT NULL GROUP BY unionid) first ON first.id = a.id
"""


def _user(name: str, related_name: str) -> tuple[str, Any]:
    return name, fields.ForeignKeyField(
        "models.User",
        source_field=f"{name}_id",
        db_index=True,
        db_constraint=True,
        to_field="id",
        related_name=related_name,
        on_delete=OnDelete.CASCADE,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0004_audit_log")]

    operations = [
        ops.CreateModel(
            name="Unionid",
            fields=[
                ("unionid", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                _user("user", "unionids"),
                ("created_at", fields.BigIntField()),
            ],
            options={
                "table": "unionids",
                "app": "models",
                "pk_attr": "unionid",
                "table_description": "Which user an Open Platform account knows by a unionid.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MergeProposal",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=22)),
                _user("older", "proposals_as_older"),
                _user("younger", "proposals_as_younger"),
                ("created_at", fields.BigIntField()),
            ],
            options={
                "table": "merge_proposals",
                "app": "models",
                "unique_together": (("older", "younger"),),
                "pk_attr": "id",
                "table_description": "Pairs of users that a unionid has shown to be one.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_FILL),
    ]
