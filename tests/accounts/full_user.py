"""A user of whom everything is kept that can be, and where the database still knows of them."""

from dataclasses import dataclass
from typing import Any, Final

from graph.settings import PhoneSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.phones import submit, tap
from tests.accounts.pictures import add_picture, add_upload, show_picture, type_name
from tests.accounts.stored import run_sql
from tests.server import SHOP, TestServer, settings_for, wechat_settings

UNIONID: Final = "union-of-alice"
NUMBER: Final = "+8613800138000"
NAME: Final = "爱丽丝 of Wonderland"
PICTURES: Final = ("shownPictureOfAlice", "waitingPictureOfAlice", "stagedPictureOfAlice")

DELETE: Final = "mutation ($code: String!) { deleteMe(code: $code) { deletedAt } }"
EXPORT: Final = "mutation ($code: String!) { exportMe(code: $code) { document createdAt } }"

_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
}


def settings_of_two_apps(wechat: WeChatSimulator, database_url: str) -> Settings:
    """A server of two mini-programs, on which a phone number is one user's and users try as often as a test wants."""
    unique, unlimited = PhoneSettings(unique=True), RateLimitSettings(privacy="")
    settings = settings_for(wechat, database_url, phone=unique, rate_limit=unlimited)
    return settings.model_copy(update={"wechat": wechat_settings(wechat, wechat.app(SHOP))})


@dataclass(frozen=True)
class FullUser:
    """The user's id, and the tokens of two devices and of a second mini-program."""

    id: str
    tokens: tuple[str, str, str]


async def store_full_user(server: TestServer, settings: Settings) -> FullUser:
    """Alice: of two mini-programs, with a unionid, a profile and a phone number, and proposed for a merge with Bob."""
    shop = server.wechat.app(SHOP)
    login = await server.login("alice", unionId=UNIONID)
    server.clock.advance(seconds=1)
    tablet = await server.login("alice", unionId=UNIONID)
    in_shop = await server.login("alice", app=shop, unionId=UNIONID)
    assert login["user"]["id"] == tablet["user"]["id"] == in_shop["user"]["id"]
    info = server.wechat.user_info("alice", policy="old", nickName=NAME, city="Guangzhou")
    await server.submit(login["token"], info)
    await submit(server, login["token"], tap(server.wechat))
    await server.login("bob")
    await server.login("bob", unionId=UNIONID)
    await _store_given(server, settings, login["user"]["id"])
    return FullUser(login["user"]["id"], (login["token"], tablet["token"], in_shop["token"]))


async def _store_given(server: TestServer, settings: Settings, user_id: str) -> None:
    """What the user has typed and uploaded: a picture that is shown, one that waits for its check, one not saved."""
    at = server.clock.ms
    await type_name(settings, user_id, NAME, at=at)
    await show_picture(settings, user_id, PICTURES[0], at=at)
    await add_picture(settings, user_id, PICTURES[1], at=at + 1, state=0)
    await add_upload(settings, user_id, PICTURES[2], expires_at=at + 3_600_000)


async def traces(settings: Settings, user_id: str) -> dict[str, list[str]]:
    """What identifies the user, by what it is: the values as they are stored."""
    of_user = f"WHERE user_id = '{user_id}'"
    accounts = await run_sql(settings, f"SELECT * FROM accounts {of_user}")  # noqa: S608
    sessions = await run_sql(settings, f"SELECT * FROM sessions {of_user}")  # noqa: S608
    [phone] = await run_sql(settings, f"SELECT * FROM phones {of_user}")  # noqa: S608
    return {
        "id": [user_id],
        "openid": [account["openid"] for account in accounts],
        "unionid": [account["unionid"] for account in accounts],
        "session_key": [account["session_key"] for account in accounts],
        "fingerprint": [account["session_key_fingerprint"] for account in accounts],
        "token": [session["token_hash"] for session in sessions],
        "mac": [session["mac"] for session in sessions],
        "number": [phone["number"], phone["number_index"]],
        "name": [NAME],
        "city": ["Guangzhou"],
        "picture": list(PICTURES),
    }


async def tables_with(settings: Settings, text: str) -> list[str]:
    """The tables that have a text in any column of any row."""
    dialect = "sqlite" if settings.database.url.get_secret_value().startswith("sqlite") else "postgres"
    found = []
    for table in sorted(row["name"] for row in await run_sql(settings, _TABLES[dialect])):
        rows: list[dict[str, Any]] = await run_sql(settings, f"SELECT * FROM {table}")  # noqa: S608
        found += [table] if any(text in str(value) for row in rows for value in row.values()) else []
    return found


async def delete(server: TestServer, token: str, *, user: str = "alice", code: str | None = None) -> Any:
    """The answer to deleteMe with a fresh code."""
    return await server.post(DELETE, {"code": code or server.wechat.login(user)}, token=token)


def error_of(answer: Any) -> tuple[str, str]:
    """The code and the action of the only error in an answer."""
    [error] = answer["errors"]
    return error["extensions"]["code"], error["extensions"]["action"]


async def users(settings: Settings) -> list[str]:
    """The ids of all users, the oldest first."""
    return [row["id"] for row in await run_sql(settings, "SELECT id FROM users ORDER BY created_at, id")]
