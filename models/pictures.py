"""The pictures that users have saved, and where the check of each stands."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from tortoise import fields
from tortoise.expressions import Q
from tortoise.functions import Count, Min
from tortoise.models import Model

from models.database import Database, Row, Steps
from models.files_to_delete import plan_deletion
from models.users import User


class PictureState(IntEnum):
    """As the schema describes them; the file of a REFUSED one is deleted."""

    CHECKING = 0
    SHOWN = 1
    REVIEW = 2
    REFUSED = 3


class Picture(Model):
    """The table `pictures`: those of a user's past too, for a while. The id is that of the upload.

    `app_id` is the mini-program by which it came, in which WeChat checks it under `trace_id`. `due_at` is when the
    server next asks or gives up, in epoch milliseconds as all times; None where it waits for nothing. `replaced_at` is
    when another picture, or none, took its place, and its file was freed: of the others a user has one, or two while
    the newest waits for its check and the one before is still shown.
    """

    id = fields.CharField(primary_key=True, max_length=22)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="pictures", on_delete=fields.CASCADE, db_index=True
    )
    app_id = fields.CharField(max_length=32)
    name = fields.CharField(max_length=64)
    url = fields.CharField(max_length=1024)
    # A `PictureState`.
    state = fields.SmallIntField()
    trace_id = fields.CharField(max_length=64, null=True)
    # WeChat's number for what it found.
    label = fields.IntField(null=True)
    tries = fields.SmallIntField()
    checked_at = fields.BigIntField(null=True)
    due_at = fields.BigIntField(null=True)
    created_at = fields.BigIntField()
    replaced_at = fields.BigIntField(null=True, db_index=True)

    class Meta:
        table = "pictures"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Pictures that users have saved."
        indexes = (("app_id", "trace_id"), ("state", "due_at"))


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A row of `pictures`, but for when it was replaced."""

    id: str
    user_id: str
    app_id: str
    name: str = field(repr=False)
    url: str = field(repr=False)
    state: PictureState
    trace_id: str | None = field(repr=False)
    label: int | None
    tries: int
    checked_at: int | None
    due_at: int | None
    created_at: int


_COLUMNS: Final = tuple(StoredPicture.__slots__)
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)}, replaced_at FROM pictures"  # noqa: S608 - constants only
_IN_USE: Final = f"{_SELECT} WHERE user_id = $1 AND replaced_at IS NULL ORDER BY created_at DESC, id DESC"
_BY_ID: Final = f"{_SELECT} WHERE id = $1"
# One statement, and so one moment: between two, WeChat's response could be stored. Each half reads by an index.
_CHECKED: Final = f"""
SELECT
  (SELECT id FROM pictures WHERE app_id = $1 AND trace_id = $2 ORDER BY created_at DESC LIMIT 1) AS id,
  EXISTS (SELECT 1 FROM pictures WHERE app_id = $1 AND state = {PictureState.CHECKING.value} AND due_at <= $3) AS asked
"""  # noqa: S608 - constants only
# A picture is due while WeChat is asked about it again, and a minute after it is saved, when WeChat is asked at once;
# the rest is for servers whose clocks differ.
_ASKED_BEFORE_DUE_MS: Final = 900_000
_INSERT: Final = """
INSERT INTO pictures (id, user_id, app_id, name, url, state, tries, due_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)"""
_JUDGE: Final = "UPDATE pictures SET state = $2, label = $3, checked_at = $4, due_at = NULL WHERE id = $1"
_END_CHECK: Final = "UPDATE pictures SET trace_id = NULL WHERE id = $1"
_MAKE_DUE: Final = "UPDATE pictures SET due_at = $2 WHERE id = $1 AND due_at > $2"
_RETIRE: Final = """
UPDATE pictures SET replaced_at = $3, due_at = NULL WHERE user_id = $1 AND name <> $2 AND replaced_at IS NULL
RETURNING name, state"""
_MOVE: Final = "UPDATE pictures SET user_id = $2 WHERE id = $1"
_DELETE: Final = "DELETE FROM pictures WHERE user_id = $1 AND created_at <= $2 RETURNING name, state, replaced_at"
# An operator's or the server's turn; the others wait for nothing, and are as many as there are users.
_WAITING: Final = (PictureState.CHECKING, PictureState.REVIEW)


def pictures_in_use(user_id: str) -> Steps[Sequence[StoredPicture]]:
    """A user's pictures that are not replaced, the newest first. The transaction has locked the user."""
    return [_stored(row) for row in (yield _IN_USE, (user_id,))]


def select_picture(picture_id: str) -> Steps[tuple[StoredPicture, bool] | None]:
    """A picture, and whether it is not replaced; None when it is gone."""
    rows = yield _BY_ID, (picture_id,)
    return (_stored(rows[0]), rows[0]["replaced_at"] is None) if rows else None


def find_checked(app_id: str, trace_id: str, *, now: int) -> Steps[tuple[str | None, bool]]:
    """The picture that WeChat checks under this id, or None; and whether WeChat may be being asked about any just now.

    If so, its response with the id may be still to come.
    """
    [row] = yield _CHECKED, (app_id, trace_id, now + _ASKED_BEFORE_DUE_MS)
    return row["id"], bool(row["asked"])


def insert_picture(picture: StoredPicture) -> Steps[None]:
    """Stores a picture that has been saved just now. The transaction has locked the user."""
    saved = (picture.id, picture.user_id, picture.app_id, picture.name, picture.url)
    yield _INSERT, (*saved, int(picture.state), picture.due_at, picture.created_at)


def set_verdict(picture_id: str, *, state: PictureState, label: int | None, is_last: bool, now: int) -> Steps[None]:
    """Stores what a picture was found to be; it waits for nothing any more. The last verdict ends its check."""
    yield _JUDGE, (picture_id, int(state), label, now)
    if is_last:
        yield _END_CHECK, (picture_id,)


def make_due(picture_id: str, now: int) -> Steps[None]:
    """Has a picture that waits for the result of its check looked at at once."""
    yield _MAKE_DUE, (picture_id, now)


def retire_pictures(user_id: str, *, but: str, now: int) -> Steps[int]:
    """Marks a user's pictures as replaced, but the one with this file, and frees their files; how many."""
    rows = yield _RETIRE, (user_id, but, now)
    yield from plan_deletion([row["name"] for row in rows if row["state"] != PictureState.REFUSED], now)
    return len(rows)


def move_picture(picture_id: str, user_id: str) -> Steps[None]:
    """Gives a picture to another user."""
    yield _MOVE, (picture_id, user_id)


def free_pictures(user_id: str, *, before: int, now: int) -> Steps[Collection[str]]:
    """Deletes a user's pictures that were saved by `before`, and frees their files; the names of those in use."""
    rows = yield _DELETE, (user_id, before)
    names = {row["name"] for row in rows if row["replaced_at"] is None}
    yield from plan_deletion(names, now)
    return names


async def find_picture(database: Database, user_id: str) -> StoredPicture | None:
    """A user's newest picture that is not replaced. Raises `DatabaseError`, as all here that await."""
    newest = Picture.filter(user_id=user_id, replaced_at=None).order_by("-created_at", "-id").limit(1)
    return next(iter(await _read(database, newest)), None)


async def list_pictures(database: Database, user_id: str, *, most: int) -> Sequence[tuple[StoredPicture, bool]]:
    """A user's newest pictures, and of each whether it is not replaced."""
    newest = Picture.filter(user_id=user_id).order_by("-created_at", "-id").limit(most)
    rows = await database.run(lambda: newest.values(*_COLUMNS, "replaced_at"), reads=True)
    return [(_stored(row), row["replaced_at"] is None) for row in rows]


async def due_pictures(database: Database, *, now: int, after: str, limit: int) -> Sequence[StoredPicture]:
    """The next pictures by id that wait for their check, and are due."""
    due = Picture.filter(state=PictureState.CHECKING, due_at__lte=now, id__gt=after).order_by("id").limit(limit)
    return await _read(database, due)


async def note_check(
    database: Database,
    picture: StoredPicture,
    *,
    trace_id: str | None,
    due_at: int | None,
    state: PictureState,
    tries: int | None = None,
) -> bool:
    """Notes that WeChat was asked about a picture, or could not be; False where it is not as it was read any more.

    Without a `trace_id` the one that it has stays. `tries` is what to count from now on, and never less than before:
    one more where it is None.
    """
    same = Picture.filter(id=picture.id, tries=picture.tries, state=picture.state, replaced_at=None)
    change: dict[str, Any] = {"due_at": due_at, "state": state, "tries": picture.tries + 1 if tries is None else tries}
    if trace_id is not None:
        change["trace_id"] = trace_id
    return await database.run(lambda: same.update(**change)) == 1


async def read_pictures(
    database: Database, *, states: Collection[PictureState], size: int = 500
) -> AsyncIterator[Sequence[StoredPicture]]:
    """The pictures in use that are in one of these states, the oldest first and at most `size` at a time."""
    in_use = Picture.filter(state__in=list(states), replaced_at=None).order_by("created_at", "id").limit(size)
    rest = in_use
    while page := await _read(database, rest):
        yield page
        at, last = page[-1].created_at, page[-1].id
        rest = in_use.filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=last))


async def delete_replaced(database: Database, *, before: int, size: int) -> AsyncIterator[int]:
    """Deletes the rows of pictures that were replaced before a time, page by page; how many with each."""
    old = Picture.filter(replaced_at__lt=before).order_by("replaced_at").limit(size)
    while ids := await database.run(lambda: old.values_list("id", flat=True), reads=True):
        yield await database.run(Picture.filter(id__in=ids).delete)


async def count_pictures(database: Database) -> Mapping[PictureState, tuple[int, int | None]]:
    """How many pictures are CHECKING and REVIEW, and since when the oldest of each is, in epoch milliseconds."""
    rows = Picture.filter(state__in=_WAITING, replaced_at=None).group_by("state")
    counted = rows.annotate(number=Count("id"), oldest=Min("created_at")).values_list("state", "number", "oldest")
    found = {state: (number, oldest) for state, number, oldest in await database.run(lambda: counted, reads=True)}
    return {state: found.get(state, (0, None)) for state in _WAITING}


async def _read(database: Database, pictures: Any) -> Sequence[StoredPicture]:
    return [_stored(row) for row in await database.run(lambda: pictures.values(*_COLUMNS), reads=True)]


def _stored(row: Row) -> StoredPicture:
    return StoredPicture(**{name: row[name] for name in _COLUMNS} | {"state": PictureState(row["state"])})
