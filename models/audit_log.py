"""What was done to users and by whom: written with what it records, read by operators, kept for half a year."""

import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from models.database import Database, Steps


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


_INSERT: Final = """
INSERT INTO audit_log (id, at, action, user_id, app_id, session, actor, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING"""
_DETAIL: Final = "SELECT detail FROM audit_log WHERE id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One entry. Its `id` is random and made before the transaction, so that one which runs again stores it once.

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


@unique
class AuditAction(StrEnum):
    """What was done. Operators search for the values, which stay the same and have at most 32 characters."""

    USER_CREATED = "user_created"
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    SESSION_REVOKED = "session_revoked"
    SESSIONS_REVOKED = "sessions_revoked"
    PHONE_SET = "phone_set"
    PHONE_REMOVED = "phone_removed"
    PROFILE_UPDATED = "profile_updated"
    PICTURE_REFUSED = "picture_refused"
    PICTURE_ACCEPTED = "picture_accepted"
    PICTURES_REBASED = "pictures_rebased"
    TEXT_REFUSED = "text_refused"
    TEXT_ACCEPTED = "text_accepted"
    # WeChat does not know that the user has visited: perhaps the client is not WeChat's.
    NO_ACCESS_RECORD = "no_access_record"
    EXPORTED = "exported"
    DELETED = "deleted"
    EVENT_REVOKE = "event_revoke"
    EVENT_MODIFIED = "event_modified"
    EVENT_CANCELLATION = "event_cancellation"
    MERGED = "merged"
    MERGE_PROPOSED = "merge_proposed"
    UNIONID_CHANGED = "unionid_changed"
    ENCRYPTION_KEYS_ROTATED = "encryption_keys_rotated"
    ENCRYPTION_KEY_RETIRED = "encryption_key_retired"

    def entry(
        self,
        *,
        now: int,
        user_id: str | None,
        actor: str = "user",
        app_id: str = "",
        session: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> Audited:
        """An entry under an id of its own; `session` is the public id of one. `now` in epoch milliseconds."""
        return Audited(
            id=secrets.token_hex(11),
            at=now,
            action=self.value,
            user_id=user_id,
            actor=actor,
            app_id=app_id,
            session=session,
            detail=detail or {},
        )


def record(entry: Audited) -> Steps[None]:
    """Writes the entry in the transaction of what it records."""
    detail = json.dumps(dict(entry.detail))
    yield (
        _INSERT,
        (entry.id, entry.at, entry.action, entry.user_id, entry.app_id, entry.session, entry.actor, detail),
    )


def recorded(entry_id: str) -> Steps[Mapping[str, Any] | None]:
    """The detail of the entry with this id, if there is one: then what it records is stored, and need not run again."""
    rows = yield _DETAIL, (entry_id,)
    detail: Mapping[str, Any] | None = json.loads(rows[0]["detail"]) if rows else None
    return detail


async def read_entries(
    database: Database, *, user_id: str | None = None, action: str | None = None, since: int = 0, size: int = 500
) -> AsyncIterator[Sequence[Audited]]:
    """The entries from `since` (epoch milliseconds) on, newest first, at most `size` at a time.

    What is written meanwhile is not among them. Raises `DatabaseError`.
    """
    exact = {name: value for name, value in (("user_id", user_id), ("action", action)) if value is not None}
    rest = entries = AuditEntry.filter(at__gte=since, **exact).order_by("-at", "-id").limit(size)
    while page := await database.run(rest.values, reads=True):
        yield [Audited(**{**row, "detail": json.loads(row["detail"])}) for row in page]
        at, last = page[-1]["at"], page[-1]["id"]
        # The first condition is there for the index.
        rest = entries.filter(Q(at__lt=at) | Q(at=at, id__lt=last), at__lte=at)
