"""What users typed and uploaded, stored behind the server's back: what is kept of them, without how it came."""

from typing import Any, Final

from graph.settings import Settings
from tests.accounts.stored import run_sql
from tests.server import APP_ID

PUBLIC_URL: Final = "https://api.example.com/avatars"


def address_of(picture: str) -> str:
    return f"{PUBLIC_URL}/{picture}.jpg"


async def add_picture(settings: Settings, user_id: str, picture: str, *, at: int, state: int = 1) -> None:
    """A picture of this time in epoch milliseconds, which the profile does not show."""
    columns = "id, user_id, app_id, name, url, state, tries, created_at"
    values = f"'{picture}', '{user_id}', '{APP_ID}', '{picture}.jpg', '{address_of(picture)}', {state}, 0, {at}"
    await run_sql(settings, f"INSERT INTO pictures ({columns}) VALUES ({values})")  # noqa: S608 - of this file


async def show_picture(settings: Settings, user_id: str, picture: str, *, at: int, state: int = 1) -> None:
    """As `add_picture`, one that the profile shows."""
    await add_picture(settings, user_id, picture, at=at, state=state)
    shown = f"avatar_url = '{address_of(picture)}', avatar_name = '{picture}.jpg', avatar_source = 1, avatar_at = {at}"
    await run_sql(settings, f"UPDATE users SET {shown} WHERE id = '{user_id}'")  # noqa: S608 - of this file


async def add_upload(settings: Settings, user_id: str, picture: str, *, expires_at: int) -> None:
    """A picture that was uploaded and not saved."""
    values = f"'{picture}', '{user_id}', '{picture}.jpg', 640, 640, {expires_at}"
    columns = "id, user_id, name, width, height, expires_at"
    await run_sql(settings, f"INSERT INTO uploads ({columns}) VALUES ({values})")  # noqa: S608 - of this file


async def type_name(settings: Settings, user_id: str, name: str, *, at: int) -> None:
    """A nickname that the user has typed, and that an operator must see."""
    typed = f"nick_name = '{name}', nick_name_source = 1, nick_name_at = {at}"
    await run_sql(settings, f"UPDATE users SET {typed} WHERE id = '{user_id}'")  # noqa: S608 - of this file
    values = f"'{user_id}', '{APP_ID}', 1, 0, {at}"
    columns = "user_id, app_id, state, tries, created_at"
    await run_sql(settings, f"INSERT INTO text_checks ({columns}) VALUES ({values})")  # noqa: S608 - of this file


async def files_to_delete(settings: Settings) -> dict[str, Any]:
    """The files that no row needs, and from when on they go."""
    rows = await run_sql(settings, "SELECT name, due_at FROM files_to_delete ORDER BY name")
    return {row["name"]: row["due_at"] for row in rows}
