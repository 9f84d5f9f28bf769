"""Users who have saved pictures and typed texts, for the commands that decide about them."""

from typing import Final

from models.audit_log import AuditAction
from models.database import Database
from models.pictures import PictureState
from models.profile_updates import CheckedText, PictureRules, ProfileChange, Updated, update_profile
from models.text_checks import TextCheckState
from models.uploads import NewUpload, store_upload
from tests.models.rows import MINUTE, NOON, a_login, stored

PREFIX: Final = "https://api.example.com/avatars"


async def a_user(database: Database, number: int = 1) -> int:
    """The account of the user `user-<number>`."""
    return (await stored(database, a_login(number, openid=f"openid-{number}"))).account_id


async def save_picture(
    database: Database, account_id: int, picture_id: str, state: PictureState, *, minute: int, user: str = "user-1"
) -> None:
    """Uploads and saves a picture; one that waits for its verdict is not shown meanwhile."""
    now = NOON + minute * MINUTE
    upload = NewUpload(id=picture_id, user_id=user, name=f"{picture_id}.jpg", width=64, height=64, expires_at=now + 1)
    assert await store_upload(database, upload)
    rules = PictureRules(
        url_of=lambda name: f"{PREFIX}/{name}",
        state=state,
        is_shown=state is PictureState.SHOWN,
        due_at=None,
        app_id="wx-one",
    )
    await save(database, account_id, ProfileChange(upload_id=picture_id), picture=rules, now=now)


async def save_texts(
    database: Database, account_id: int, change: ProfileChange, content: str, state: TextCheckState, *, minute: int
) -> None:
    """Saves texts, of which this is the content, that have not been passed."""
    checked = CheckedText(content=content, state=state, label=20006 if state is TextCheckState.REVIEW else None)
    await save(database, account_id, change, checked=checked, now=NOON + minute * MINUTE)


async def save(
    database: Database,
    account_id: int,
    change: ProfileChange,
    *,
    picture: PictureRules | None = None,
    checked: CheckedText | None = None,
    now: int,
) -> None:
    entry = AuditAction.PROFILE_UPDATED.entry(now=now, user_id=None)
    done = await update_profile(database, account_id, change, picture=picture, checked=checked, entry=entry, now=now)
    assert isinstance(done, Updated)
    assert done.changed
