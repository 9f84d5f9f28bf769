"""Pictures to upload and to save, as if they were in a store, and what the tables then hold of them."""

from typing import Any, Final, Literal

from models.audit_log import AuditAction, Audited
from models.database import Database
from models.pictures import PictureState, StoredPicture, find_picture
from models.profile_updates import CheckedText, PictureRules, ProfileChange, Updated, update_profile
from models.uploads import NewUpload, store_upload
from tests.models.phones import account_of
from tests.models.rows import MINUTE, NOON

HOUR: Final = 60 * MINUTE
STORE: Final = "https://api.example.com/avatars"
Mode = Literal["off", "after", "before"]


def file_of(picture: str) -> str:
    return f"{picture}.jpg"


def address_of(picture: str) -> str:
    return f"{STORE}/{picture}.jpg"


def an_upload(picture: str = "picture-1", user_id: str = "user-1", *, expires_at: int = NOON + HOUR) -> NewUpload:
    return NewUpload(id=picture, user_id=user_id, name=file_of(picture), width=640, height=640, expires_at=expires_at)


def picture_rules(mode: Mode = "off", *, app_id: str = "wx-one") -> PictureRules:
    """As the server saves pictures where they are checked so."""
    return PictureRules(
        url_of=lambda name: f"{STORE}/{name}",
        state=PictureState.SHOWN if mode == "off" else PictureState.CHECKING,
        is_shown=mode != "before",
        due_at=None if mode == "off" else NOON,
        app_id=app_id,
    )


def an_update() -> Audited:
    return AuditAction.PROFILE_UPDATED.entry(now=NOON, user_id=None)


async def change(
    database: Database,
    user_id: str = "user-1",
    *,
    checked: CheckedText | None = None,
    mode: Mode = "off",
    entry: Audited | None = None,
    now: int = NOON,
    **changes: Any,
) -> Any:
    """What comes of a user's changing their profile, through their first account."""
    return await update_profile(
        database,
        await account_of(database, user_id),
        ProfileChange(**changes),
        picture=picture_rules(mode),
        checked=checked,
        entry=entry or an_update(),
        now=now,
    )


async def changed(database: Database, user_id: str = "user-1", **changes: Any) -> Updated:
    """As `change`, which must have changed something."""
    updated = await change(database, user_id, **changes)
    assert isinstance(updated, Updated)
    assert updated.changed
    return updated


async def save(
    database: Database, picture: str = "picture-1", user_id: str = "user-1", *, mode: Mode = "off", now: int = NOON
) -> StoredPicture:
    """The user's picture, uploaded and saved."""
    assert await store_upload(database, an_upload(picture, user_id))
    await changed(database, user_id, upload_id=picture, mode=mode, now=now)
    saved = await find_picture(database, user_id)
    assert saved is not None
    assert saved.id == picture
    return saved


async def files(database: Database) -> dict[str, int]:
    """The files that are to be deleted, and from when on."""
    rows = await database.fetch("SELECT name, due_at FROM files_to_delete ORDER BY name")
    return {row["name"]: row["due_at"] for row in rows}


async def pictures_of(database: Database) -> dict[str, tuple[str, str, bool]]:
    """Whose each picture is, its state, and whether it is not replaced."""
    rows = await database.fetch("SELECT id, user_id, state, replaced_at FROM pictures ORDER BY id")
    return {row["id"]: (row["user_id"], PictureState(row["state"]).name, row["replaced_at"] is None) for row in rows}


async def profile_of(database: Database, user_id: str = "user-1") -> dict[str, Any]:
    """A user's row."""
    [row] = await database.fetch("SELECT * FROM users WHERE id = $1", user_id)
    return dict(row)


async def avatar_of(database: Database, user_id: str = "user-1") -> tuple[str, str, int]:
    """Its address, its file and its source."""
    row = await profile_of(database, user_id)
    return row["avatar_url"], row["avatar_name"], row["avatar_source"]
