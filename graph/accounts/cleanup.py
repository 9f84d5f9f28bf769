"""Removes what is kept for a time only: sessions, the audit log, the feed of deleted users, events, pictures."""

from collections.abc import AsyncIterator
from typing import Final

from graph.accounts.jobs import Job
from graph.accounts.sessions import DAY_MS
from models.audit_log import AuditEntry
from models.database import Database
from models.deleted_users import DeletedUser
from models.events import delete_old
from models.pictures import delete_replaced
from models.retention import delete_before
from models.sessions import Ended, delete_ended
from models.uploads import expire_uploads

PAGE: Final = 1000
# How long a service may be away that reads the feed.
_FEED_DAYS: Final = 90
# WeChat repeats an event within seconds. What is longer there is for operators.
_EVENT_DAYS: Final = 30
# How long operators have for one that failed, whose user may be gone by then.
_FAILED_DAYS: Final = 90
# How long operators can see what became of a picture that another one has replaced.
_REPLACED_DAYS: Final = 30
# Each frees a file, in one transaction.
_UPLOADS_PAGE: Final = 100


def cleanup_jobs(database: Database, *, idle_days: int, audit_days: int) -> tuple[Job, ...]:
    """A job for each table; `idle_days` ends a session, `audit_days` is what the audit log is kept for."""
    return (
        Job(
            # The name that earlier versions know, so that a replica of one keeps away meanwhile.
            lease="sweep",
            doing="removing sessions that have ended",
            done="sessions removed",
            pages=lambda now: _delete_ended(database, Ended(by=now, unseen_since=now - idle_days * DAY_MS)),
        ),
        Job(
            lease="audit",
            doing="removing old entries of the audit log",
            done="entries of the audit log removed",
            pages=lambda now: delete_before(database, AuditEntry, "id", now - audit_days * DAY_MS, size=PAGE),
        ),
        Job(
            lease="deleted_users",
            doing="removing old rows of the feed of deleted users",
            done="rows of the feed of deleted users removed",
            pages=lambda now: delete_before(database, DeletedUser, "seq", now - _FEED_DAYS * DAY_MS, size=PAGE),
        ),
        Job(
            lease="events",
            doing="removing old events",
            done="events removed",
            pages=lambda now: delete_old(
                database, done=now - _EVENT_DAYS * DAY_MS, failed=now - _FAILED_DAYS * DAY_MS, size=PAGE
            ),
        ),
        Job(
            lease="uploads",
            doing="removing uploads that have expired",
            done="uploads removed",
            pages=lambda now: _expire_uploads(database, now),
        ),
        Job(
            lease="pictures_old",
            doing="removing rows of pictures that were replaced",
            done="rows of replaced pictures removed",
            pages=lambda now: delete_replaced(database, before=now - _REPLACED_DAYS * DAY_MS, size=PAGE),
        ),
    )


async def _expire_uploads(database: Database, now: int) -> AsyncIterator[int]:
    while expired := await expire_uploads(database, now=now, size=_UPLOADS_PAGE):
        yield expired


async def _delete_ended(database: Database, ended: Ended) -> AsyncIterator[int]:
    after: str | None = ""
    while after is not None:
        deleted, after = await delete_ended(database, ended, after=after, size=PAGE)
        yield deleted
