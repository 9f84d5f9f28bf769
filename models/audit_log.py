"""What was done to users and by whom: written with what it records, read by operators, kept for half a year."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from tortoise import fields
from tortoise.models import Model

from models.database import Steps


class AuditEntry(Model):
    """The table `audit_log`. It refers to no other table, for its rows outlive the users that they name."""

    id = fields.CharField(primary_key=True, max_length=22)
    at = fields.BigIntField(db_index=True)
    action = fields.CharField(max_length=32)
    user_id = fields.CharField(max_length=22, null=True, db_index=True)
    app_id = fields.CharField(max_length=32)
    # The public id of a session.
    session = fields.CharField(max_length=22)
    actor = fields.CharField(max_length=64)
    detail = fields.TextField()

    class Meta:
        table = "audit_log"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "What was done to users, and by whom."


_INSERT = """
INSERT INTO audit_log (id, at, action, user_id, app_id, session, actor, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One entry. `id` is the caller's, random, so that what is stored twice is there once.

    `detail` holds ids, numbers and enumerations: never a name, a phone number, an openid or a unionid. `actor` is
    `user`, `wechat`, `cli:<system user>` or `service:<name>`; `at` is in epoch milliseconds.
    """

    id: str
    at: int
    action: str
    user_id: str | None
    actor: str
    app_id: str = ""
    session: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


def new_entry_id() -> str:
    """For an entry of a transaction that does not write it again when it runs again."""
    return secrets.token_hex(11)


def record(entry: Audited) -> Steps[None]:
    """Writes the entry in the transaction of what it records."""
    detail = json.dumps(dict(entry.detail))
    yield (
        _INSERT,
        (entry.id, entry.at, entry.action, entry.user_id, entry.app_id, entry.session, entry.actor, detail),
    )
