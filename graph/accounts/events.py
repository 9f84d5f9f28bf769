"""What an event of WeChat's does to a user: what they have withdrawn goes, if it was collected before the event."""

from typing import Final

from graph.wechat.push import EventName, PushedEvent
from models.accounts import lock_account_of
from models.audit_log import AuditAction, record
from models.database import Steps
from models.deletion import delete_account
from models.events import finish_event
from models.phones import delete_phone_of_app
from models.users import lock_user, note_removed_phone
from models.withdrawals import Withdrawn, withdraw

# How much later than an event data may have been collected and still be meant by it: clocks differ, and events have a
# second's precision. What is newer the user may have given again.
LATE_MS: Final = 60_000
# WeChat's numbers of what is revoked. Of others the server keeps nothing: a camera, a place, steps.
_WITHDRAWN: Final = {6: Withdrawn.PROFILE, 19: Withdrawn.NICK_NAME, 20: Withdrawn.PICTURE}
_PHONE: Final = 8
_MOST_RECORDED: Final = 20


def apply_event(event_id: str, app_id: str, event: PushedEvent, *, now: int) -> Steps[None]:
    """The steps that apply an event once, however often they run; nothing for a user who is gone."""
    if not (yield from finish_event(event_id, now=now)):
        return
    at, before = event.created_at, event.created_at + LATE_MS
    if event.name is EventName.CANCELLATION:
        entry, user_entry = (
            action.entry(now=now, user_id=None, actor="wechat", app_id=app_id)
            for action in (AuditAction.EVENT_CANCELLATION, AuditAction.DELETED)
        )
        yield from delete_account(app_id, event.openid, before=before, at=now, entry=entry, user_entry=user_entry)
        return
    user_id = yield from lock_account_of(app_id, event.openid)
    user = None if user_id is None else (yield from lock_user(user_id))
    if user is None:
        return
    revoked = sorted({*event.revoked})
    action, withdrawn, detail = AuditAction.EVENT_MODIFIED, {Withdrawn.NAME}, dict[str, object]()
    if event.name is EventName.REVOKE:
        withdrawn = {_WITHDRAWN[number] for number in revoked if number in _WITHDRAWN}
        action, detail = AuditAction.EVENT_REVOKE, {"revoked": revoked[:_MOST_RECORDED]}
    removed: list[str] = [*(yield from withdraw(user, withdrawn, at=at, before=before, now=now))]
    if _PHONE in revoked:
        if (yield from delete_phone_of_app(user.id, app_id, before=before)):
            removed.append("phone")
        yield from note_removed_phone(user.id, at - 1)
    detail = {**detail, "removed": removed}
    yield from record(action.entry(now=now, user_id=user.id, actor="wechat", app_id=app_id, detail=detail))
