"""Pictures that were uploaded and that no profile has yet."""

from dataclasses import dataclass, field
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.database import Database, Steps
from models.files_to_delete import keep_file, plan_deletion
from models.users import User, lock_user


class Upload(Model):
    """The table `uploads`. `name` is the file's; times in epoch milliseconds."""

    id = fields.CharField(primary_key=True, max_length=22)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="uploads", on_delete=fields.CASCADE, db_index=True
    )
    name = fields.CharField(max_length=64)
    width = fields.SmallIntField()
    height = fields.SmallIntField()
    expires_at = fields.BigIntField(db_index=True)

    class Meta:
        table = "uploads"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Pictures that were uploaded and are not saved yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUpload:
    """A picture that is in the store. `expires_at` in epoch milliseconds."""

    id: str
    user_id: str
    name: str = field(repr=False)
    width: int
    height: int
    expires_at: int


_INSERT: Final = """
INSERT INTO uploads (id, user_id, name, width, height, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO NOTHING"""
_TAKE: Final = "DELETE FROM uploads WHERE id = $1 AND user_id = $2 AND expires_at > $3 RETURNING name"
_MOVE: Final = "UPDATE uploads SET user_id = $2 WHERE user_id = $1"
_DELETE_ALL: Final = "DELETE FROM uploads WHERE user_id = $1 RETURNING name"
_EXPIRED: Final = "SELECT id FROM uploads WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2"
_DELETE_EXPIRED: Final = "DELETE FROM uploads WHERE id = $1 AND expires_at <= $2 RETURNING name"


async def store_upload(database: Database, upload: NewUpload) -> bool:
    """Stores an upload, whose file is deleted no more; False when the user is gone. Raises `DatabaseError`."""
    return await database.transaction(lambda: _store(upload))


def _store(upload: NewUpload) -> Steps[bool]:
    # A merge or a deletion of the user frees the files of what it finds: nothing may come to them beside it.
    if (yield from lock_user(upload.user_id)) is None:
        return False
    values = (upload.id, upload.user_id, upload.name, upload.width, upload.height, upload.expires_at)
    yield _INSERT, values
    yield from keep_file(upload.name)
    return True


def take_upload(upload_id: str, user_id: str, now: int) -> Steps[str | None]:
    """Deletes the row of a user's upload; the name of its file, or None when there is none that has not expired."""
    rows = yield _TAKE, (upload_id, user_id, now)
    return rows[0]["name"] if rows else None


def move_uploads(younger: str, older: str) -> Steps[None]:
    """Gives one user's uploads to another."""
    yield _MOVE, (younger, older)


def free_uploads(user_id: str, *, now: int) -> Steps[None]:
    """Deletes a user's uploads, and plans the deletion of their files."""
    yield from plan_deletion([row["name"] for row in (yield _DELETE_ALL, (user_id,))], now)


async def expire_uploads(database: Database, *, now: int, size: int) -> int:
    """Deletes uploads that have expired, `size` of them at most, and plans the deletion of their files; how many.

    Raises `DatabaseError`.
    """
    return await database.transaction(lambda: _expire(now, size))


def _expire(now: int, size: int) -> Steps[int]:
    names: list[str] = []
    for upload_id in sorted([row["id"] for row in (yield _EXPIRED, (now, size))]):
        names += [row["name"] for row in (yield _DELETE_EXPIRED, (upload_id, now))]
    yield from plan_deletion(names, now)
    return len(names)
