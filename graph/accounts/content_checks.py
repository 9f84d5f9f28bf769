"""What the checks of texts and of pictures have in common: how one can end, whose content it is, and an alarm."""

import logging
from collections.abc import Callable
from enum import StrEnum, unique
from typing import Final, Literal, TypeAlias

from graph.wechat.content_check import Suggest
from graph.wechat.errors import UserUnseen, WeChatError, WeChatMisconfigured
from models.accounts import list_accounts
from models.audit_log import AuditAction, record
from models.database import Database
from models.errors import DatabaseError

_log = logging.getLogger(__name__)

ContentKind: TypeAlias = Literal["text", "picture"]


@unique
class CheckOutcome(StrEnum):
    """For metrics. ASKED is of pictures alone, whose result comes later, and so is NO_RESULT, where none does."""

    PASS = "pass"  # noqa: S105 - no password
    REVIEW = "review"
    RISKY = "risky"
    UNAVAILABLE = "unavailable"
    UNSEEN = "unseen"
    MISCONFIGURED = "misconfigured"
    ASKED = "asked"
    NO_RESULT = "no_result"


# Counts how a check has ended.
Counted: TypeAlias = Callable[[ContentKind, CheckOutcome], None]

_OF_SUGGEST: Final = {
    Suggest.PASS: CheckOutcome.PASS,
    Suggest.REVIEW: CheckOutcome.REVIEW,
    Suggest.RISKY: CheckOutcome.RISKY,
}


def outcome_of(end: Suggest | WeChatError) -> CheckOutcome:
    """How a check ended by which WeChat suggested this, or which failed so."""
    if isinstance(end, Suggest):
        return _OF_SUGGEST[end]
    if isinstance(end, UserUnseen):
        return CheckOutcome.UNSEEN
    return CheckOutcome.MISCONFIGURED if isinstance(end, WeChatMisconfigured) else CheckOutcome.UNAVAILABLE


async def find_openid(database: Database, user_id: str, app_id: str) -> str | None:
    """The newest of a user's openids in a mini-program; None when they have none by now. Raises `DatabaseError`."""
    accounts = await list_accounts(database, user_id)
    return next((str(account["openid"]) for account in reversed(accounts) if account["app_id"] == app_id), None)


async def record_unseen(database: Database, user_id: str, app_id: str, *, now: int) -> None:
    """Has the audit log name a user whom WeChat has not seen in the mini-program, but who is there.

    Their client may be none of WeChat's. Where the log cannot be written, that is logged.
    """
    entry = AuditAction.NO_ACCESS_RECORD.entry(now=now, user_id=user_id, actor="wechat", app_id=app_id)
    try:
        await database.transaction(lambda: record(entry))
    except DatabaseError as error:
        _log.warning("the audit log misses a user whom WeChat has not seen", extra={"reason": str(error)})
