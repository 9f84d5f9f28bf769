"""Whose texts WeChat has not passed: those that it could not see yet, and those that an operator must."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from tortoise import fields
from tortoise.expressions import Q
from tortoise.functions import Count, Min
from tortoise.models import Model

from models.database import Database, Row, Steps
from models.users import User


class TextCheckState(IntEnum):
    """WAITING is checked again by the server, REVIEW is for an operator."""

    WAITING = 0
    REVIEW = 1


class TextCheck(Model):
    """The table `text_checks`: a user whose typed texts have not been passed. The texts are in their row.

    `app_id` is the mini-program by which they came. Times in epoch milliseconds; `due_at` is None in REVIEW.
    """

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="text_check", on_delete=fields.CASCADE, primary_key=True
    )
    app_id = fields.CharField(max_length=32)
    # A `TextCheckState`.
    state = fields.SmallIntField()
    # WeChat's number for what it found.
    label = fields.IntField(null=True)
    tries = fields.SmallIntField()
    due_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()

    class Meta:
        table = "text_checks"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Texts of users that WeChat has not passed."
        indexes = (("state", "due_at"),)


@dataclass(frozen=True, slots=True)
class StoredTextCheck:
    """A row of `text_checks`."""

    user_id: str
    app_id: str
    state: TextCheckState
    label: int | None
    tries: int
    due_at: int | None
    created_at: int


_COLUMNS: Final = tuple(StoredTextCheck.__slots__)
_UPSERT: Final = """
INSERT INTO text_checks (user_id, app_id, state, label, tries, due_at, created_at) VALUES ($1, $2, $3, $4, 0, $5, $6)
ON CONFLICT (user_id) DO UPDATE SET app_id = excluded.app_id, state = excluded.state, label = excluded.label, tries = 0,
  due_at = excluded.due_at, created_at = excluded.created_at"""
_FIND: Final = "SELECT 1 AS one FROM text_checks WHERE user_id = $1"
_DROP: Final = "DELETE FROM text_checks WHERE user_id = $1 RETURNING user_id"
_MOVE: Final = "UPDATE text_checks SET user_id = $2 WHERE user_id = $1"


def note_text_check(
    user_id: str, *, app_id: str, state: TextCheckState, label: int | None, due_at: int | None, now: int
) -> Steps[None]:
    """Stores that a user's texts have not been passed, in place of what was stored. They are locked."""
    yield _UPSERT, (user_id, app_id, int(state), label, due_at, now)


def drop_text_check(user_id: str) -> Steps[bool]:
    """Deletes the row of a user, of whose texts none is in doubt any more; whether there was one."""
    return bool((yield _DROP, (user_id,)))


def move_text_check(younger: str, older: str) -> Steps[None]:
    """Gives one user's row to another, unless that one has one: then it is of all texts of theirs."""
    if not (yield _FIND, (older,)):
        yield _MOVE, (younger, older)


async def due_text_checks(database: Database, *, now: int, after: str, limit: int) -> Sequence[StoredTextCheck]:
    """The next by their users' ids that are to be checked again. Raises `DatabaseError`, as all here that await."""
    waiting = TextCheck.filter(state=TextCheckState.WAITING, due_at__lte=now, user_id__gt=after)
    return await _read(database, waiting.order_by("user_id").limit(limit))


async def put_off_text_check(
    database: Database, check: StoredTextCheck, *, due_at: int | None, state: TextCheckState, label: int | None = None
) -> bool:
    """Notes that another check decided nothing; False where the row is not as it was read any more.

    Without a `label` the one that it has stays.
    """
    same = TextCheck.filter(user_id=check.user_id, tries=check.tries, state=check.state, created_at=check.created_at)
    change: dict[str, Any] = {"due_at": due_at, "state": state, "tries": check.tries + 1}
    if label is not None:
        change["label"] = label
    return await database.run(lambda: same.update(**change)) == 1


async def find_text_check(database: Database, user_id: str) -> StoredTextCheck | None:
    """The row of a user; None when all their texts have been passed."""
    return next(iter(await _read(database, TextCheck.filter(user_id=user_id))), None)


async def read_text_checks(
    database: Database, *, states: Collection[TextCheckState], size: int = 500
) -> AsyncIterator[Sequence[StoredTextCheck]]:
    """Those in one of these states, the oldest first and at most `size` at a time."""
    checks = TextCheck.filter(state__in=list(states)).order_by("created_at", "user_id").limit(size)
    rest = checks
    while page := await _read(database, rest):
        yield page
        at, last = page[-1].created_at, page[-1].user_id
        rest = checks.filter(Q(created_at__gt=at) | Q(created_at=at, user_id__gt=last))


async def count_text_checks(database: Database) -> Mapping[TextCheckState, tuple[int, int | None]]:
    """How many are in each state, and since when the oldest is, in epoch milliseconds."""
    rows = TextCheck.all().group_by("state").annotate(number=Count("user_id"), oldest=Min("created_at"))
    counted = rows.values_list("state", "number", "oldest")
    found = {state: (number, oldest) for state, number, oldest in await database.run(lambda: counted, reads=True)}
    return {state: found.get(state, (0, None)) for state in TextCheckState}


async def _read(database: Database, checks: Any) -> Sequence[StoredTextCheck]:
    return [_stored(row) for row in await database.run(lambda: checks.values(*_COLUMNS), reads=True)]


def _stored(row: Row) -> StoredTextCheck:
    return StoredTextCheck(**dict(row) | {"state": TextCheckState(row["state"])})
