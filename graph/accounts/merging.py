"""Makes one user of two whom WeChat's unionid has shown to be one: by an operator, or at once when one is blank."""

from collections.abc import Callable
from typing import Final, Literal

from graph.accounts.errors import NotMerged
from graph.accounts.phone_encryption import open_phone, seal_phone
from graph.accounts.profile import filled, is_anonymous, is_own_avatar
from graph.accounts.sessions import DAY_MS
from graph.security.encryption import KeyRing
from graph.security.errors import SecurityError
from graph.security.events import Client, SecurityEvent
from graph.security.tokens import SessionMacs
from models.database import Database
from models.deleted_users import DeletionReason
from models.logins import UnionidRules
from models.merging import Merge, MergedRecord, MergeRules, merge
from models.session_macs import SignedSession
from models.users import UserRecord

# A user who is older than this and has no profile may still be known by their id in other databases.
_BLANK_FOR_MS: Final = DAY_MS


def merge_rules(key_ring: KeyRing) -> MergeRules:
    """Sessions are signed and a phone number is sealed anew for their new user: a MAC and a seal are for one only."""
    macs = SessionMacs(key_ring)

    def sign(session: SignedSession, user_id: str) -> str | None:
        try:
            macs.check(session.mac, *session[:4])
        except SecurityError:  # a server with this key ring takes it no more
            return None
        return macs.sign(session.token_hash, user_id, session.account_id, session.created_at)

    def reseal(sealed: str, younger: str, older: str) -> str | None:
        number = open_phone(key_ring, sealed, younger)
        return None if number is None else seal_phone(key_ring, number, older)

    return MergeRules(
        fill=filled,
        has_picture=lambda user: is_own_avatar(user.avatar_url),
        sign=sign,
        reseal=reseal,
        is_blank=_is_blank,
    )


def unionid_rules(
    key_ring: KeyRing, *, merge: Literal["never", "blank"], on_change: Literal["keep", "replace"]
) -> UnionidRules:
    """What logins do with a unionid that comes late or changes, by the settings of these names."""
    return UnionidRules(replace=on_change == "replace", merging=merge_rules(key_ring) if merge == "blank" else None)


def _is_blank(user: UserRecord, now: int) -> bool:
    return is_anonymous(user) and user.created_at > now - _BLANK_FOR_MS


async def merge_by_operator(
    database: Database,
    key_ring: KeyRing,
    older: str,
    younger: str,
    *,
    actor: str,
    dry_run: bool,
    now: Callable[[], int],
) -> MergedRecord | None:
    """Merges `younger` into `older`, or with `dry_run` only returns what that would move; None when it was done before.

    Raises `NotMerged`, `DatabaseError`.
    """
    if older == younger:
        msg = "These are the same user: name two."
        raise NotMerged(msg)
    what = Merge(older, younger, actor, DeletionReason.OPERATOR, now())
    outcome = await merge(database, what, merge_rules(key_ring), undo=dry_run)
    if isinstance(outcome, MergedRecord):
        if not dry_run:
            log_merge(outcome)
        return outcome
    if outcome.user_id == younger and older in outcome.successors:
        return None
    if outcome.successors:
        msg = f"The user {outcome.user_id} was merged into {outcome.successors[-1]}."
        raise NotMerged(msg)
    msg = f"There is no user {outcome.user_id}."
    raise NotMerged(msg)


def log_merge(merged: MergedRecord, client: Client | None = None) -> None:
    """Writes the security event; `client` is whose login it was, if any."""
    counts = {"accounts": merged.accounts, "sessions": merged.sessions}
    SecurityEvent.USERS_MERGED.log(client, user_id=merged.older, merged_id=merged.younger, **counts)
