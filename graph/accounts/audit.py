"""The actions that the audit log knows."""

from enum import StrEnum, unique

from graph.security.tokens import opaque_id
from models.audit_log import Audited


@unique
class AuditAction(StrEnum):
    """What was done. Operators search for the values, which stay the same and have at most 32 characters."""

    USER_CREATED = "user_created"
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    SESSION_REVOKED = "session_revoked"
    SESSIONS_REVOKED = "sessions_revoked"
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
        **detail: str | int,
    ) -> Audited:
        """What `models.audit_log.record` stores, under an id of its own; `session` is a public id (`session_id`).

        `now` in epoch milliseconds. Of `actor` and `detail`, `Audited` says what they may hold.
        """
        return Audited(
            id=opaque_id(),
            at=now,
            action=self.value,
            user_id=user_id,
            actor=actor,
            app_id=app_id,
            session=session,
            detail=detail,
        )
