"""A server that takes pictures and names, and what WeChat finds of them."""

import asyncio
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image

from graph.settings import AvatarsSettings, CheckSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.inbox import PATIENCE, applied, settings_with_events
from tests.accounts.stored import run_sql
from tests.server import USER, TestServer, settings_for
from tests.wechat.pushes import event, push, send

PROFILE: Final = f"{USER} picture {{ url state uploadedAt }}"
UPDATE: Final = f"""
mutation (
  $nickName: String, $avatar: ID, $gender: Gender, $city: String, $province: String, $country: String, $language: String
) {{
  updateProfile(
    nickName: $nickName, avatar: $avatar, gender: $gender, city: $city, province: $province, country: $country,
    language: $language
  ) {{ {PROFILE} }}
}}"""
MY_PROFILE: Final = f"{{ me {{ {PROFILE} }} }}"
CHECK_TEXT: Final = "/wxa/msg_sec_check"
CHECK_PICTURE: Final = "/wxa/media_check_async"
# Refuses every connection at once: WeChat's own download is of no interest here.
PUBLIC_URL: Final = "http://127.0.0.1:9/avatars"


def settings_with_pictures(
    wechat: WeChatSimulator,
    database_url: str,
    directory: Path,
    *others: WeChatSimulator,
    events: bool = True,
    check: CheckSettings | None = None,
    **groups: Any,
) -> Settings:
    """Settings of a server that keeps pictures in a directory; with `events`, it takes WeChat's."""
    store = directory / "avatars"
    store.mkdir(exist_ok=True)
    groups |= {
        "avatars": AvatarsSettings(store=f"file://{store}", public_url=PUBLIC_URL),
        "check": check or CheckSettings(),
    }
    return (
        settings_with_events(wechat, database_url, *others, **groups)
        if events
        else settings_for(wechat, database_url, **groups)
    )


async def upload(server: TestServer, token: str) -> str:
    """The id of a picture that a user uploads."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/png"}
    answer = await server.http.post("/uploads/avatar", content=picture_bytes(), headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["avatar"])


@cache
def picture_bytes() -> bytes:
    """The smallest picture that is taken."""
    file = BytesIO()
    Image.new("RGB", (64, 64), "green").save(file, "PNG")
    return file.getvalue()


def directory_of(settings: Settings) -> Path:
    """Where the server keeps pictures."""
    assert settings.avatars.store is not None
    return Path(settings.avatars.store.removeprefix("file://"))


def files(settings: Settings) -> list[str]:
    """The pictures that are kept, by their uploads' ids."""
    return sorted(path.stem for path in directory_of(settings).iterdir())


def url_of(upload_id: str) -> str:
    """Where the world finds a picture."""
    return f"{PUBLIC_URL}/{upload_id}.jpg"


async def update(server: TestServer, token: str, **arguments: object) -> Any:
    """The user after a change that succeeds."""
    answer = await server.post(UPDATE, arguments, token=token)
    assert "errors" not in answer, answer
    return answer["data"]["updateProfile"]


async def refusal(server: TestServer, token: str, **arguments: object) -> dict[str, Any]:
    """The one error of a change, without its requestId."""
    [error] = (await server.post(UPDATE, arguments, token=token))["errors"]
    extensions = {name: value for name, value in error["extensions"].items() if name != "requestId"}
    return {"message": error["message"], **extensions}


async def profile(server: TestServer, token: str) -> Any:
    """What `me` shows."""
    answer = await server.post(MY_PROFILE, token=token)
    assert "errors" not in answer, answer
    return answer["data"]["me"]


async def pictures(settings: Settings) -> list[dict[str, Any]]:
    """The rows of pictures, oldest first."""
    return await run_sql(settings, "SELECT * FROM pictures ORDER BY created_at, id")


async def text_checks(settings: Settings) -> list[dict[str, Any]]:
    """The rows of texts that have not been passed."""
    return await run_sql(settings, "SELECT * FROM text_checks")


async def until(settings: Settings, where: str, table: str = "pictures") -> dict[str, Any]:
    """The row of which it is true, once there is one and no more."""
    async with asyncio.timeout(PATIENCE):
        while len(found := await run_sql(settings, f"SELECT * FROM {table} WHERE {where}")) != 1:  # noqa: ASYNC110, S608
            await asyncio.sleep(0.02)
    return found[0]


async def asked(settings: Settings, upload_id: str) -> str:
    """The trace_id under which WeChat checks a picture, once the server has stored it."""
    row = await until(settings, f"id = '{upload_id}' AND trace_id IS NOT NULL")
    return str(row["trace_id"])


async def result(
    server: TestServer,
    settings: Settings,
    trace_id: str,
    suggest: str = "pass",
    *,
    errcode: int = 0,
    style: str = "json",
    unapplied: int = 0,
) -> None:
    """Pushes what WeChat found, and returns when it is applied; `unapplied` events may wait by then."""
    app_id, at = server.wechat.app_id, server.clock.ms // 1000
    labels = {"pass": 100, "review": 21000, "risky": 20002}
    found = {"suggest": suggest, "label": labels[suggest]}
    more = {"trace_id": trace_id, "version": 2, "errcode": errcode, "result": found}
    message = event("wxa_media_check", "", app_id=app_id, at=at, **more)
    del message["OpenID"]
    answer = await send(server.http, push(message, app_id=app_id, at=at, style=style))
    assert (answer.status_code, answer.text) == (200, "success")
    await applied(settings, but=unapplied)


async def audited(settings: Settings, *actions: str) -> list[dict[str, Any]]:
    """The entries of the audit log with these actions, oldest first."""
    names = ", ".join(f"'{action}'" for action in actions)
    return await run_sql(settings, f"SELECT * FROM audit_log WHERE action IN ({names}) ORDER BY at, id")  # noqa: S608
